"""In float32 every optimizer rounds, and does nothing else: what is summed or multiplied over steps is in float64.

The network is smooth (tanh) and trained on whole batches: with ReLU one unit that flips makes any rounding large. The
oracle is `--impl numpy` in float64.
"""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpctl.engines.base import Engine
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.lanes.engine import ENGINE as LANES
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec

ENGINES: dict[str, tuple[Engine, dict[str, str]]] = {
    "kernel": (KERNEL, {}),
    "lanes": (LANES, {}),
    **{name: (REFERENCE, {"impl": name}) for name in ("numpy", "manual", "scratch", "module")},
}

ROUNDING = 2.0**-23
"""Distance of float32 numbers from 1 to 2; all weights are below 2."""


def weights(engine: Engine, **fields: object) -> dict[str, NDArray[np.float64]]:
    """Return the weights of a trial on wine after some steps, as many as epochs."""
    fixed = {"dataset": "wine", "hidden_units": 8, "activation": "tanh", "batch_size": 200, "lr": 0.01}
    trial = trial_of(make_spec({**fixed, **fields}))
    session = engine.open("cpu", 1, 1)
    list(session.advance([trial.work()]))
    found = {name: np.asarray(array, dtype=np.float64) for name, array in session.weights(trial.key).items()}
    session.close()
    return found


@cache
def oracle(optimizer: str, steps: int) -> dict[str, NDArray[np.float64]]:
    return weights(REFERENCE, impl="numpy", dtype="float64", optimizer=optimizer, epochs=steps)


@pytest.mark.parametrize("steps", [1, 2, 10, 300])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad"])
@pytest.mark.parametrize("name", ENGINES)
def test_float32_is_within_a_few_roundings_of_float64(name: str, optimizer: str, steps: int) -> None:
    engine, fields = ENGINES[name]
    found, expected = (
        weights(engine, dtype="float32", optimizer=optimizer, epochs=steps, **fields),
        oracle(optimizer, steps),
    )
    error = max(abs(found[part] - expected[part]).max() for part in expected)
    often = 2 if (name, optimizer) == ("lanes", "sgd") else 1  # its sums over examples begin at the weights
    assert error < often * (1 + 0.15 * steps) * ROUNDING
