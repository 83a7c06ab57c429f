"""Train a network by hand on torch tensors: `mlpctl.models.numpy` in torch, on any device; autograd is not used.

In the same order: activations, batch normalization, dropout, the network. Losses and optimizers, which engines and
other implementations share, are files of their own: `mlpctl.models.losses`, `mlpctl.models.optimizers`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mlpctl.models.constants import BN_EPS, BN_MOMENTUM, LEAKY_SLOPE
from mlpctl.models.learner import OPTIMIZER_PREFIX, State
from mlpctl.models.losses import loss_and_gradient, total_gradient
from mlpctl.models.optimizers import update

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.spec import Spec


def _relu(u: Tensor) -> tuple[Tensor, Tensor]:
    return torch.where(u > 0, u, 0.0), (u > 0).to(u.dtype)


def _sigmoid(u: Tensor) -> tuple[Tensor, Tensor]:
    a = 1 / (1 + torch.exp(-u))
    return a, a * (1 - a)


def _tanh(u: Tensor) -> tuple[Tensor, Tensor]:
    a = torch.tanh(u)
    return a, 1 - a**2


def _leaky_relu(u: Tensor) -> tuple[Tensor, Tensor]:
    slope = torch.where(u > 0, torch.ones_like(u), LEAKY_SLOPE)
    return u * slope, slope


def _elu(u: Tensor) -> tuple[Tensor, Tensor]:
    below = torch.expm1(torch.clip(u, None, 0))
    return torch.where(u > 0, u, below), torch.where(u > 0, 1.0, below + 1)


def _gelu(u: Tensor) -> tuple[Tensor, Tensor]:
    cdf = 0.5 * (1 + torch.erf(u / math.sqrt(2)))
    return u * cdf, cdf + u * torch.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)


def _silu(u: Tensor) -> tuple[Tensor, Tensor]:
    s = 1 / (1 + torch.exp(-u))
    return u * s, s * (1 + u * (1 - s))


def _softplus(u: Tensor) -> tuple[Tensor, Tensor]:
    return torch.logaddexp(u, torch.zeros_like(u)), 1 / (1 + torch.exp(-u))


def _identity(u: Tensor) -> tuple[Tensor, Tensor]:
    return u, torch.ones_like(u)


def _step(u: Tensor) -> tuple[Tensor, Tensor]:
    return (u > 0).to(u.dtype), torch.zeros_like(u)


ACTIVATIONS: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "identity": _identity,
    "step": _step,
}
"""Name -> function of the pre-activation (B, H) that returns the activation and its derivative, both (B, H)."""


def normalize(u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return (normalized (B, H), 1 / standard deviation, mean, variance (H,)) over the minibatch."""
    mean = u.mean(dim=0)
    centred = u - mean
    variance = (centred**2).mean(dim=0)
    inverse_sd = 1 / torch.sqrt(variance + BN_EPS)
    return centred * inverse_sd, inverse_sd, mean, variance


def move_running(running_mean: Tensor, running_var: Tensor, mean: Tensor, variance: Tensor, n: int) -> None:
    """Change the running statistics (H,) in place by a minibatch of n; the variance as an unbiased estimate."""
    running_mean += BN_MOMENTUM * (mean - running_mean)
    running_var += BN_MOMENTUM * (variance * (n / (n - 1)) - running_var)


