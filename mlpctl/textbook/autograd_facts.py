"""Compute the derivatives that introductions to autograd print: by torch's operations, and by our own functions."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    Binary = Callable[[Tensor, Tensor], Tensor]
    Derivative = Callable[[Binary, Binary], float]


def derivatives(name: str) -> dict[str, float]:
    """Return way of computing -> a derivative by name."""
    import torch

    from mlpctl.models.function import add, multiply

    compute = DERIVATIVES[name]
    return {"torch's operations": compute(torch.add, torch.multiply), "own functions": compute(add, multiply)}


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
    "x^4 at 3: derivative": _power(4, 3.0, 1),
    "x^3 at 1: derivative": _power(3, 1.0, 1),
    "x^3 at 1: second derivative": _power(3, 1.0, 2),
}
"""Derivative by name -> function of the addition and the multiplication to compute with.

`experiments/autograd.toml` has the published values.
"""
