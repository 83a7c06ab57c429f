"""Test the Ray driver's tasks: works that go together, and works whose processes die."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayError, RayTaskError

from mlpctl.engines.base import Event, Work
from mlpctl.engines.distributed import ray as sessions
from mlpctl.engines.distributed.assignment import balanced_parts, flops_of, take
from mlpctl.engines.distributed.cluster import Cluster
from mlpctl.engines.distributed.messages import WorkerFailure, WorkerSettings, WorkerTask, software
from mlpctl.engines.distributed.ray import RaySession, train_task
from mlpctl.engines.reference import ENGINE
from mlpctl.errors import DeviceError
from tests.helpers.local_ray import Remote, replace_ray
from tests.helpers.making import classes, trained, work_of

DATA = classes()


def works(*epochs: int) -> list[Work]:
    return [work_of(DATA, key=f"t{number}", epochs=n) for number, n in enumerate(epochs)]


def test_works_are_taken_for_so_many_seconds_and_no_more() -> None:
    endless = (work_of(DATA, key=str(number), epochs=10) for number in count())
    rate = 1 / flops_of(work_of(DATA, epochs=10))  # a second each
    assert [work.key for work in take(endless, 3.0, 100, rate, 0.0)] == ["0", "1", "2"]
    assert [work.key for work in take(endless, 3.0, 2, rate, 0.0)] == ["3", "4"]
    assert [work.key for work in take(endless, 3.0, 100, rate, 2.0)] == ["5"]
    assert take(iter([]), 3.0, 100, rate, 0.0) == []


@pytest.mark.parametrize(
    ("epochs", "parts", "sizes"),
    [
        ((1, 1, 1, 1), 2, [2, 2]),
        ((1, 1, 1, 1), 3, [2, 1, 1]),
        ((9, 1, 1, 1), 2, [1, 3]),
        ((1, 1, 1, 9), 2, [3, 1]),
        ((1, 9), 3, [1, 1]),
        ((3,), 1, [1]),
        ((), 2, []),
    ],
)
def test_shares_are_about_as_long_as_each_other(epochs: tuple[int, ...], parts: int, sizes: list[int]) -> None:
    shared = list(balanced_parts(works(*epochs), parts))
    assert [len(share) for share in shared] == sizes
    assert [work.key for share in shared for work in share] == [f"t{number}" for number in range(len(epochs))]


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> dict[str, RayError]:
    """Replace Ray by this process; return a trial's key -> error that its task ends with, for the test to fill."""
    return replace_ray(monkeypatch)


def opened(**fields: Any) -> RaySession:
    settings = WorkerSettings(ENGINE, "cpu", 1, 1, software("reference"), weights=True, below=9)
    session = RaySession(Cluster(), settings, note=lambda _: None)
    return replace(session, **fields) if fields else session


def timeless(events: list[Event]) -> list[Event]:
    return [replace(event, seconds=None) for event in events]


def test_a_work_that_kills_its_process_is_found_and_the_others_are_trained(deadly: dict[str, RayError]) -> None:
    some = works(3, 3, 3, 3, 3)
    deadly["t1"] = NodeDiedError("gone")  # type: ignore[no-untyped-call]
    deadly["t3"] = OutOfMemoryError("too much")  # type: ignore[no-untyped-call]
    session = opened()
    session._rate = 1e-15  # as if measured: all in two tasks
    found = trained(session, *some)
    here = trained(ENGINE.open("cpu", 1, 1), *some)
    for key in ("t0", "t2", "t4"):
        assert timeless(found[key]) == timeless(here[key])
    assert [(e.epoch, e.status) for e in found["t1"]] == [(0, "crashed")]
    assert [(e.epoch, e.status) for e in found["t3"]] == [(0, "out_of_memory")]
    assert Remote.options_given == {"num_cpus": 1, "num_gpus": 0, "max_retries": sessions.RETRIES}


def test_a_trial_that_takes_too_long_ends_on_its_node(deadly: dict[str, RayError]) -> None:
    """One of endless epochs, beside one that is done in time."""
    endless = work_of(classes(n=400_000, d=64), "endless", limit=0.02, widths=[512, 512], batch_size=8, epochs=1)
    found = trained(opened(), endless, work_of(DATA, "quick", limit=1e6, epochs=3))
    assert [(e.epoch, e.status, e.error) for e in found["endless"]] == [(0, "timeout", "not done after 0.02 s")]
    assert [e.status for e in found["quick"]] == [None, None, "ok"]


def test_nodes_that_come_and_go_are_told(deadly: dict[str, RayError], monkeypatch: pytest.MonkeyPatch) -> None:
    room = iter([3, 3, 0, 2, 2, 2, 2, 2])
    monkeypatch.setattr(Cluster, "slots", lambda *_: next(room))
    monkeypatch.setattr(sessions, "LOOK_SECONDS", 0.0)
    notes: list[str] = []
    assert len(trained(opened(note=notes.append), *works(1, 1, 1, 1, 1))) == 5
    assert notes == [
        "nodes left the cluster: training goes on when one joins",
        "nodes joined the cluster: it has room for 2 at a time",
    ]


def test_another_version_on_a_node_is_refused(deadly: dict[str, RayError]) -> None:
    session = opened(settings=WorkerSettings(ENGINE, "cpu", 1, 1, "mlpctl 0.0", weights=True, below=9))
    with pytest.raises(DeviceError, match=r"node \S+: has mlpctl .*, the driver mlpctl 0.0: install the same on both"):
        list(session.advance(works(1)))


def test_a_node_without_mlpctl_is_told(deadly: dict[str, RayError]) -> None:
    missing = ModuleNotFoundError("No module named 'mlpctl'")
    said = f"Traceback …\nModuleNotFoundError: {missing}"
    deadly["t0"] = RayTaskError("train", said, missing)  # type: ignore[no-untyped-call]
    with pytest.raises(DeviceError, match="the same version on every node"):
        list(opened().advance(works(1)))


def test_an_error_of_ours_on_a_node_is_raised_as_it_is(deadly: dict[str, RayError]) -> None:
    said = "Traceback …\nKeyError: 'lr'"
    deadly["t0"] = RayTaskError("train", said, KeyError("lr"))  # type: ignore[no-untyped-call]
    with pytest.raises(RayTaskError, match="KeyError"):
        list(opened().advance(works(1)))


def test_the_same_software_is_the_same_text() -> None:
    assert software("kernel") == software("kernel") != software("reference")


def test_a_problem_is_returned_and_not_raised() -> None:
    """Else Ray would wrap it."""
    problem = train_task(WorkerTask(WorkerSettings(ENGINE, "cpu", 1, 1, "other", weights=False, below=0), (), {}))
    assert isinstance(problem, WorkerFailure)
    assert isinstance(problem.error, DeviceError)
