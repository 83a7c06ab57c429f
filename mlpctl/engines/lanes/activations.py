"""Compute activations of neighbouring columns, in one operation of torch each way, without a copy and without a graph.

The definitions are those of `mlpctl.models.numpy`; here a derivative is computed from the activation where that
determines it, else from the pre-activation.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch

from mlpctl.models.constants import LEAKY_SLOPE, SOFTPLUS_THRESHOLD

if TYPE_CHECKING:
    from torch import Tensor

aten = torch.ops.aten


class Pointwise(NamedTuple):
    """An activation.

    Attributes:
        forward: fills `a` from `u`.
        backward: multiplies `gradient` in place by the derivative, given (gradient, u, a).
        by_output: backward needs no `u`, so `a` may lie where `u` was.
    """

    forward: Callable[["Tensor", "Tensor"], object]
    backward: Callable[["Tensor", "Tensor", "Tensor"], object]
    by_output: bool = False


POINTWISE: dict[str, Pointwise] = {
    "relu": Pointwise(
        lambda u, a: torch.clamp_min(u, 0, out=a),
        lambda g, _, a: aten.threshold_backward.grad_input(g, a, 0, grad_input=g),
        by_output=True,
    ),
    "sigmoid": Pointwise(
        lambda u, a: torch.sigmoid(u, out=a),
        lambda g, _, a: aten.sigmoid_backward.grad_input(g, a, grad_input=g),
        by_output=True,
    ),
    "tanh": Pointwise(
        lambda u, a: torch.tanh(u, out=a),
        lambda g, _, a: aten.tanh_backward.grad_input(g, a, grad_input=g),
        by_output=True,
    ),
    "leaky_relu": Pointwise(
        lambda u, a: aten.leaky_relu.out(u, LEAKY_SLOPE, out=a),
        lambda g, u, _: aten.leaky_relu_backward.grad_input(g, u, LEAKY_SLOPE, False, grad_input=g),
    ),
    "elu": Pointwise(
        lambda u, a: aten.elu.out(u, 1, 1, 1, out=a),
        lambda g, u, _: aten.elu_backward.grad_input(g, 1, 1, 1, False, u, grad_input=g),
    ),
    "gelu": Pointwise(
        lambda u, a: aten.gelu.out(u, approximate="none", out=a),
        lambda g, u, _: aten.gelu_backward.grad_input(g, u, approximate="none", grad_input=g),
    ),
    "silu": Pointwise(
        lambda u, a: aten.silu.out(u, out=a),
        lambda g, u, _: aten.silu_backward.grad_input(g, u, grad_input=g),
    ),
    "softplus": Pointwise(
        lambda u, a: aten.softplus.out(u, 1, SOFTPLUS_THRESHOLD, out=a),
        lambda g, u, _: aten.softplus_backward.grad_input(g, u, 1, SOFTPLUS_THRESHOLD, grad_input=g),
    ),
    "identity": Pointwise(lambda u, a: a.copy_(u), lambda g, u, a: None, by_output=True),  # noqa: ARG005
    "step": Pointwise(lambda u, a: a.copy_(u > 0), lambda g, u, a: g.zero_(), by_output=True),  # noqa: ARG005
}
