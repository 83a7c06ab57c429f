"""Each back-propagation rule against finite differences, once and twice; the facts of the tutorials."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from mlpctl.models import function as f
from mlpctl.models.manual import ACTIVATIONS
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.shipped_experiments import experiments_folder
from mlpctl.textbook.derivatives import DERIVATIVES, derivative


def given(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(len(shapes))
    return tuple(torch.randn(shape, dtype=torch.float64, generator=generator, requires_grad=True) for shape in shapes)


TWICE: list[tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = [
    (f.add, ((3, 4), (3, 4))),
    (f.add, ((3, 4), (4,))),
    (f.add, ((3, 1), ())),
    (f.multiply, ((3, 4), (3, 4))),
    (f.multiply, ((3, 4), (4,))),
    (f.matmul, ((3, 4), (4, 2))),
    (f.maximum, ((3, 4), (3, 4))),
    (f.maximum, ((3, 4), ())),
    (f.relu, ((3, 4),)),
    (f.sigmoid, ((3, 4),)),
    (lambda x: f.fan_out(x, 3), ((3, 4),)),
    (lambda x: f.multiply(*f.fan_out(x, 2)), ((3, 4),)),
]


@pytest.mark.parametrize("rule", range(len(TWICE)))
def test_each_rule_has_its_gradient_and_the_gradient_of_that(rule: int) -> None:
    function, shapes = TWICE[rule]
    assert gradcheck(function, given(*shapes))
    assert gradgradcheck(function, given(*shapes))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    assert gradcheck(f.ACTIVATIONS[name], given((3, 4)))


def test_normalization_and_dropout() -> None:
    u, weight, bias = given((6, 4), (4,), (4,))
    running = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    assert gradcheck(lambda u, weight, bias: f.normalize(u, weight, bias, *running), (u, weight, bias))
    mask = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)) > 0.3
    assert gradcheck(lambda a: f.drop(a, mask, 0.3), (u,))


def test_a_maximum_is_a_switch_and_gives_equals_to_the_second() -> None:
    a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    b = torch.tensor([2.0, 2.0, 2.0], requires_grad=True)
    f.maximum(a, b).sum().backward()  # type: ignore[no-untyped-call]
    assert a.grad is not None
    assert b.grad is not None
    assert (a.grad.tolist(), b.grad.tolist()) == ([0, 0, 1], [1, 1, 0])


def test_a_branch_of_a_fan_out_that_is_not_used_counts_nothing() -> None:
    [x] = given((3,))
    first, _ = f.fan_out(x, 2)
    first.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1, 1]


def test_rules_without_a_second_derivative_say_so() -> None:
    [u] = given((3, 4))
    [gradient] = torch.autograd.grad((f.ACTIVATIONS["tanh"](u) ** 2).sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()  # type: ignore[no-untyped-call]


def published() -> dict[str, float | list[float]]:
    """Return derivative by name -> its value in the tutorials."""
    expects = read_experiment(experiments_folder() / "autograd.toml").expect
    return {expect.of["name"]: expect.published for expect in expects if expect.published is not None}


def test_the_derivatives_are_those_of_the_tutorials() -> None:
    values = published()
    assert set(values) == set(DERIVATIVES)
    for name, value in values.items():
        assert derivative(name) == pytest.approx(np.array([np.atleast_1d(value)] * 2), abs=1e-8), name


def test_the_derivatives_are_computed() -> None:
    """Another multiplication and addition give other values: nothing is copied from what was published."""
    of_a_mean = "mean(z), z = (x+2)^3: gradient of a cell of z"  # neither addition nor multiplication stands behind it
    for name, compute in DERIVATIVES.items():
        if name == of_a_mean:
            continue
        wrong = compute(lambda a, b: 3 * a + b, lambda a, b: 2 * a * b)
        assert not np.isclose(wrong, published()[name]).any(), name
