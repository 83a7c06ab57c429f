"""Several devices of one machine: a process each. Here the devices are the CPU, twice; the processes are real."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mlpctl.engines.base import Work
from mlpctl.engines.distributed.assignment import UNDIVIDED_TRIALS, flops_of, groups_for
from mlpctl.engines.distributed.processes import ProcessesSession
from mlpctl.engines.lanes.engine import ENGINE as LANES
from mlpctl.errors import DeviceError, UsageError
from mlpctl.runner import engine_choice
from mlpctl.spec import make_spec
from mlpctl.system.devices import devices_of
from tests.helpers.cli import Cli, trial_rows
from tests.helpers.deadly import DeadlyEngine
from tests.helpers.engines import assert_close, ends, lanes, mixed
from tests.helpers.making import classes, trained, work_of

DATA = classes(3, n=50)


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def opened(notes: list[str]) -> Iterator[Any]:
    """Return what opens a session, which ends with the test."""
    sessions: list[ProcessesSession] = []

    def several(engine: Any = LANES, devices: tuple[str, ...] = ("cpu", "cpu"), below: float = 99) -> ProcessesSession:
        sessions.append(ProcessesSession(engine, devices, 1, 1, weights_back=True, below=below, note=notes.append))
        return sessions[-1]

    yield several
    for session in sessions:
        session.close()


def short(count: int, epochs: int = 2) -> list[Work]:
    return [work_of(DATA, key=str(n), lr=0.01 * (n + 1), widths="8", epochs=epochs) for n in range(count)]


def test_lanes_of_two_processes_are_the_lanes_of_one(opened: Any) -> None:
    """Very different trials, in programs of each process."""
    works = mixed(DATA, 40, optimizer="adam")
    alone, session = ends(lanes(), *works), opened()
    together = ends(session, *works)
    assert len(session.workers) == 2
    for key, end in together.items():
        assert_close(alone[key], end, 1e-12)


def test_what_kills_its_process_is_found_and_the_others_are_trained_once(opened: Any) -> None:
    works = [*short(3), work_of(DATA, key="killer", epochs=1), *[work_of(DATA, key=f"x{n}") for n in range(3)]]
    events = trained(opened(DeadlyEngine()), *works)
    killed = events.pop("killer")
    assert [(event.epoch, event.status) for event in killed] == [(0, "crashed")]
    assert "was killed by SIGKILL, twice" in killed[0].error
    for work in works:
        if work.key != "killer":
            assert [event.epoch for event in events[work.key]] == list(range(1, work.epochs + 1))
            assert events[work.key][-1].status == "ok"


def test_a_process_that_is_killed_midway_is_replaced_and_nothing_is_told_twice(opened: Any) -> None:
    works, session, seen = short(2 * UNDIVIDED_TRIALS, 400), opened(), []
    for told, event in enumerate(session.advance(works), start=1):
        seen += [(event.key, epoch.epoch) for epoch in event.each()]
        if told == 5:
            os.kill(session.workers[1].process.pid, signal.SIGKILL)
    assert sorted(seen) == sorted((work.key, epoch) for work in works for epoch in range(1, 401))


def test_a_device_that_cannot_be_opened_is_left_out(opened: Any, notes: list[str]) -> None:
    events = trained(opened(DeadlyEngine(), ("dead", "cpu")), *short(2 * UNDIVIDED_TRIALS, 30))
    assert all(some[-1].status == "ok" for some in events.values())
    assert [note for note in notes if "dead ended with exit code 3 before it had opened it, 3 times" in note] == notes
    with pytest.raises(DeviceError, match=r"exit code 3 .* 3 times: what had finished is saved"):
        trained(opened(DeadlyEngine(), ("dead", "dead")), *short(2))


def test_what_a_process_cannot_do_at_all_ends_the_run(opened: Any) -> None:
    with pytest.raises(DeviceError, match="gone: it is not there"):
        trained(opened(DeadlyEngine(), ("gone", "gone")), *short(2))
    with pytest.raises(RuntimeError, match="KeyError: 'a bug of ours'"):
        trained(opened(DeadlyEngine(), ("wrong", "cpu")), *short(2))


def test_a_sweep_and_its_rungs_are_the_same_on_several_devices(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {"one": ("cpu",), "two": ("cpu", "cpu")}
    for name, devices in ways.items():
        monkeypatch.setattr(engine_choice, "devices_of", lambda *_, devices=devices: devices)
        done = cli("sweep", "--dataset", "iris", "--axis", "lr=log:0.01:1:36", "--search", "halving", "--min-epochs", 1,
                   "--epochs", 9, "--engine", "lanes", "--device", "cpu", "--dtype", "float64", "--name", name,
                   "-q")  # fmt: skip
        assert done.code == 0, done.err
    one, two = trial_rows("one"), trial_rows("two")
    assert one.keys() == two.keys()
    assert {row["epochs_done"] for row in two.values()} == {"1", "3", "9"}
    for key, row in one.items():
        assert float(row["train_loss"]) == pytest.approx(float(two[key]["train_loss"]), rel=1e-9)


@given(epochs=st.lists(st.integers(1, 30), max_size=80), devices=st.integers(1, 5), kinds=st.integers(1, 4))
def test_every_work_is_handed_out_once_with_its_kind(epochs: list[int], devices: int, kinds: int) -> None:
    made = {n: work_of(DATA, epochs=n) for n in set(epochs)}
    works = [Work(str(k), made[n].spec, made[n].network, made[n].data, n) for k, n in enumerate(epochs)]
    parcels = groups_for(works, devices, lambda work: int(work.key) % kinds)
    assert sorted(work.key for parcel in parcels for work in parcel) == sorted(work.key for work in works)
    for parcel in parcels:
        assert len({int(work.key) % kinds for work in parcel}) == 1
        assert [int(work.key) for work in parcel] == sorted(int(work.key) for work in parcel)
    costs = [sum(map(flops_of, parcel)) for parcel in parcels]
    assert costs == sorted(costs, reverse=True)
    assert kinds * devices + devices >= len(parcels)


def test_a_large_group_is_divided_by_cost_and_a_small_one_is_not() -> None:
    assert [len(parcel) for parcel in groups_for(short(100), 4, lambda _: 0)] == [25] * 4
    assert [len(parcel) for parcel in groups_for(short(2 * UNDIVIDED_TRIALS - 1), 4, lambda _: 0)] == [
        2 * UNDIVIDED_TRIALS - 1
    ]
    long = [work_of(DATA, key=f"l{n}", widths="8", epochs=18) for n in range(32)]
    parcels = groups_for([*long, *short(32)], 2, lambda _: 0)
    assert [len(parcel) for parcel in parcels] == [18, 46]


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch see four GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)


def test_cuda_is_every_gpu_for_more_than_one_trial(four: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices_of("cuda", 2) == ("cuda:0", "cuda:1", "cuda:2", "cuda:3")
    assert devices_of("cuda", 1) == ("cuda",)
    assert devices_of("cuda:1", 9) == ("cuda:1",)
    assert devices_of("cuda:3,cuda:1", 1) == ("cuda:3", "cuda:1")
    with pytest.raises(DeviceError, match="GPUs here are cuda:0 to cuda:3"):
        devices_of("cuda:3,cuda:4", 9)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert devices_of("cuda", 9) == ("cuda",)


def test_devices_are_named_one_by_one() -> None:
    assert make_spec({"device": "cuda:0,cuda:1"}).device == "cuda:0,cuda:1"
    for wrong in ("cuda,cuda:1", "cuda:0,cuda:0", "cpu,cpu", "cuda:0,"):
        with pytest.raises(UsageError):
            make_spec({"device": wrong})
