"""The MLP from scratch: parameter tensors, forward pass, backward pass and optimizers written out (d2l 5.2.1).

The readable definition of the arithmetic that every other engine must reproduce.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mlpctl.models.activations import ACTIVATIONS
from mlpctl.models.constants import BN_EPS, BN_MOMENTUM
from mlpctl.models.learner import OPTIMIZER_PREFIX, State
from mlpctl.models.losses import loss_and_gradient
from mlpctl.models.update import update

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.spec import Spec


@dataclass
class Seen:
    """What the backward pass needs of a layer's forward pass.

    Attributes:
        X: inputs (B, inputs).
        slope: derivative of the activation (B, outputs).
        normalized: batch-normalized pre-activations (B, outputs), or None.
        inverse_deviation: (outputs,) of the minibatch, or None.
    """

    X: Tensor
    slope: Tensor
    normalized: Tensor | None = None
    inverse_deviation: Tensor | None = None


class Scratch:
    """See `mlpctl.models.learner.Learner`."""

    def __init__(self, network: "Network", spec: "Spec", state: State, device: str) -> None:
        """Take over a state: initial weights, or what `state` returned."""
        self.network, self.spec = network, spec
        tensors = {name: torch.tensor(array, device=device) for name, array in state.items()}
        self.tensors = {k: v for k, v in tensors.items() if not k.startswith(OPTIMIZER_PREFIX)}
        self.memory = {k: v for k, v in tensors.items() if k.startswith(OPTIMIZER_PREFIX)}

    def step(self, X: Tensor, y: Tensor, lr: float, masks: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """Take one optimizer step; return the losses (B,) and the outputs (B, C) from before it."""
        z, seen = self.forward(X, masks)
        losses, gradient = loss_and_gradient(self.network, z, y)  # (B,), (B, C)
        if self.spec.reduction == "mean":
            gradient = gradient / len(y)
        gradients = self.backward(gradient, seen, masks)
        update(self.spec, self.tensors, gradients, self.memory, lr)
        return losses, z

    def outputs(self, X: Tensor) -> Tensor:
        """Return the outputs (B, C) in evaluation."""
        for number, layer in enumerate(self.network.layers):
            u = X @ self.tensors[f"{number}.weight"] + self.tensors[f"{number}.bias"]
            if layer.batch_norm:
                u = (u - self.tensors[f"{number}.running_mean"]) / torch.sqrt(
                    self.tensors[f"{number}.running_var"] + BN_EPS
                )
                u = u * self.tensors[f"{number}.bn_weight"] + self.tensors[f"{number}.bn_bias"]
            X = ACTIVATIONS[layer.activation](u)[0]
        return X

    def forward(self, X: Tensor, masks: Sequence[Tensor | None]) -> tuple[Tensor, list[Seen]]:
        """Return the outputs (B, C) in training, and what the backward pass needs of each layer."""
        seen = []
        for number, layer in enumerate(self.network.layers):
            u = X @ self.tensors[f"{number}.weight"] + self.tensors[f"{number}.bias"]  # (B, outputs)
            record = Seen(X, u)
            if layer.batch_norm:
                u = self._normalize(number, u, record)
            X, record.slope = ACTIVATIONS[layer.activation](u)
            mask = masks[number]
            if mask is not None:
                X = torch.where(mask, X / (1 - layer.dropout), 0.0)
            seen.append(record)
        return X, seen

    def backward(self, gradient: Tensor, seen: list[Seen], masks: Sequence[Tensor | None]) -> dict[str, Tensor]:
        """Return the gradient of every parameter, from the gradient with respect to the outputs (B, C)."""
        gradients: dict[str, Tensor] = {}
        for number, layer in reversed(list(enumerate(self.network.layers))):
            record, mask = seen[number], masks[number]
            if mask is not None:
                gradient = torch.where(mask, gradient / (1 - layer.dropout), 0.0)
            gradient = gradient * record.slope
            if layer.batch_norm:
                gradient, by_parameter = self._normalize_backward(number, layer, gradient, record)
                gradients |= by_parameter
            gradients[f"{number}.weight"] = record.X.t() @ gradient  # (inputs, outputs)
            total = gradient.sum(dim=0)
            # before a normalization a bias changes nothing: what its sum shows is rounding, which Adam would scale up
            gradients[f"{number}.bias"] = torch.zeros_like(total) if layer.batch_norm else total
            if number:
                gradient = gradient @ self.tensors[f"{number}.weight"].t()  # (B, inputs)
        return gradients

    def state(self) -> State:
        """Return weights, running statistics and optimizer state as named arrays, copied."""
        both = {**self.tensors, **self.memory}
        return {name: tensor.cpu().numpy().copy() for name, tensor in both.items()}

    def _normalize(self, number: int, u: Tensor, record: Seen) -> Tensor:
        n = len(u)
        mean, variance = u.mean(dim=0), u.var(dim=0, correction=0)
        record.inverse_deviation = 1 / torch.sqrt(variance + BN_EPS)
        record.normalized = (u - mean) * record.inverse_deviation
        for name, value in (("running_mean", mean), ("running_var", variance * (n / (n - 1)))):
            running = self.tensors[f"{number}.{name}"]
            running += BN_MOMENTUM * (value - running)
        return record.normalized * self.tensors[f"{number}.bn_weight"] + self.tensors[f"{number}.bn_bias"]

    def _normalize_backward(
        self, number: int, layer: "Layer", gradient: Tensor, record: Seen
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Ioffe and Szegedy 2015, section 3, gathered into one line."""
        assert layer.batch_norm
        assert record.normalized is not None
        assert record.inverse_deviation is not None
        by_parameter = {
            f"{number}.bn_weight": (gradient * record.normalized).sum(dim=0),
            f"{number}.bn_bias": gradient.sum(dim=0),
        }
        scale = self.tensors[f"{number}.bn_weight"] * record.inverse_deviation
        mean = gradient.mean(dim=0)
        along = record.normalized * (gradient * record.normalized).mean(dim=0)
        return scale * (gradient - mean - along), by_parameter
