"""Losses per example and their gradients, by hand, in torch: what the scratch model and the tests of engines use.

Outputs z (B, C); y (B,) classes or (B, C) targets. With t the target as number (one column per output):
cross_entropy and nll: -log softmax(z)_y; mse: mean over outputs of (z - t)²; half_mse: half of it; huber: e²/2 for
|e| < δ, else δ(|e| - δ/2), e = z - t; l1: |e|; bce: softplus(z) - t z; perceptron: max(0, -t z) for one output, else
max(0, max over other classes of z_c - z_y), with the step taken also at equality, as the delta rule does.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mlpctl.models.network import Network


def numeric_targets(network: "Network", y: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the targets (B, C) as numbers: as they are for regression, else low and high per class."""
    if not network.n_classes:
        return y
    low, high = network.target_values
    chosen = y.unsqueeze(1) == 1 if network.n_outputs == 1 else one_hot(y, network.n_outputs)
    return torch.where(chosen, high, low).to(dtype)  # (B, C)


def one_hot(y: Tensor, n: int) -> Tensor:
    """Return (B, n) booleans, true at each example's class."""
    return y.unsqueeze(1) == torch.arange(n, device=y.device)


def loss_and_gradient(network: "Network", z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss per example (B,) and its gradient with respect to the outputs (B, C)."""
    if network.loss in ("cross_entropy", "nll"):
        log_p = z - torch.logsumexp(z, dim=1, keepdim=True)
        chosen = one_hot(y, network.n_outputs)
        return -torch.where(chosen, log_p, 0.0).sum(dim=1), log_p.exp() - chosen.to(z.dtype)
    if network.loss == "perceptron" and network.n_outputs > 1:
        return _multiclass_perceptron(z, y)
    t = numeric_targets(network, y, z.dtype)
    e = z - t
    if network.loss == "mse":
        value, gradient = e**2, 2 * e
    elif network.loss == "half_mse":
        value, gradient = e**2 / 2, e
    elif network.loss == "l1":
        value, gradient = e.abs(), e.sign()
    elif network.loss == "huber":
        delta = network.huber_delta
        value = torch.where(e.abs() < delta, e**2 / 2, delta * (e.abs() - delta / 2))
        gradient = e.clamp(-delta, delta)
    elif network.loss == "bce":
        value, gradient = z.clamp(min=0) - t * z + torch.log1p(torch.exp(-z.abs())), torch.sigmoid(z) - t
    else:
        assert network.loss == "perceptron"
        value, gradient = (-t * z).clamp(min=0), torch.where(t * z <= 0, -t, 0.0)
    return value.mean(dim=1), gradient / network.n_outputs


def _multiclass_perceptron(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Kesler's construction: the class that beats the right one is pushed down, the right one up."""
    chosen = one_hot(y, z.shape[1])
    rival_score, rival = z.masked_fill(chosen, -torch.inf).max(dim=1)
    margin = z.gather(1, y.unsqueeze(1).long()).squeeze(1) - rival_score
    wrong = (margin <= 0).unsqueeze(1)
    step = one_hot(rival, z.shape[1]).to(z.dtype) - chosen.to(z.dtype)
    return (-margin).clamp(min=0), torch.where(wrong, step, 0.0)


def autograd_loss(network: "Network", z: Tensor, y: Tensor) -> Tensor:
    """Return the loss per example (B,) by torch's own functions where it has them: an oracle."""
    from torch.nn import functional as F

    if network.loss == "cross_entropy":
        return F.cross_entropy(z, y.long(), reduction="none")
    if network.loss == "nll":
        return F.nll_loss(F.log_softmax(z, dim=1), y.long(), reduction="none")
    if network.loss == "perceptron":
        return loss_of_perceptron(network, z, y)
    t = numeric_targets(network, y, z.dtype)
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


def loss_of_perceptron(network: "Network", z: Tensor, y: Tensor) -> Tensor:
    """Return the perceptron loss (B,) in a form whose autograd gradient also steps at equality, as the rule does."""
    with torch.no_grad():
        value, gradient = loss_and_gradient(network, z, y)
    return value + ((z - z.detach()) * gradient).sum(dim=1)
