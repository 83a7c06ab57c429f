"""Every engine, and every way to train with one, keeps the contracts of `mlpctl.engines.base`."""

from functools import partial

import pytest

from mlpctl.engines.base import Session
from mlpctl.engines.distributed.cluster import Cluster
from mlpctl.engines.distributed.processes import TRIALS_AHEAD, ProcessesSession
from mlpctl.engines.distributed.ray import open_session
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.lanes.engine import ENGINE as LANES
from mlpctl.engines.lanes.group_size import MOST_LANES
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.system.devices import gpu_count
from tests.helpers import engine_conformance as contracts
from tests.helpers.engine_conformance import Subject
from tests.helpers.engines import FLOAT32_BAND, lanes
from tests.helpers.local_ray import replace_ray


def _processes() -> Session:
    return ProcessesSession(KERNEL, ("cpu", "cpu"), 1, 1, weights_back=True, below=1e9, note=lambda _: None)


def _ray() -> Session:
    return open_session(Cluster(), KERNEL, "cpu", 1, weights=True, below=1e9, note=lambda _: None)


SUBJECTS = [
    Subject("reference", REFERENCE, (partial(REFERENCE.open, "cpu", 1, 1), partial(REFERENCE.open, "cpu", 2, 1))),
    Subject("kernel", KERNEL, (partial(KERNEL.open, "cpu", 1, 1), partial(KERNEL.open, "cpu", 2, 1))),
    Subject(
        "lanes", LANES, (lanes, partial(lanes, 5), partial(lanes, 1)),
        band=(("float64", 1e-12), ("float32", FLOAT32_BAND)), ahead=128,
    ),
    *(
        Subject(
            f"lanes on {device}", LANES, (partial(LANES.open, device, 1, 1),),
            band=(("float64", 1e-12), ("float32", FLOAT32_BAND)), ahead=2 * MOST_LANES["cuda"],
        )
        for device in ("cuda",)[: gpu_count()]  # the fast precisions: `benchmarks.gpu`
    ),
    Subject("processes", KERNEL, (_processes,), ahead=2 * TRIALS_AHEAD["cpu"]),
    Subject("ray", KERNEL, (_ray,), stops=False),
]  # fmt: skip


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.name)
def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """Return an engine; Ray is this process: `test_ray` has a real cluster."""
    if request.param.name == "ray":
        replace_ray(monkeypatch)
    found: Subject = request.param
    return found


def test_equality_with_the_reference(subject: Subject) -> None:
    contracts.check_equality(subject)


def test_independence_of_neighbours(subject: Subject) -> None:
    contracts.check_independence(subject)


@pytest.mark.parametrize("subject", [each for each in SUBJECTS if each.stops], ids=lambda each: each.name)
def test_stop(subject: Subject) -> None:
    contracts.check_stop(subject)


def test_drain(subject: Subject) -> None:
    contracts.check_drain(subject)


def test_save_restore_and_continue(subject: Subject) -> None:
    contracts.check_continuation(subject)


def test_drop(subject: Subject) -> None:
    contracts.check_drop(subject)


def test_time_limit(subject: Subject) -> None:
    contracts.check_time_limit(subject)


@pytest.mark.parametrize("subject", [each for each in SUBJECTS if each.engine is not LANES], ids=lambda each: each.name)
def test_early_stopping(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    if subject.name == "ray":
        replace_ray(monkeypatch)
    contracts.check_early_stopping(subject)
