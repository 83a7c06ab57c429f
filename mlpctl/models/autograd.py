"""Train a network that autograd differentiates, its operations torch's own; the optimizer's step is by hand.

The implementations `function` and `scratch` are the same with other operations: `mlpctl.models.function` has custom
autograd functions with their own backward pass, `mlpctl.models.scratch` writes each operation out as a book does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from mlpctl.models import losses
from mlpctl.models.constants import BN_EPS, BN_MOMENTUM, LEAKY_SLOPE, SOFTPLUS_THRESHOLD, STATISTICS
from mlpctl.models.learner import OPTIMIZER_PREFIX, State
from mlpctl.models.losses import total_loss
from mlpctl.models.manual import normalize_by_running
from mlpctl.models.optimizers import update

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.spec import Spec


def step(u: Tensor) -> Tensor:
    """Return 1 where the input is positive, else 0; no gradient passes."""
    return (u > 0).to(u.dtype)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "leaky_relu": partial(F.leaky_relu, negative_slope=LEAKY_SLOPE),
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": partial(F.softplus, threshold=SOFTPLUS_THRESHOLD),
    "identity": torch.nn.Identity(),
    "step": step,
}


def affine(X: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return X W + b (B, H)."""
    u = X @ weight
    return u if bias is None else u + bias


def product(X: Tensor, maps: Sequence[tuple[Tensor, Tensor | None]]) -> Tensor:
    """Return the product (B, H) of two affine maps of the same X."""
    first, second = (affine(X, weight, bias) for weight, bias in maps)
    return first * second


def normalize(u: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return the batch normalization of u (B, H); the running statistics are moved."""
    return F.batch_norm(u, mean, variance, weight, bias, training=True, momentum=BN_MOMENTUM, eps=BN_EPS)


def drop(a: Tensor, mask: Tensor, p: float) -> Tensor:
    """Return a (B, H) with the units kept by the mask scaled up, the others 0."""
    return torch.where(mask, a / (1 - p), 0.0)


def loss(network: "Network", z: Tensor, y: Tensor) -> Tensor:
    """Return the loss per example (B,) by torch's own functions; the perceptron's, which torch lacks, is ours."""
    if network.loss == "cross_entropy":
        return F.cross_entropy(z, y.long(), reduction="none")
    if network.loss == "nll":
        return F.nll_loss(F.log_softmax(z, dim=1), y.long(), reduction="none")
    if network.loss == "perceptron":
        return losses.loss(network, z, y)
    t = losses.numeric_targets(network, z, y)
    if network.loss == "mse":
        value = F.mse_loss(z, t, reduction="none")
    elif network.loss == "half_mse":
        value = F.mse_loss(z, t, reduction="none") / 2
    elif network.loss == "huber":
        value = F.huber_loss(z, t, reduction="none", delta=network.huber_delta)
    elif network.loss == "l1":
        value = F.l1_loss(z, t, reduction="none")
    else:
        value = F.binary_cross_entropy_with_logits(z, t, reduction="none")
    return value.mean(dim=1)


@dataclass(frozen=True)
class Operations:
    """Operations of a forward pass.

    Attributes:
        activations: by name; functions of the pre-activations (B, H).
        affine: (X (B, D), perhaps sparse; W; b or None) -> X W + b (B, H).
        product: (X; (W, b) twice) -> the product (B, H) of two affine maps of the same X.
        normalize: (u (B, H), weight, bias, running mean, running variance (H,)) -> batch normalization of u; the
            running statistics are moved.
        drop: (a (B, H), mask of the units kept, p) -> a with the kept units scaled up, the others 0.
        loss: (network, z (B, C), y) -> loss per example (B,).
    """

    activations: Mapping[str, Callable[[Tensor], Tensor]]
    affine: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    product: Callable[[Tensor, Sequence[tuple[Tensor, Tensor | None]]], Tensor]
    normalize: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
    drop: Callable[[Tensor, Tensor, float], Tensor]
    loss: "Callable[[Network, Tensor, Tensor], Tensor]"


class Autograd:
    """Network in training; see `mlpctl.models.learner.Learner`."""

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
        total = total_loss(self.network, self.spec, losses, y)
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
            X = self.operations.activations[layer.activation](u)
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


TORCH = Operations(ACTIVATIONS, affine, product, normalize, drop, loss)
"""torch's own functions."""

autograd = partial(Autograd, TORCH)
