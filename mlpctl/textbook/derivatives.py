"""Compute the derivatives that introductions to autograd print: by torch's operations, and by our own functions."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Binary = Callable[[Tensor, Tensor], Tensor]
    Derivative = Callable[[Binary, Binary], float | list[float]]


def derivative(name: str) -> "NDArray[np.float64]":
    """Return the numbers of a derivative, once by torch's operations and once by our own functions (2, numbers)."""
    import torch

    from mlpctl.models.function import add, multiply

    compute = DERIVATIVES[name]
    ways = [compute(torch.add, torch.multiply), compute(add, multiply)]
    return np.array([np.atleast_1d(way) for way in ways], dtype=np.float64)


def _mean_of_cubes(backwards: int) -> "Derivative":
    def compute(add: "Binary", multiply: "Binary") -> float:
        x = _ones(2, 2)
        shifted = add(x, _ones() + 1)
        y = multiply(multiply(shifted, shifted), shifted).mean()
        for _ in range(backwards):  # gradients add up until they are set to zero
            y.backward(retain_graph=True)  # type: ignore[no-untyped-call]
        return _common_value(x.grad)

    return compute


def _square_of_sum(add: "Binary", multiply: "Binary") -> float:
    x = _ones(2, 2)
    total = add(add(x[0, 0], x[0, 1]), add(x[1, 0], x[1, 1]))
    multiply(total, total).backward()  # type: ignore[no-untyped-call]
    return _common_value(x.grad)


def _along_chain(of: int) -> "Derivative":
    """Return the gradient of one part of x -> y = x + 2 -> z = y³ -> mean: 0 is x, 1 is y, 2 is z."""

    def compute(add: "Binary", multiply: "Binary") -> float:
        x = _ones(2, 2)
        y = add(x, _ones() + 1)
        z = multiply(multiply(y, y), y)
        chain = [x, y, z]
        return _common_value(_gradient(z.mean(), chain[of]))

    return compute


def _vector_times_jacobian(add: "Binary", multiply: "Binary") -> list[float]:  # noqa: ARG001
    """Return v·J of y = x + x for v = (0.1, 1, 0.0001)."""
    import torch

    x = _ones(3)
    v = torch.tensor([0.1, 1.0, 0.0001], dtype=torch.float64)
    [product] = torch.autograd.grad(add(x, x), x, v)
    return [float(value) for value in product]


def _of_intermediate(add: "Binary", multiply: "Binary") -> float:
    """Return dz/dy of z = y² where y is the sum of four ones."""
    x = _ones(2, 2)
    y = add(add(x[0, 0], x[0, 1]), add(x[1, 0], x[1, 1]))
    return float(_gradient(multiply(y, y), y))


def _power(exponent: int, at: float, order: int) -> "Derivative":
    def compute(add: "Binary", multiply: "Binary") -> float:  # noqa: ARG001
        import torch

        x = (_ones() * at).detach().requires_grad_()
        y = x
        for _ in range(exponent - 1):
            y = multiply(y, x)
        for _ in range(order):
            [y] = torch.autograd.grad(y, x, create_graph=True)
        return float(y.detach())

    return compute


def _gradient(of: "Tensor", at: "Tensor") -> "Tensor":
    import torch

    [gradient] = torch.autograd.grad(of, at)
    return gradient


def _ones(*shape: int) -> "Tensor":
    import torch

    return torch.ones(shape, dtype=torch.float64, requires_grad=bool(shape))


def _common_value(gradient: "Tensor | None") -> float:
    """Return the value that all cells share, NaN if they do not."""
    assert gradient is not None
    return float(gradient[0, 0]) if bool((gradient == gradient[0, 0]).all()) else float("nan")


DERIVATIVES: "dict[str, Derivative]" = {
    "mean((x+2)^3) at ones (2, 2): gradient of a cell": _mean_of_cubes(1),
    "mean((x+2)^3), after a second backward": _mean_of_cubes(2),
    "(sum x)^2 at ones (2, 2): gradient of a cell": _square_of_sum,
    "mean(z), z = (x+2)^3: gradient of a cell of y = x+2": _along_chain(1),
    "mean(z), z = (x+2)^3: gradient of a cell of z": _along_chain(2),
    "y = x + x: v·J for v = (0.1, 1, 0.0001)": _vector_times_jacobian,
    "z = y^2, y = sum of ones (2, 2): dz/dy": _of_intermediate,
    "x^2 at 3: derivative": _power(2, 3.0, 1),
    "x^4 at 3: derivative": _power(4, 3.0, 1),
    "x^3 at 1: derivative": _power(3, 1.0, 1),
    "x^3 at 1: second derivative": _power(3, 1.0, 2),
}
"""Derivative by name -> function of the addition and the multiplication to compute with.

`experiments/autograd.toml` has the published values.
"""
