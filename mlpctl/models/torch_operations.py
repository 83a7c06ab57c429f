"""Operations of a forward pass, by torch's own functions: the autograd rung, and an oracle for what is done by hand."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from mlpctl.models.constants import BN_EPS, BN_MOMENTUM, LEAKY_SLOPE, SOFTPLUS_THRESHOLD
from mlpctl.models.losses import loss as loss_by_hand
from mlpctl.models.losses import numeric_targets

if TYPE_CHECKING:
    from mlpctl.models.network import Network


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
        return loss_by_hand(network, z, y)  # type: ignore[no-any-return]
    t = numeric_targets(network, z, y)
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
