"""Test what all benchmarks share: sampling by turns, hints on noise, records. No test asserts on a real time."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from mlpctl.bench.records import STAMP, Benchmark, machine_table, read_records, stamp
from mlpctl.bench.sampling import Measurement, Samples, TimingPlan, WorkloadGroup, next_look, sample
from mlpctl.bench.system_noise import ProcessorTimes, drift, noise_hints, outliers
from mlpctl.display.tables import emit
from mlpctl.errors import DataError

QUIET = ProcessorTimes(100.0, 0.0, 50.0, 50.0, 0)


def constant(seconds: float, log: list[float] | None = None) -> Callable[[], float]:
    def once() -> float:
        if log is not None:
            log.append(seconds)
        return seconds

    return once


def test_works_take_turns_in_an_order_that_changes_from_round_to_round() -> None:
    log: list[float] = []
    works = {str(n): constant(float(n), log) for n in range(4)}
    measured = sample({"g": WorkloadGroup(works)}, TimingPlan(warmup=1, runs=50))
    rounds = np.array(log[8:]).reshape(-1, 4)  # two runs of each warm up
    assert (np.sort(rounds, axis=1) == np.arange(4)).all()
    assert len({tuple(r) for r in rounds}) > 10
    assert {rounds[i].tolist().index(0) for i in range(50)} == {0, 1, 2, 3}
    assert (measured.groups["g"].times() == np.arange(4)).all()
    assert not measured.interrupted
    assert not measured.out_of_time


def test_the_setting_of_a_group_is_undone_and_groups_alternate() -> None:
    events: list[str] = []

    def setting(name: str) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def one() -> Iterator[None]:
            events.append(f"+{name}")
            yield
            events.append(f"-{name}")

        return one

    groups = {name: WorkloadGroup({"w": constant(1.0)}, setting(name)) for name in "ab"}
    sample(groups, TimingPlan(runs=30))
    assert all(end == f"-{start[1]}" for start, end in zip(events[::2], events[1::2], strict=True))
    assert {"+a", "+b"} == set(events[:4:2])


def test_a_group_is_left_when_it_is_decided_and_not_before_the_least_runs() -> None:
    looks: list[int] = []

    def enough(key: object, samples: Samples) -> bool:
        looks.append(len(samples.rounds))
        return key == "a" or len(samples.rounds) >= 96

    groups = {name: WorkloadGroup({"w": constant(1.0)}) for name in "ab"}
    measured = sample(groups, TimingPlan(min_runs=24, max_seconds=None), enough=enough)
    assert sorted(looks) == [24, 24, 48, 96]
    assert [len(measured.groups[name].rounds) for name in "ab"] == [24, 96]


def test_a_budget_ends_what_is_never_decided_and_every_work_has_run() -> None:
    measured = sample(
        {n: WorkloadGroup({"w": constant(1.0), "v": constant(2.0)}) for n in "ab"}, TimingPlan(max_seconds=0.0)
    )
    assert measured.out_of_time
    assert all(len(samples.times()) == 2 for samples in measured.groups.values())


def test_ctrl_c_keeps_what_was_taken() -> None:
    left = iter(range(9))

    def once() -> float:
        if next(left) == 8:
            raise KeyboardInterrupt
        return 1.0

    measured = sample({"g": WorkloadGroup({"a": once, "b": constant(1.0)})}, TimingPlan(warmup=1, runs=50))
    samples = measured.groups["g"]
    assert measured.interrupted
    assert len(samples.of("a")) == 6
    assert len(samples.times()) == 6
    assert len(samples.of("b")) in (6, 7)


def test_looks_double() -> None:
    assert [next_look(n) for n in (0, 11, 12, 23, 24, 47, 48)] == [12, 12, 24, 24, 48, 48, 96]


def samples_of(times: object) -> Samples:
    array = np.atleast_2d(np.asarray(times, dtype=np.float64))
    works = tuple(map(str, range(array.shape[1])))
    return Samples(works, array.tolist(), np.zeros(array.shape, bool).tolist(), settled=dict.fromkeys(works, True))


def test_a_quiet_machine_has_no_hints() -> None:
    times = 1 + 0.01 * np.random.default_rng(0).normal(size=(200, 3))
    assert noise_hints(Measurement({"g": samples_of(times)}), QUIET, ProcessorTimes(200.0, 0.0, 150.0, 150.0, 0)) == []


def test_every_disturbance_has_its_hint() -> None:
    rng = np.random.default_rng(0)
    times = 1 + 0.01 * rng.normal(size=(200, 3))
    times[rng.random(times.shape) < 0.1] *= 3
    samples = samples_of(times)
    samples.settled["1"] = False
    hints = noise_hints(Measurement({"g": samples}), QUIET, ProcessorTimes(200.0, 20.0, 150.0, 110.0, 2))
    numbers = [re.findall(r"\d+", hint.split(":")[0]) for hint in hints]
    assert numbers[:3] == [["20"], ["40"], ["2"]]  # % stolen, % of others, times throttled
    assert numbers[3][1] == "600"  # outliers of so many runs
    assert numbers[4][0] == "1"  # workload that had not settled


def test_throttling_is_seen_and_chance_is_not() -> None:
    rng = np.random.default_rng(0)
    noise = 0.02 * rng.normal(size=(200, 3))
    hot = np.exp(noise + 0.2 * (np.arange(200) > 90)[:, None])
    assert drift(samples_of(hot)) == pytest.approx(0.22, abs=0.03)
    assert len(noise_hints(Measurement({"g": samples_of(hot)}), QUIET, QUIET)) == 1
    assert drift(samples_of(hot[::-1])) == pytest.approx(-0.18, abs=0.03)
    false = [drift(samples_of(np.exp(0.2 * rng.normal(size=(100, 3))))) for _ in range(200)]
    assert np.mean(np.array(false) != 0) <= 0.02


def test_outliers_are_far_above() -> None:
    times = np.r_[np.linspace(1.0, 1.1, 50), 3.0, 0.2]
    assert outliers(times).nonzero()[0].tolist() == [50]
    assert not outliers(np.full(9, 1.0)).any()


BENCH = Benchmark("try", 3)


def test_a_record_can_be_read_again(tmp_path: Path) -> None:
    emit(machine_table(stamp(BENCH, ["cpu"], ["torch"]), [{"seconds": 0.1}], "try"), "csv", tmp_path / "a.csv")
    (row,) = read_records(tmp_path / "a.csv", BENCH, ["seconds"])
    assert tuple(row) == (*STAMP, "seconds")
    assert float(row["seconds"]) == 0.1
    with pytest.raises(DataError, match=r"measured by version 3 .* this is version 4"):
        read_records(tmp_path / "a.csv", Benchmark("try", 4), ["seconds"])
    with pytest.raises(DataError, match="is a result of `mlpctl bench try`, not of other"):
        read_records(tmp_path / "a.csv", Benchmark("other", 3), ["seconds"])
    with pytest.raises(DataError, match="it lacks bytes: write one by"):
        read_records(tmp_path / "a.csv", BENCH, ["bytes"])
    with pytest.raises(DataError, match="No such file"):
        read_records(tmp_path / "b.csv", BENCH, [])
