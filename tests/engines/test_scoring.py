"""Scores of every engine are those of scikit-learn, in the targets' own units."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from mlpctl.engines.base import Engine
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.lanes.engine import ENGINE as LANES
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.inspection.loader import outputs_of
from tests.helpers.engines import ends
from tests.helpers.making import numbers, work_of

SMALL = numbers(m=2)
TARGETS = replace(SMALL, y=SMALL.y * [1e5, 0.01] + [3e5, 7.0], digest="two units")
"""Prices and lengths: two targets that a common unit would make useless."""


@pytest.mark.parametrize("engine", [REFERENCE, KERNEL, LANES], ids=["reference", "kernel", "lanes"])
@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_errors_are_told_in_the_targets_own_units(engine: Engine, loss: str) -> None:
    work = work_of(TARGETS, target_scaling="standard", loss=loss, dtype="float64", widths="4", epochs=20)
    weights, events = ends(engine.open("cpu", 1, 1), work)["t"]
    scores, rows = events[-1].scores, work.data.parts["val"]
    predicted = work.network.in_own_units(outputs_of(work.network, work.spec, weights, work.data, rows))
    true = TARGETS.y[rows]
    assert scores["val_mse"] == pytest.approx(metrics.mean_squared_error(true, predicted))
    assert scores["val_rmse"] == pytest.approx(metrics.mean_squared_error(true, predicted) ** 0.5)
    assert scores["val_mae"] == pytest.approx(metrics.mean_absolute_error(true, predicted))
    assert scores["val_r2"] == pytest.approx(metrics.r2_score(true, predicted))
    assert scores["val_r2"] > 0.5
    scaled = work.data.y[work.data.parts["train"]]
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1)
