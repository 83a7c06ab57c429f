"""Compute losses per example and their gradients by hand on torch tensors; formulas in `mlpctl.models.numpy`.

Outputs z (B, C); y (B,) classes or (B, C) targets. `loss` is written so that autograd differentiates it to `gradient`
everywhere, at its corners too.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec


def loss(network: "Network", z: Tensor, y: Tensor) -> Tensor:
    """Return the loss per example (B,)."""
    if network.loss in ("cross_entropy", "nll"):
        return -torch.where(one_hot(y, network.n_outputs), log_softmax(z), 0.0).sum(dim=1)
    if network.loss == "perceptron" and network.n_outputs > 1:
        return torch.clip(-_margin(z, y)[0], 0, None)  # torch's slope of clip at its bound is 1: the step at equality
    t = numeric_targets(network, z, y)
    e = z - t
    if network.loss in ("mse", "half_mse"):
        value = e**2 if network.loss == "mse" else e**2 / 2
    elif network.loss == "l1":
        value = e.abs()
    elif network.loss == "huber":
        delta = network.huber_delta
        value = torch.where(e.abs() < delta, e**2 / 2, delta * (e.abs() - delta / 2))
    elif network.loss == "bce":
        value = torch.logaddexp(z, torch.zeros_like(z)) - t * z
    else:
        assert network.loss == "perceptron"
        value = torch.clip(-t * z, 0, None)
    return value.mean(dim=1)


def total_loss(network: "Network", spec: "Spec", losses: Tensor, y: Tensor) -> Tensor:
    """Return the number that a step follows: the mean or the sum of losses (B,), a rare class counting more."""
    if not network.class_weights:
        return losses.mean() if spec.reduction == "mean" else losses.sum()
    w = _example_weights(network, losses, y)
    return (w * losses).sum() / (w.sum() if spec.reduction == "mean" else 1)


def total_gradient(network: "Network", spec: "Spec", g: Tensor, y: Tensor) -> Tensor:
    """Return the gradient (B, C) of `total_loss` with respect to the outputs, of those of the losses (B, C)."""
    if not network.class_weights:
        return g / len(y) if spec.reduction == "mean" else g
    w = _example_weights(network, g, y)
    return g * w[:, None] / (w.sum() if spec.reduction == "mean" else 1)


def _example_weights(network: "Network", like: Tensor, y: Tensor) -> Tensor:
    return torch.tensor(network.class_weights, dtype=like.dtype, device=like.device)[y.long()]


def gradient(network: "Network", z: Tensor, y: Tensor) -> Tensor:
    """Return the gradient (B, C) of each example's loss with respect to its outputs."""
    if network.loss in ("cross_entropy", "nll"):
        p = log_softmax(z).exp()
        return torch.where(one_hot(y, network.n_outputs), p - 1, p)
    if network.loss == "perceptron" and network.n_outputs > 1:
        margin, rival = _margin(z, y)
        direction = one_hot(rival, z.shape[1]).to(z.dtype) - one_hot(y, z.shape[1]).to(z.dtype)
        return torch.where((margin <= 0)[:, None], direction, 0.0)
    t = numeric_targets(network, z, y)
    e = z - t
    if network.loss in ("mse", "half_mse"):
        value = 2 * e if network.loss == "mse" else e
    elif network.loss == "l1":
        value = torch.sign(e)
    elif network.loss == "huber":
        value = torch.clip(e, -network.huber_delta, network.huber_delta)
    elif network.loss == "bce":
        value = 1 / (1 + torch.exp(-z)) - t
    else:
        assert network.loss == "perceptron"
        value = torch.where(t * z <= 0, -t, 0.0)
    return value / network.n_outputs


def loss_and_gradient(network: "Network", z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss per example (B,) and its gradient with respect to the outputs (B, C)."""
    return loss(network, z, y), gradient(network, z, y)


def numeric_targets(network: "Network", z: Tensor, y: Tensor) -> Tensor:
    """Return the targets (B, C) as numbers of z's type: as they are for regression, else low and high per class."""
    if not network.n_classes:
        return y
    low, high = network.target_values
    right = y[:, None] == 1 if network.n_outputs == 1 else one_hot(y, network.n_outputs)
    return torch.where(right, torch.full_like(z, high), low)


def one_hot(y: Tensor, n: int) -> Tensor:
    """Return (B, n) booleans, true at each example's class."""
    return y[:, None] == torch.arange(n, device=y.device)


def log_softmax(z: Tensor) -> Tensor:
    """Return the logarithms of the softmax of each row; the largest is taken out first, so that nothing overflows."""
    shifted = z - z.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def _margin(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far the right class leads (B,), and which other class is the best (B,): Kesler's construction."""
    rival = torch.argmax(torch.where(one_hot(y, z.shape[1]), -torch.inf, z), dim=1)  # the first of equals
    rows = torch.arange(len(z), device=z.device)
    return z[rows, y] - z[rows, rival], rival
