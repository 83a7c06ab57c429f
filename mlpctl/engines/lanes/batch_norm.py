"""Normalize the batches of all lanes: each column is a channel of torch's own, fused kernels.

The definition is that of `mlpctl.models.numpy`, in 8 kernels a step where that takes 26. Matrices go there
with their padding: only what is contiguous has the kernels for channels that lie side by side. A padded column is 0,
and stays so.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch

from mlpctl.engines.lanes.arrays import Arrays, whole
from mlpctl.models.constants import BN_EPS, BN_MOMENTUM

if TYPE_CHECKING:
    from torch import Tensor


_batch_norm = torch.ops.aten.native_batch_norm.default  # (u, weight, bias, mean, variance, training, momentum, eps)
_batch_norm_backward = torch.ops.aten.native_batch_norm_backward.default


class Normalized(NamedTuple):
    """Values of a normalized minibatch that the backward pass needs.

    Attributes:
        u: pre-activations (n, columns).
        mean: (columns and padding,).
        inverse_deviation: (columns and padding,).
    """

    u: "Tensor"
    mean: "Tensor"
    inverse_deviation: "Tensor"


def normalize(arrays: Arrays, layer: int, u: "Tensor") -> "tuple[Tensor, Normalized]":
    """Return pre-activations u (n, columns) normalized, scaled and shifted; the running statistics move."""
    out, mean, inverse = _batch_norm(whole(u), *_parameters(arrays, layer), True, BN_MOMENTUM, BN_EPS)
    return out[:, : u.shape[1]], Normalized(u, mean, inverse)


def normalize_backward(
    arrays: Arrays, layer: int, gradient: "Tensor", seen: Normalized
) -> "tuple[Tensor, Tensor, Tensor]":
    """Return the gradients of the pre-activations (n, columns), the weight and the bias (columns,)."""
    weight, _, mean, variance = _parameters(arrays, layer)
    by_u, by_weight, by_bias = _batch_norm_backward(
        whole(gradient), whole(seen.u), weight, mean, variance, seen.mean, seen.inverse_deviation, True, BN_EPS,
        [True, True, True],
    )  # fmt: skip
    columns = gradient.shape[1]
    return by_u[:, :columns], by_weight[:columns], by_bias[:columns]


def normalize_by_running(arrays: Arrays, layer: int, u: "Tensor") -> "Tensor":
    """Return pre-activations u (n, columns) as they are normalized in evaluation."""
    out: Tensor
    out, *_ = _batch_norm(whole(u), *_parameters(arrays, layer), False, BN_MOMENTUM, BN_EPS)
    return out[:, : u.shape[1]]


def _parameters(arrays: Arrays, layer: int) -> "list[Tensor]":
    names = ("bn_weight", "bn_bias", "running_mean", "running_var")
    return [whole(arrays.tensors[f"{layer}.{name}"]) for name in names]
