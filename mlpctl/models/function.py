"""Train a network whose operations are custom autograd functions, each with its back-propagation rule.

Each rule is the derivative of its operation: a sum hands the gradient on to both, a product swaps its factors, a
maximum sends it to the larger one, a fan-out adds up the gradients of its branches. `matmul`, `add`, `multiply`,
`maximum`, `sigmoid` and `fan_out` can be differentiated twice; the others refuse a second derivative.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mlpctl.models import losses, manual
from mlpctl.models.autograd import Autograd, Operations

if TYPE_CHECKING:
    from mlpctl.models.network import Network


class Add(Function):
    """Sum a + b, broadcast."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        """Return a + b."""
        ctx.shapes = a.shape, b.shape
        return a + b

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient for both: a sum hands it on."""
        [gradient] = gradients
        a, b = ctx.shapes
        return _summed_to(gradient, a), _summed_to(gradient, b)


class Multiply(Function):
    """Product a · b, element by element, broadcast."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        """Return a · b."""
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient times the other factor: a product swaps them."""
        [gradient], (a, b) = gradients, ctx.saved_tensors
        return _summed_to(gradient * b, a.shape), _summed_to(gradient * a, b.shape)


class MatMul(Function):
    """Matrix product X W; X (B, D) may be sparse, and then has no gradient."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, W: Tensor) -> Tensor:
        """Return X W (B, H)."""
        ctx.save_for_backward(X, W)
        return X @ W

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor]:
        """Return the gradients of X and W: again products, with the other one transposed."""
        [gradient], (X, W) = gradients, ctx.saved_tensors
        return (gradient @ W.t() if ctx.needs_input_grad[0] else None), X.t() @ gradient


class Maximum(Function):
    """Larger of a and b, element by element, broadcast; of equals b."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        """Return the larger."""
        ctx.save_for_backward(a, b)
        return torch.where(a > b, a, b)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient for the larger, 0 for the other: a maximum is a switch."""
        [gradient], (a, b) = gradients, ctx.saved_tensors
        first = a > b
        by_a, by_b = torch.where(first, gradient, 0.0), torch.where(first, 0.0, gradient)
        return _summed_to(by_a, a.shape), _summed_to(by_b, b.shape)


class Sigmoid(Function):
    """Logistic function 1 / (1 + exp(-u))."""

    @staticmethod
    def forward(ctx: Any, u: Tensor) -> Tensor:
        """Return the sigmoid."""
        a = torch.sigmoid(u)
        ctx.save_for_backward(a)
        return a

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return the gradient times a (1 - a): the forward result is all it needs."""
        [gradient], [a] = gradients, ctx.saved_tensors
        slope: Tensor = a * (1 - a)
        return gradient * slope


class FanOut(Function):
    """Copies of one value for n branches."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, n: int) -> tuple[Tensor, ...]:
        """Return x n times."""
        ctx.set_materialize_grads(True)
        return tuple(x.clone() for _ in range(n))

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the sum of the branches' gradients."""
        total = gradients[0]
        for gradient in gradients[1:]:
            total = total + gradient
        return total, None


class Activate(Function):
    """Activation by name, with its derivative as `mlpctl.models.manual` writes it."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, name: str) -> Tensor:
        """Return the activation."""
        a, slope = manual.ACTIVATIONS[name](u)
        ctx.save_for_backward(slope)
        return a.clone() if a is u else a

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient times the derivative: the chain rule."""
        [gradient], [slope] = gradients, ctx.saved_tensors
        return gradient * slope, None


class Normalize(Function):
    """Batch normalization."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, weight: Tensor, bias: Tensor, running: tuple[Tensor, Tensor]) -> Tensor:
        """Return u normalized, scaled and shifted; the running mean and variance are moved."""
        u_hat, inverse_sd, mean, variance = manual.normalize(u)
        manual.move_running(*running, mean, variance, len(u))
        ctx.save_for_backward(weight, u_hat, inverse_sd)
        return u_hat * weight + bias

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Return the gradients of u, weight and bias."""
        [gradient] = gradients
        return *manual.normalize_backward(gradient, *ctx.saved_tensors), None


class Drop(Function):
    """Dropout by a given mask."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, mask: Tensor, p: float) -> Tensor:
        """Return the kept units scaled up, the others 0."""
        ctx.mask, ctx.p = mask, p
        return torch.where(mask, a / (1 - p), 0.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient through the same mask."""
        [gradient] = gradients
        return torch.where(ctx.mask, gradient / (1 - ctx.p), 0.0), None, None


class ExampleLoss(Function):
    """Loss of each example, with its gradient as `mlpctl.models.losses` writes it."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, network: "Network", y: Tensor) -> Tensor:
        """Return the losses (B,)."""
        value, gradient = losses.loss_and_gradient(network, z, y)
        ctx.save_for_backward(gradient)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return each example's gradient (B, C), times the weight of its loss."""
        [weight], [gradient] = gradients, ctx.saved_tensors
        return weight[:, None] * gradient, None, None


add: Callable[[Tensor, Tensor], Tensor] = Add.apply
multiply: Callable[[Tensor, Tensor], Tensor] = Multiply.apply
matmul: Callable[[Tensor, Tensor], Tensor] = MatMul.apply
maximum: Callable[[Tensor, Tensor], Tensor] = Maximum.apply
sigmoid: Callable[[Tensor], Tensor] = Sigmoid.apply
fan_out: Callable[[Tensor, int], tuple[Tensor, ...]] = FanOut.apply


def relu(u: Tensor) -> Tensor:
    """Return max(u, 0)."""
    return maximum(u, u.new_zeros(()))


def _activate(name: str, u: Tensor) -> Tensor:
    return Activate.apply(u, name)  # type: ignore[no-untyped-call, no-any-return]


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    **{name: partial(_activate, name) for name in manual.ACTIVATIONS},
    "relu": relu,
    "sigmoid": sigmoid,
}


def affine(X: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return X W + b (B, H)."""
    u = matmul(X, weight)
    return u if bias is None else add(u, bias)


def product(X: Tensor, maps: Sequence[tuple[Tensor, Tensor | None]]) -> Tensor:
    """Return the product (B, H) of two affine maps of the same X, which goes both ways."""
    ways = (X, X) if X.is_sparse else fan_out(X, len(maps))
    first, second = (affine(way, weight, bias) for way, (weight, bias) in zip(ways, maps, strict=True))
    return multiply(first, second)


def normalize(u: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return the batch normalization of u (B, H); the running statistics are moved."""
    return Normalize.apply(u, weight, bias, (mean, variance))  # type: ignore[no-untyped-call, no-any-return]


def drop(a: Tensor, mask: Tensor, p: float) -> Tensor:
    """Return a (B, H) with the units kept by the mask scaled up, the others 0."""
    return Drop.apply(a, mask, p)  # type: ignore[no-untyped-call, no-any-return]


def loss(network: "Network", z: Tensor, y: Tensor) -> Tensor:
    """Return the loss per example (B,)."""
    return ExampleLoss.apply(z, network, y)  # type: ignore[no-untyped-call, no-any-return]


def _summed_to(gradient: Tensor, shape: torch.Size) -> Tensor:
    """Return the gradient of a broadcast value, summed over its copies."""
    return gradient if gradient.shape == shape else gradient.sum_to_size(shape)


function = partial(Autograd, Operations(ACTIVATIONS, affine, product, normalize, drop, loss))
