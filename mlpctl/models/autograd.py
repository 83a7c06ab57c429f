"""The network differentiated by autograd, the optimizer's step by hand: three rungs that differ in their operations.

`functional` calls torch's own, `functions` are custom autograd functions with their own backward, `elementary` writes
each out as a book does.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from mlpctl.models import autograd_functions, elementary_operations, torch_operations
from mlpctl.models.batch_norm import normalize_by_running
from mlpctl.models.learner import OPTIMIZER_PREFIX, State
from mlpctl.models.optimizers import update

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.spec import Spec

STATISTICS = (".running_mean", ".running_var")


class Operations(Protocol):
    """What a forward pass is made of: a module with these functions, and the activations by name."""

    ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]]

    def affine(self, X: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return X W + b (B, H); X (B, D) may be sparse."""

    def product(self, X: Tensor, maps: Sequence[tuple[Tensor, Tensor | None]]) -> Tensor:
        """Return the product (B, H) of two affine maps of the same X."""

    def normalize(self, u: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Return the batch normalization of u (B, H); the running mean and variance (H,) are moved."""

    def drop(self, a: Tensor, mask: Tensor, p: float) -> Tensor:
        """Return a (B, H) with the units kept by the mask scaled up, the others 0."""

    def loss(self, network: "Network", z: Tensor, y: Tensor) -> Tensor:
        """Return the loss per example (B,)."""


class Autograd:
    """See `mlpctl.models.learner.Learner`."""

    def __init__(self, operations: Operations, network: "Network", spec: "Spec", state: State, device: str) -> None:
        """Take over a state: initial weights, or what `state` of any learner returned."""
        self.operations, self.network, self.spec = operations, network, spec
        tensors = {name: torch.tensor(array, device=device) for name, array in state.items()}
        self.memory = {name: tensor for name, tensor in tensors.items() if name.startswith(OPTIMIZER_PREFIX)}
        self.tensors = {name: tensor for name, tensor in tensors.items() if name not in self.memory}
        self.parameters = {name: t for name, t in self.tensors.items() if not name.endswith(STATISTICS)}
        for parameter in self.parameters.values():
            parameter.requires_grad_()
        layers = enumerate(network.layers)
        self.idle = {f"{n}.{bias}" for n, layer in layers for _, bias in layer.maps if layer.idle_bias}

    def step(self, X: Tensor, y: Tensor, lr: float, masks: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """Take one optimizer step; return the losses (B,) and the outputs (B, C) from before it."""
        z = self.forward(X, masks)
        losses = self.operations.loss(self.network, z, y)
        total = losses.mean() if self.spec.reduction == "mean" else losses.sum()
        total.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            update(self.spec, self.parameters, self._gradients(), self.memory, lr)
        for parameter in self.parameters.values():
            parameter.grad = None
        return losses.detach(), z.detach()

    def forward(self, X: Tensor, masks: Sequence[Tensor | None] | None) -> Tensor:
        """Return the outputs (B, C): in training with the masks of the dropped units, in evaluation without."""
        for number, layer in enumerate(self.network.layers):
            u = self._affine(number, layer, X)
            if layer.batch_norm:
                names = ("bn_weight", "bn_bias", "running_mean", "running_var")
                normalize = normalize_by_running if masks is None else self.operations.normalize
                u = normalize(u, *(self.tensors[f"{number}.{name}"] for name in names))
            X = self.operations.ACTIVATIONS[layer.activation](u)
            mask = masks[number] if masks is not None else None
            if mask is not None:
                X = self.operations.drop(X, mask, layer.dropout)
        return X

    def outputs(self, X: Tensor) -> Tensor:
        """Return the outputs (B, C) in evaluation."""
        with torch.no_grad():
            return self.forward(X, None)

    def state(self) -> State:
        """Return weights, running statistics and optimizer state as named arrays, copied."""
        both = {**self.tensors, **self.memory}
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in both.items()}

    def _affine(self, number: int, layer: "Layer", X: Tensor) -> Tensor:
        maps = [(self.tensors[f"{number}.{w}"], self.tensors[f"{number}.{b}"] if b else None) for w, b in layer.maps]
        return self.operations.product(X, maps) if layer.product else self.operations.affine(X, *maps[0])

    def _gradients(self) -> dict[str, Tensor]:
        gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        return {name: torch.zeros_like(g) if name in self.idle else g for name, g in gradients.items()}


AUTOGRAD = partial(Autograd, torch_operations)
FUNCTION = partial(Autograd, autograd_functions)
SCRATCH = partial(Autograd, elementary_operations)
