"""The tutorials' facts about autograd, computed: by torch's operations, and by the custom functions of the ladder."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    Binary = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Fact:
    """A published derivative.

    Attributes:
        name: what is differentiated, and where.
        published: its value.
        compute: returns ours, given the addition and the multiplication to compute with.
    """

    name: str
    published: float
    compute: "Callable[[Binary, Binary], float]"


def facts() -> list[tuple[str, float, Callable[[], float]]]:
    """Return (name, published value, function that computes ours) of every fact, in both ways of computing."""
    return [
        (f"{fact.name}, by {way}", fact.published, partial(compute, fact))
        for fact in FACTS
        for way, compute in (("torch's operations", _by_torch), ("own functions", _by_own))
    ]


def computed() -> dict[str, float]:
    """Return name -> our value of every fact."""
    return {name: compute() for name, _, compute in facts()}


def _by_torch(fact: Fact) -> float:
    import torch

    return fact.compute(torch.add, torch.multiply)


def _by_own(fact: Fact) -> float:
    from mlpctl.models.function import add, multiply

    return fact.compute(add, multiply)


def _mean_of_cubes(backwards: int) -> "Callable[[Binary, Binary], float]":
    def compute(add: "Binary", multiply: "Binary") -> float:
        x = _ones(2, 2)
        shifted = add(x, _ones() + 1)
        y = multiply(multiply(shifted, shifted), shifted).mean()
        for _ in range(backwards):  # gradients add up until they are set to zero
            y.backward(retain_graph=True)  # type: ignore[no-untyped-call]
        return _of_every_cell(x.grad)

    return compute


def _square_of_sum(add: "Binary", multiply: "Binary") -> float:
    x = _ones(2, 2)
    total = add(add(x[0, 0], x[0, 1]), add(x[1, 0], x[1, 1]))
    multiply(total, total).backward()  # type: ignore[no-untyped-call]
    return _of_every_cell(x.grad)


def _power(exponent: int, at: float, order: int) -> "Callable[[Binary, Binary], float]":
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


def _of_every_cell(gradient: "Tensor | None") -> float:
    """Return the value that all cells share, NaN if they do not."""
    assert gradient is not None
    return float(gradient[0, 0]) if bool((gradient == gradient[0, 0]).all()) else float("nan")


FACTS = (
    Fact("mean((x+2)^3) at ones (2, 2): gradient of a cell", 6.75, _mean_of_cubes(1)),
    Fact("mean((x+2)^3), after a second backward", 13.5, _mean_of_cubes(2)),
    Fact("(sum x)^2 at ones (2, 2): gradient of a cell", 8.0, _square_of_sum),
    Fact("x^4 at 3: derivative", 108.0, _power(4, 3.0, 1)),
    Fact("x^3 at 1: derivative", 3.0, _power(3, 1.0, 1)),
    Fact("x^3 at 1: second derivative", 6.0, _power(3, 1.0, 2)),
)
"""As introductions to autograd print them."""