def normalize_backward(g: Tensor, weight: Tensor, u_hat: Tensor, inverse_sd: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the pre-activations (B, H), the weight and the bias (H,)."""
    by_u = weight * inverse_sd * (g - g.mean(dim=0) - u_hat * (g * u_hat).mean(dim=0))
    return by_u, (g * u_hat).sum(dim=0), g.sum(dim=0)


def normalize_by_running(u: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return pre-activations (B, H) as they are normalized in evaluation."""
    return (u - mean) / torch.sqrt(variance + BN_EPS) * weight + bias


def dropped(a: Tensor, mask: Tensor | None, p: float) -> Tensor:
    """Return a (B, H) with the units kept by the mask scaled up, the others 0."""
    return a if mask is None else torch.where(mask, a / (1 - p), 0.0)


@dataclass
class ForwardValues:
    """Values of a layer's forward pass that its backward pass needs.

    Attributes:
        X: inputs (B, inputs).
        factors: results of the affine maps (B, outputs): one, or two whose product the layer takes.
        slope: derivative of the activation (B, outputs).
        normalized: (normalized pre-activations (B, outputs), 1 / standard deviation (outputs,)) of batch normalization.
    """

    X: Tensor
    factors: list[Tensor]
    slope: Tensor
    normalized: tuple[Tensor, Tensor] | None = None


class Manual:
    """Network in training; see `mlpctl.models.learner.Learner`."""

    def __init__(self, network: "Network", spec: "Spec", state: State, device: str) -> None:
        """Take over a state: initial weights, or what `state` of any learner returned."""
        self.network, self.spec = network, spec
        tensors = {name: torch.tensor(array, device=device) for name, array in state.items()}
        self.tensors = {k: v for k, v in tensors.items() if not k.startswith(OPTIMIZER_PREFIX)}
        self.memory = {k: v for k, v in tensors.items() if k.startswith(OPTIMIZER_PREFIX)}

    def forward(self, X: Tensor, masks: Sequence[Tensor | None]) -> tuple[Tensor, list[ForwardValues]]:
        """Return the outputs (B, C) in training, and what the backward pass needs of each layer."""
        caches = []
        for number, layer in enumerate(self.network.layers):
            factors = self._factors(number, layer, X)
            u, normalized = _product(factors), None  # (B, outputs)
            if layer.batch_norm:
                weight, bias, *running = self._batch_norm(number)
                u_hat, inverse_sd, mean, variance = normalize(u)
                move_running(running[0], running[1], mean, variance, len(u))
                u, normalized = u_hat * weight + bias, (u_hat, inverse_sd)
            a, slope = ACTIVATIONS[layer.activation](u)
            caches.append(ForwardValues(X, factors, slope, normalized))
            X = dropped(a, masks[number], layer.dropout)
        return X, caches

    def backward(self, g: Tensor, caches: list[ForwardValues], masks: Sequence[Tensor | None]) -> dict[str, Tensor]:
        """Return the gradient of every parameter, from the gradient g (B, C) by the outputs."""
        gradients: dict[str, Tensor] = {}
        for number, layer in reversed(list(enumerate(self.network.layers))):
            cache = caches[number]
            g = dropped(g, masks[number], layer.dropout) * cache.slope
            if cache.normalized is not None:
                weight = self.tensors[f"{number}.bn_weight"]
                g, by_weight, by_bias = normalize_backward(g, weight, *cache.normalized)
                gradients |= {f"{number}.bn_weight": by_weight, f"{number}.bn_bias": by_bias}
            by_us = [g * other for other in reversed(cache.factors)] if layer.product else [g]
            for (name, bias), by_u in zip(layer.maps, by_us, strict=True):
                gradients[f"{number}.{name}"] = cache.X.T @ by_u  # (inputs, outputs)
                if bias is not None:
                    total = by_u.sum(dim=0)
                    gradients[f"{number}.{bias}"] = torch.zeros_like(total) if layer.idle_bias else total
            if number:  # the gradient by the inputs of the network is not needed
                by_X = [
                    by_u @ self.tensors[f"{number}.{name}"].T for (name, _), by_u in zip(layer.maps, by_us, strict=True)
                ]
                g = by_X[0] + by_X[1] if layer.product else by_X[0]  # (B, inputs)
        return gradients

    def step(self, X: Tensor, y: Tensor, lr: float, masks: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """Take one optimizer step; return the losses (B,) and the outputs (B, C) from before it."""
        z, caches = self.forward(X, masks)
        losses, g = loss_and_gradient(self.network, z, y)  # (B,), (B, C)
        gradients = self.backward(total_gradient(self.network, self.spec, g, y), caches, masks)
        update(self.spec, self.tensors, gradients, self.memory, lr)
        return losses, z

    def outputs(self, X: Tensor) -> Tensor:
        """Return the outputs (B, C) in evaluation."""
        for number, layer in enumerate(self.network.layers):
            u = _product(self._factors(number, layer, X))
            if layer.batch_norm:
                u = normalize_by_running(u, *self._batch_norm(number))
            X = ACTIVATIONS[layer.activation](u)[0]
        return X

    def state(self) -> State:
        """Return weights, running statistics and optimizer state as named arrays, copied."""
        return {name: tensor.cpu().numpy().copy() for name, tensor in {**self.tensors, **self.memory}.items()}

    def _factors(self, number: int, layer: "Layer", X: Tensor) -> list[Tensor]:
        """Return the affine maps X W + b (B, outputs) of a layer."""
        us = []
        for weight, bias in layer.maps:
            u = X @ self.tensors[f"{number}.{weight}"]
            us.append(u if bias is None else u + self.tensors[f"{number}.{bias}"])
        return us

    def _batch_norm(self, number: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return weight, bias, running mean and running variance (H,)."""
        weight, bias = self.tensors[f"{number}.bn_weight"], self.tensors[f"{number}.bn_bias"]
        return weight, bias, self.tensors[f"{number}.running_mean"], self.tensors[f"{number}.running_var"]


def _product(factors: list[Tensor]) -> Tensor:
    return factors[0] if len(factors) == 1 else factors[0] * factors[1]
