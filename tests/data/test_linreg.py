"""The linear data against least squares."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpctl.data import source_of
from mlpctl.data.base import Dataset, options_of
from mlpctl.errors import UsageError


def made(name: str, **options: Any) -> Dataset:
    source = source_of(name)
    return source.load(options_of(source, options))


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_linreg_least_squares_finds_w_and_b(distribution: str) -> None:
    data = made("linreg", w="1.5,-2,0.25", b="7", noise="0.1", n="20000", distribution=distribution)
    X = np.asarray(data.X)
    assert X.shape == (20_000, 3)
    assert data.y.shape == (20_000, 1)
    found, residual, *_ = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), data.y[:, 0], rcond=None)
    # The standard error of a weight is at most 0.1 / sqrt(20000 / 3) = 0.0012.
    assert found.tolist() == pytest.approx([1.5, -2.0, 0.25, 7.0], abs=0.006)
    assert float(np.sqrt(residual[0] / len(X))) == pytest.approx(0.1, rel=0.03)
    assert X.mean() == pytest.approx(0.0, abs=0.02)
    assert X.std() == pytest.approx(1.0 if distribution == "normal" else 3**-0.5, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 60),
    more=st.integers(0, 60),
    w=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5),
    seed=st.integers(0, 2**63 - 1),
    distribution=st.sampled_from(["normal", "uniform"]),
)
def test_linreg_rows_do_not_depend_on_how_many_follow(
    n: int, more: int, w: list[float], seed: int, distribution: str
) -> None:
    few, many = (made("linreg", w=w, n=k, seed=seed, distribution=distribution) for k in (n, n + more))
    assert np.array_equal(few.X, many.X[:n])
    assert np.array_equal(few.y, many.y[:n])
    assert (few.digest == many.digest) == (more == 0)
    assert np.isfinite(few.y).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": "0"}, "n must be greater than or equal to 1, got '0'"),
        ({"noise": "-1"}, "noise must be greater than or equal to 0"),
        ({"w": ""}, "w "),
        ({"w": "2,x"}, "w "),
        ({"w": "2,nan"}, "w "),
        ({"b": "inf"}, "b must be a finite number"),
        ({"nose": "1"}, "unknown key 'nose': did you mean 'noise'?"),
        ({"distribution": "normel"}, "unknown distribution 'normel': did you mean 'normal'?"),
    ],
)
def test_linreg_refuses(options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as error:
        made("linreg", **options)
    assert str(error.value).startswith("dataset linreg: ")
    assert said in str(error.value)
