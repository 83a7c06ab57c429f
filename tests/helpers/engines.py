"""Train small trials in sessions and compare how they end."""

from typing import Any, get_args

import numpy as np
import pytest

from mlpctl.data.base import Dataset
from mlpctl.engines.base import Event, Session, Work
from mlpctl.engines.lanes.session import LanesSession, open_session
from mlpctl.engines.precision import Precision
from mlpctl.models.learner import State
from mlpctl.spec import Activation
from tests.helpers.making import trained, work_of

End = tuple[State, list[Event]]
"""Weights and events of a trial; no weights where it did not end well."""

FLOAT32_BAND = 2e-4
"""Of the largest weight, after some epochs: float32 rounds at 6e-8, and sums are taken in another order."""


def ends(session: Session, *works: Work) -> dict[str, End]:
    """Return the end of each trial."""
    events = trained(session, *works)
    return {
        work.key: (
            session.weights(work.key) if events[work.key][-1].status in ("ok", "interrupted") else {},
            events[work.key],
        )
        for work in works
    }


def assert_close(one: End, other: End, band: float) -> None:
    """Check weights and events, relative to the largest number of each array; band 0 means bit for bit."""
    (weights, events), (other_weights, other_events) = one, other
    assert weights.keys() == other_weights.keys()
    for name, array in weights.items():
        assert array.dtype == other_weights[name].dtype
        assert array.shape == other_weights[name].shape
        if not band:
            np.testing.assert_array_equal(array, other_weights[name], name)
            continue
        error = abs(array - other_weights[name]).max()
        assert error <= band * max(abs(array).max(), 1e-3), f"{name}: {error:.1e}"
    assert [(e.epoch, e.status, e.lr) for e in events] == [(e.epoch, e.status, e.lr) for e in other_events]
    for event, other_event in zip(events, other_events, strict=True):
        assert event.scores == pytest.approx(other_event.scores, rel=100 * band, abs=10 * band, nan_ok=True)


def lanes(most: int = 64, precision: Precision = "fp32") -> LanesSession:
    """Return a session of the lanes engine with so many lanes a group."""
    session = open_session("cpu", precision, 1)
    session.most = most
    return session


def mixed(dataset: Dataset, count: int, **fields: Any) -> list[Work]:
    """Return trials that differ in everything that may differ within a program, on the same split."""
    works = []
    for n in range(count):
        own: dict[str, Any] = {
            "lr": 0.01 * (1 + n % 5), "widths": f"{4 + n % 3},{3 + n % 4}", "activation": get_args(Activation)[n % 4],
            "init": ("default", "xavier_normal", "kaiming_uniform")[n % 3], "seed": n // 8, "epochs": 2 + n % 3,
            "dropout": (0.0, 0.3)[n % 2], "weight_decay": (0.0, 0.05)[n % 2 == 0],
            "lr_schedule": ("constant", "cosine")[n % 5 == 0], "reduction": ("mean", "sum")[n % 7 == 0],
        }  # fmt: skip
        works.append(work_of(dataset, key=str(n), **{"dtype": "float64", **own, **fields}))
    return works
