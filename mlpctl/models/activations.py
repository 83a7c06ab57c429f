"""Activations and their derivatives, by hand, in torch."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from mlpctl.models.constants import LEAKY_SLOPE


def _relu(u: Tensor) -> tuple[Tensor, Tensor]:
    positive = u > 0
    return torch.where(positive, u, 0.0), positive.to(u.dtype)


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
    below = torch.expm1(u.clamp(max=0))
    return torch.where(u > 0, u, below), torch.where(u > 0, 1.0, below + 1)


def _gelu(u: Tensor) -> tuple[Tensor, Tensor]:
    cdf = 0.5 * (1 + torch.erf(u / math.sqrt(2)))
    return u * cdf, cdf + u * torch.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)


def _silu(u: Tensor) -> tuple[Tensor, Tensor]:
    s = 1 / (1 + torch.exp(-u))
    return u * s, s * (1 + u * (1 - s))


def _softplus(u: Tensor) -> tuple[Tensor, Tensor]:
    return u.clamp(min=0) + torch.log1p(torch.exp(-u.abs())), 1 / (1 + torch.exp(-u))


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
