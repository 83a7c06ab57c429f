"""The random data against their distribution."""

from typing import Any

import numpy as np
import pytest

from mlpctl.data import source_of
from mlpctl.data.base import Dataset, options_of


def made(name: str, **options: Any) -> Dataset:
    source = source_of(name)
    return source.load(options_of(source, options))


def test_noise_is_standard_normal_and_inputs_say_nothing_of_targets() -> None:
    data = made("noise", n="2000", inputs="20", outputs="3")
    X = np.asarray(data.X)
    assert (X.shape, data.y.shape, data.task) == ((2000, 20), (2000, 3), "regression")
    assert (X.mean(), X.std()) == pytest.approx((0.0, 1.0), abs=0.02)
    assert (data.y.mean(), data.y.std()) == pytest.approx((0.0, 1.0), abs=0.05)
    correlations = np.corrcoef(np.column_stack([X, data.y]).T) - np.eye(23)
    assert abs(correlations).max() < 5 / np.sqrt(2000)
    few = made("noise", n="50", inputs="20", outputs="3")
    assert np.array_equal(few.X, X[:50])
    assert np.array_equal(few.y, data.y[:50])
    assert made("noise", seed="1").digest != made("noise").digest
