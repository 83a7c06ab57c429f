"""Train a network whose operations are written out and differentiated by autograd (d2l 5.2.1, 8.5).

Autograd differentiates what is written, at its corners too: `torch.maximum(u, 0)` would have the slope ½ at 0, and
1 / (1 + exp(-u)) the slope 0·∞ far below it. So each is written in the form whose derivative is the usual one.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from mlpctl.models import manual
from mlpctl.models.autograd import TORCH, Autograd, step
from mlpctl.models.constants import LEAKY_SLOPE
from mlpctl.models.losses import loss


def relu(u: Tensor) -> Tensor:
    """Return max(u, 0)."""
    return torch.where(u > 0, u, 0.0)


def leaky_relu(u: Tensor) -> Tensor:
    """Return u above 0, a small part of it below."""
    return torch.where(u > 0, u, LEAKY_SLOPE * u)


def elu(u: Tensor) -> Tensor:
    """Return u above 0, exp(u) - 1 below."""
    return torch.where(u > 0, u, torch.expm1(torch.where(u > 0, 0.0, u)))


def softplus(u: Tensor) -> Tensor:
    """Return log(1 + exp(u))."""
    return torch.logaddexp(u, torch.zeros_like(u))


def sigmoid(u: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-u))."""
    return torch.exp(-softplus(-u))


def silu(u: Tensor) -> Tensor:
    """Return u · sigmoid(u)."""
    return u * sigmoid(u)


def gelu(u: Tensor) -> Tensor:
    """Return u · Φ(u), Φ the standard normal distribution."""
    return u * (1 + torch.erf(u / math.sqrt(2))) / 2


def identity(u: Tensor) -> Tensor:
    """Return u."""
    return u


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": torch.tanh,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": gelu,
    "silu": silu,
    "softplus": softplus,
    "identity": identity,
    "step": step,
}


def normalize(u: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return the batch normalization of u (B, H); the running statistics are moved."""
    u_hat, _, batch_mean, batch_variance = manual.normalize(u)
    with torch.no_grad():
        manual.move_running(mean, variance, batch_mean, batch_variance, len(u))
    return u_hat * weight + bias


scratch = partial(Autograd, replace(TORCH, activations=ACTIVATIONS, normalize=normalize, loss=loss))
