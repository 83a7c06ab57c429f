"""Compute losses of all lanes and their gradients: cross-entropy in few passes, others by `mlpctl.models.losses`."""

from typing import TYPE_CHECKING

import torch

from mlpctl.models import losses

if TYPE_CHECKING:
    from torch import Tensor

    from mlpctl.models.network import Network


def loss_and_gradient(network: "Network", z: "Tensor", y: "Tensor") -> "tuple[Tensor, Tensor]":
    """Return the losses (n, R) and their gradients (n, R, C) of outputs z (n, R, C) and targets y (n, R) or (n, R, C).

    Of the softmax, p - 1 at the right class is expm1(log p), and p elsewhere: one pass over the logarithms each.
    """
    if network.loss not in ("cross_entropy", "nll"):
        loss, gradient = losses.loss_and_gradient(network, z.flatten(0, 1), y.flatten(0, 1))
        return torch.unflatten(loss, 0, z.shape[:2]), torch.unflatten(gradient, 0, z.shape[:2])
    logs = torch.log_softmax(z, dim=2)
    right = y[..., None]
    by_class = logs.gather(2, right)  # (n, R, 1)
    return by_class[..., 0].neg(), logs.exp_().scatter_(2, right, by_class.expm1())


def loss(network: "Network", z: "Tensor", y: "Tensor") -> "Tensor":
    """Return the losses (n, R) of outputs z (n, R, C) and targets y (n, R) or (n, R, C)."""
    if network.loss not in ("cross_entropy", "nll"):
        return torch.unflatten(losses.loss(network, z.flatten(0, 1), y.flatten(0, 1)), 0, z.shape[:2])
    return torch.log_softmax(z, dim=2).gather(2, y[..., None])[..., 0].neg_()
