"""The network by hand: forward pass, backward pass and update written out, for NumPy arrays and torch tensors alike.

The readable definition of the arithmetic that every other implementation and engine must reproduce.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.models.activations import ACTIVATIONS
from mlpctl.models.array_namespace import Array, namespace_of
from mlpctl.models.batch_norm import Normalized, move_running, normalize, normalize_backward, normalize_by_running
from mlpctl.models.learner import OPTIMIZER_PREFIX, State
from mlpctl.models.losses import loss_and_gradient
from mlpctl.models.optimizers import update

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.spec import Spec


@dataclass
class Seen:
    """What the backward pass needs of a layer's forward pass.

    Attributes:
        X: inputs (B, inputs).
        factors: what the affine maps gave (B, outputs): one, or two whose product the layer takes.
        slope: derivative of the activation (B, outputs).
        normalized: of batch normalization, or None.
    """

    X: Array
    factors: list[Array]
    slope: Array
    normalized: Normalized | None = None


class Manual:
    """See `mlpctl.models.learner.Learner`; on a device of torch, or without one in NumPy."""

    def __init__(self, network: "Network", spec: "Spec", state: State, device: str | None) -> None:
        """Take over a state: initial weights, or what `state` of any learner returned."""
        self.network, self.spec = network, spec
        arrays = {name: _taken(array, device) for name, array in state.items()}
        self.tensors = {k: v for k, v in arrays.items() if not k.startswith(OPTIMIZER_PREFIX)}
        self.memory = {k: v for k, v in arrays.items() if k.startswith(OPTIMIZER_PREFIX)}

    def step(self, X: Array, y: Array, lr: float, masks: Sequence[Array | None]) -> tuple[Array, Array]:
        """Take one optimizer step; return the losses (B,) and the outputs (B, C) from before it."""
        z, seen = self.forward(X, masks)
        losses, gradient = loss_and_gradient(self.network, z, y)  # (B,), (B, C)
        if self.spec.reduction == "mean":
            gradient = gradient / len(y)
        gradients = self.backward(gradient, seen, masks)
        update(self.spec, self.tensors, gradients, self.memory, lr)
        return losses, z

    def outputs(self, X: Array) -> Array:
        """Return the outputs (B, C) in evaluation."""
        for number, layer in enumerate(self.network.layers):
            u = _product(self._factors(number, layer, X))
            if layer.batch_norm:
                names = ("bn_weight", "bn_bias", "running_mean", "running_var")
                u = normalize_by_running(u, *(self.tensors[f"{number}.{name}"] for name in names))
            X = ACTIVATIONS[layer.activation](u)[0]
        return X

    def forward(self, X: Array, masks: Sequence[Array | None]) -> tuple[Array, list[Seen]]:
        """Return the outputs (B, C) in training, and what the backward pass needs of each layer."""
        seen = []
        for number, layer in enumerate(self.network.layers):
            factors = self._factors(number, layer, X)
            u, normalized = _product(factors), None  # (B, outputs)
            if layer.batch_norm:
                u, normalized = self._normalize(number, u)
            a, slope = ACTIVATIONS[layer.activation](u)
            seen.append(Seen(X, factors, slope, normalized))
            X = _dropped(a, masks[number], layer)
        return X, seen

    def backward(self, gradient: Array, seen: list[Seen], masks: Sequence[Array | None]) -> dict[str, Array]:
        """Return the gradient of every parameter, from the gradient with respect to the outputs (B, C)."""
        gradients: dict[str, Array] = {}
        for number, layer in reversed(list(enumerate(self.network.layers))):
            record = seen[number]
            gradient = _dropped(gradient, masks[number], layer) * record.slope
            if record.normalized is not None:
                gradient, by_weight, by_bias = normalize_backward(
                    gradient, self.tensors[f"{number}.bn_weight"], record.normalized
                )
                gradients |= {f"{number}.bn_weight": by_weight, f"{number}.bn_bias": by_bias}
            by_factor = [gradient]
            if layer.product:
                first, second = record.factors
                by_factor = [gradient * second, gradient * first]
            by_input: Array = 0.0
            for (weight, bias), by_u in zip(layer.maps, by_factor, strict=True):
                gradients[f"{number}.{weight}"] = record.X.T @ by_u  # (inputs, outputs)
                if bias is not None:
                    total = by_u.sum(axis=0)
                    gradients[f"{number}.{bias}"] = namespace_of(total).zeros_like(total) if layer.idle_bias else total
                if number:
                    by_input = by_input + by_u @ self.tensors[f"{number}.{weight}"].T  # (B, inputs)
            gradient = by_input
        return gradients

    def state(self) -> State:
        """Return weights, running statistics and optimizer state as named arrays, copied."""
        return {name: _given(array) for name, array in {**self.tensors, **self.memory}.items()}

    def _factors(self, number: int, layer: "Layer", X: Array) -> list[Array]:
        """Return what each affine map of a layer gives (B, outputs)."""
        us = []
        for weight, bias in layer.maps:
            u = X @ self.tensors[f"{number}.{weight}"]
            us.append(u if bias is None else u + self.tensors[f"{number}.{bias}"])
        return us

    def _normalize(self, number: int, u: Array) -> tuple[Array, Normalized]:
        normalized = normalize(u)
        running = (self.tensors[f"{number}.running_mean"], self.tensors[f"{number}.running_var"])
        move_running(*running, normalized.mean, normalized.variance, len(u))
        scaled = normalized.values * self.tensors[f"{number}.bn_weight"] + self.tensors[f"{number}.bn_bias"]
        return scaled, normalized


def _product(factors: list[Array]) -> Array:
    return factors[0] if len(factors) == 1 else factors[0] * factors[1]


def _dropped(a: Array, mask: Array | None, layer: "Layer") -> Array:
    return a if mask is None else namespace_of(a).where(mask, a / (1 - layer.dropout), 0.0)


def _taken(array: Array, device: str | None) -> Array:
    if device is None:
        return np.array(array)
    import torch

    return torch.tensor(array, device=device)


def _given(array: Array) -> NDArray[Any]:
    return np.array(array) if isinstance(array, np.ndarray) else array.cpu().numpy().copy()
