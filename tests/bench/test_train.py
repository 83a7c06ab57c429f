"""`mlpctl bench train`: limits and crossings found in simulated times, the same trial by all, the command for real."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlpctl.bench import roofline, sampling
from mlpctl.bench.cache_latency import Cache
from mlpctl.bench.roofline import Ceilings, MemoryLevel, StepCost, step_cost
from mlpctl.bench.sampling import Samples
from mlpctl.bench.step_model import Crossing, StepShares, find_crossing, find_crossings, fit_step_times, step_shares
from mlpctl.bench.train import NetworkShape, TrainOptions, TrainResult, train_options, undisturbed
from mlpctl.bench.train_report import step_time_plot, train_rows, train_tables
from mlpctl.bench.workloads import (
    FEWEST_STEPS,
    INPUTS,
    OWN_WORKLOADS,
    TRAINERS,
    Trainer,
    loss_difference,
    open_trainers,
    own_workloads,
    random_network,
    why_not,
)
from mlpctl.errors import CheckFailed, UsageError
from mlpctl.registry import names
from mlpctl.textbook.exercises import step_times
from mlpctl.textbook.exercises.catalog import EXERCISES
from mlpctl.textbook.exercises.solve import solution_of
from tests.helpers.cli import Cli

CEILINGS = Ceilings(1e11, (MemoryLevel("L1", 1e6, 1e11), MemoryLevel("memory", float("inf"), 1e10)))


def rounds(median: float, *, n: int = 24, noise: float = 0.01, seed: int = 0) -> Any:
    return median * np.exp(noise * np.random.default_rng(seed).normal(size=n))


# --- the model


def test_the_floor_is_the_slower_of_arithmetic_and_memory() -> None:
    assert CEILINGS.floor(StepCost(1e9, 1e6, 1e3)) == 1e9 / 1e11
    assert CEILINGS.floor(StepCost(1e3, 1e9, 1e3)) == 1e9 / 1e11  # in the cache
    assert CEILINGS.floor(StepCost(1e3, 1e9, 1e9)) == 1e9 / 1e10  # in memory


def test_a_fit_finds_overhead_and_factor() -> None:
    layers, floors = [2, 2, 2, 3, 5], [1e-6, 1e-5, 1e-4, 2e-5, 4e-5]
    times = [3e-5 + 1e-5 * n + 2.5 * x for n, x in zip(layers, floors, strict=True)]
    found = fit_step_times(layers, floors, times)
    assert (found.constant, found.per_layer, found.factor) == pytest.approx((3e-5, 1e-5, 2.5))
    assert found.error == pytest.approx(0, abs=1e-9)
    assert found.overhead(4) == pytest.approx(7e-5)
    alone = fit_step_times([2, 2, 2], floors[:3], times[:3])  # one depth: what a layer adds is in the constant
    assert (alone.constant, alone.per_layer) == pytest.approx((5e-5, 0))


def test_overheads_are_never_negative() -> None:
    found = fit_step_times([2, 2, 2], [1e-6, 1e-5, 1e-4], [1e-6, 1.2e-5, 2e-4])  # falls short of a line through zero
    assert found.constant == 0
    assert found.factor > 0


@pytest.mark.parametrize(
    ("step", "seconds", "limit"),
    [
        (StepCost(1e4, 1e4, 1e3), 2.1e-4, "overhead"),
        (StepCost(1e9, 1e7, 1e3), 1.2e-2, "arithmetic"),
        (StepCost(1e6, 1e9, 1e9), 1.1e-1, "memory"),
    ],
)
def test_the_limit_is_the_largest_part(step: StepCost, seconds: float, limit: str) -> None:
    model = fit_step_times([2, 2, 2], [0.0, 1e-3, 1e-2], [2e-4, 1.2e-3, 1.02e-2])
    floors = CEILINGS.arithmetic(step), CEILINGS.memory(step)
    shares = step_shares(seconds, model.overhead(2), *floors)
    assert shares.limit == limit
    assert max(shares.overhead, shares.arithmetic, shares.memory) > 0.8
    assert step_shares(1e-9, model.overhead(2), *floors).overhead == 1  # never more than the time itself


# --- crossings

X = [16, 64, 256, 1024]


def gaps_of(slope: float, at: float, **options: Any) -> list[Any]:
    """Return log(A/B) that grows with log x and is 0 at `at`."""
    return [np.log(rounds(np.exp(slope * np.log(x / at)), seed=k, **options)) for k, x in enumerate(X)]


def test_a_crossing_is_found_where_it_is() -> None:
    found = find_crossing(X, gaps_of(0.5, 100.0))
    assert found.verdict == "crosses"
    assert found.at == pytest.approx(100, rel=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 100 < found.high
    assert (found.first, found.changes) == (0, 1)
    assert find_crossing(X, gaps_of(-0.5, 100.0)).first == 1


def test_intervals_of_crossings_hold_the_truth() -> None:
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = find_crossing(X, [0.5 * np.log(x / 100.0) + 0.1 * rng.normal(size=30) for x in X], seed=seed)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 100 <= found.high
    assert held >= 34  # of 40; 95 % of them on average


def test_no_crossing_within_the_range() -> None:
    assert find_crossing(X, gaps_of(0.5, 5000.0)) == Crossing("none", None, None, None, 0, 0)
    assert find_crossing(X, gaps_of(0.5, 5.0)) == Crossing("none", None, None, None, 1, 0)


def test_equals_cross_nowhere_for_certain() -> None:
    assert find_crossing(X, gaps_of(0.0, 1.0, noise=0.1)).verdict == "undecided"
    assert find_crossing(X, gaps_of(0.5, 100.0, n=3)).verdict == "undecided"  # too few rounds to say


def test_two_crossings_are_counted() -> None:
    there_and_back = [np.log(rounds(r, seed=k)) for k, r in enumerate([0.5, 2.0, 2.0, 0.5])]
    found = find_crossing(X, there_and_back)
    assert (found.verdict, found.changes) == ("crosses", 2)
    assert found.at == pytest.approx(32, rel=0.1)


def test_pairs_are_formed_of_rounds_in_which_both_were_timed() -> None:
    slow, fast = rounds(2.0, noise=0.3), rounds(2.0, noise=0.3) / 2  # the same moments slow both
    slow[3] = np.nan
    found = find_crossings([1, 2], [{"a": slow, "b": fast}, {"a": slow, "b": fast}, {"b": fast}][:2], ["a", "b", "c"])
    assert found == {("a", "b"): Crossing("none", None, None, None, 1, 0)}


# --- what is trained


def test_a_made_work_has_the_shapes_that_are_asked_for() -> None:
    work = random_network(32, 2, 64)
    assert [(layer.inputs, layer.outputs) for layer in work.network.layers] == [(INPUTS, 32), (32, 32), (32, 10)]
    assert work.spec.batch_size == 64
    assert work.data.n_train % 64 == 0
    assert len(work.data.parts["val"]) == len(work.data.parts["test"]) == 0
    assert step_cost(work).flops == 64 * (6 * (INPUTS * 32 + 32 * 32 + 320) - 2 * INPUTS * 32)
    assert random_network(4096, 1, 256).data.n_train == FEWEST_STEPS * 256


def test_every_implementation_is_a_trainer() -> None:
    assert (*names("impl"), "kernel", "lanes") == TRAINERS


def test_all_trainers_train_the_same_trial() -> None:
    work = random_network(8, 2, 16, inputs=12, classes=3)
    with open_trainers({"p": work}, TRAINERS, device="cpu", lanes=3) as opened:
        assert list(opened["p"]) == list(TRAINERS)
        for trainer in opened["p"].values():
            assert trainer.run() > 0
            assert len(trainer.losses) == trainer.epochs
        assert 0 <= loss_difference(opened["p"]) < 1e-4
        losses = opened["p"]["numpy"].losses
        opened["p"]["numpy"].run()
        assert opened["p"]["numpy"].losses == losses  # each run begins at the start
        opened["p"]["concise"].losses = [x + 0.1 for x in opened["p"]["concise"].losses]
        with pytest.raises(CheckFailed, match="concise"):
            loss_difference(opened["p"])


def test_two_implementations_that_differ_are_refused_by_the_command(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Trainer.run

    def once(self: Trainer) -> float:
        seconds = before(self)
        if self.name == "manual":
            self.losses = [2 * x for x in self.losses]
        return seconds

    monkeypatch.setattr(Trainer, "run", once)
    done = cli(*TINY, "--impl", "numpy,manual,concise")
    assert done.code == 6
    assert "manual" in done.err


def test_a_failed_trial_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    work = random_network(8, 1, 16, inputs=12, classes=3)
    bad = replace(work, spec=work.spec.model_copy(update={"lr": 1e30, "dtype": "float32"}))
    with (
        pytest.raises(CheckFailed, match="diverged"),
        open_trainers({"p": bad}, ["numpy"], device="cpu"),
    ):
        raise AssertionError("no trainer of a trial that fails")


def test_what_trains_where() -> None:
    work = random_network(8, 1, 16, inputs=12, classes=3)
    assert why_not("kernel", work, "cuda") == "kernel trains on the CPU alone"
    assert [why_not(name, work, "cpu") for name in TRAINERS] == [None] * len(TRAINERS)


def test_the_own_workloads_are_those_that_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    trials, missing = own_workloads()
    assert "iris" in trials
    assert len(trials) + len(missing) == len(OWN_WORKLOADS)


def test_runs_that_lost_the_processor_are_left_out_where_enough_are_left() -> None:
    samples = Samples(("a", "b"), [[1.0, 2.0]] * 20, [[k < 3, k < 15] for k in range(20)])
    times = undisturbed(samples)
    assert np.isnan(times["a"]).tolist() == [True] * 3 + [False] * 17
    assert not np.isnan(times["b"]).any()


# --- what is asked, tables, figure, command


def test_each_axis_grows_alone() -> None:
    asked = train_options(["kernel"], {"width": [64, 16, 256], "depth": [1], "batch": [8, 32]})
    assert asked.line("width") == [NetworkShape(16, 1, 8), NetworkShape(64, 1, 8), NetworkShape(256, 1, 8)]
    assert asked.line("batch") == [NetworkShape(64, 1, 8), NetworkShape(64, 1, 32)]
    assert len(asked.shapes) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--impl", "conzise"), "did you mean 'concise'?"),
        (("--impl", ""), "at least one implementation"),
        (("--widths", "0"), "width must be 1 at least, got 0"),
        (("--batches", "x"), "--batches takes whole numbers"),
        (("--depths", ","), "at least one depth"),
        (("--lanes", "0"), "lanes must be 1 at least"),
        (("--plot", "p.txt"), "figures are .png"),
    ],
)
def test_bad_requests(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    done = cli("bench", "train", "--device", "cpu", *arguments)
    assert done.code == 2
    assert message in done.err


def test_a_device_that_is_not_there(cli: Cli) -> None:
    assert cli("bench", "train", "--device", "cuda").code == 5


def simulated() -> TrainResult:
    """Return times of three implementations: 1 ms a layer and twice the floor, 20 times it, and 1.1 times."""
    asked = TrainOptions(
        ("concise", "kernel", "lanes"), {"width": (16, 64, 256, 1024), "depth": (1, 2, 4), "batch": (64,)}
    )
    flops = {point: 6.0 * 64 * INPUTS * point.width * point.depth for point in asked.shapes}
    ways = {"concise": (1e-3, 2.0), "kernel": (1e-9, 20.0), "lanes": (1e-9, 1.1)}
    found = {
        point: {
            name: rounds(overhead * point.layers + factor * n / 1e11, seed=k)
            for k, (name, (overhead, factor)) in enumerate(ways.items())
        }
        for point, n in flops.items()
    }
    return TrainResult(asked, {p: StepCost(n, 1e3, 1e3) for p, n in flops.items()}, found, CEILINGS, 1e-6)


def test_rows_say_what_limits_and_where_lines_cross() -> None:
    rows = train_rows(simulated())
    at = {(row["name"], row["width"], row["depth"]): row for row in rows if row["what"] == "step"}
    assert at["concise", 16, 2]["limit"] == "overhead"
    assert at["concise", 1024, 2]["limit"] == "arithmetic"
    assert at["lanes", 16, 2]["limit"] == "arithmetic"
    row = at["lanes", 1024, 2]
    assert row["arithmetic"] == pytest.approx(1 / 1.1, rel=0.02)
    assert row["flops"] == pytest.approx(1e11 / 1.1, rel=0.02)
    median, per_example = row["median"], row["per_example"]
    assert isinstance(median, float)
    assert per_example == pytest.approx(median / 64)
    cross = {(r["name"], r["other"]): r for r in rows if r["what"] == "crossing" and r["axis"] == "width"}
    truth = 3e-3 / (18 * 6 * 64 * INPUTS * 2 / 1e11)  # 3 layers · 1e-3 + 2 x = 20 x
    own = cross["concise", "kernel"]
    assert own["verdict"] == "crosses"
    assert own["at"] == pytest.approx(truth, rel=0.35)  # a straight line over log x between 16 and 64
    assert cross["kernel", "lanes"]["verdict"] == "none"
    assert {row["what"] for row in rows} == {"step", "fit", "crossing", "peak", "bandwidth"}


def test_people_read() -> None:
    """The snapshot of the command's words."""
    by_width, by_depth, crossings = train_tables(simulated())  # a single batch does not grow
    assert by_width.title == "µs per step, by width (hidden units); depth 2, batch 64"
    limits = {row[""]: "".join(str(row[width])[-1] for width in ("16", "64", "256", "1024")) for row in by_width.rows}
    assert limits == {"concise": "oooa", "kernel": "aaaa", "lanes": "aaaa"}
    assert [row["of peak"] for row in by_width.rows] == ["40 %", "5 %", "91 %"]
    assert by_width.notes[2] == "All train the same trial: their losses differ by 1e-06 at most; 0.001 is allowed."
    assert by_depth.title.startswith("µs per step, by depth (hidden layers)")
    pairs = [tuple(list(row.values())[:3]) for row in crossings.rows]
    assert ("width", "kernel", "concise") in pairs
    assert crossings.notes[0] == ("width 16 to 1024: of 3 pairs 2 do not cross within the range, 0 are undecided.")


def test_the_plot_has_a_line_an_implementation_and_the_floor() -> None:
    plot = step_time_plot(simulated(), "a machine")
    assert [line.name for line in plot.lines] == ["concise", "kernel", "lanes", "floor (peak)"]
    for line in plot.lines:
        assert list(line.x) == [16, 64, 256, 1024]
        assert all(low <= y <= high for low, y, high in zip(line.low, line.y, line.high, strict=False))


@pytest.fixture(autouse=True)
def _small_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what is measured of the machine small."""
    monkeypatch.setattr(roofline, "caches", lambda: [Cache("L1", 48 << 10, 48 << 10)])
    monkeypatch.setattr(roofline, "LEAST_BYTES", 1 << 20)
    monkeypatch.setattr(sampling, "WARMUP_SECONDS", 0.0)


TINY = ("bench", "train", "--device", "cpu", "--widths", "4,8", "--depths", "1", "--batches", "16", "--runs", "2",
        "--warmup", "1", "-q")  # fmt: skip


def test_the_command_measures_and_writes(cli: Cli) -> None:
    done = cli(*TINY, "--impl", "numpy,kernel,lanes", "--format", "csv", "-o", "t.csv", "--plot", "t.png")
    assert done.code == 0, done.err
    rows = list(csv.DictReader(io.StringIO(Path("t.csv").read_text())))
    timed = [row for row in rows if row["what"] == "step"]
    assert {(row["name"], row["width"]) for row in timed} == {
        (name, width) for name in ("numpy", "kernel", "lanes") for width in "48"
    }
    for row in timed:
        assert float(row["low"]) <= float(row["median"]) <= float(row["high"])
        assert float(row["flops_per_step"]) == 16 * (
            6 * (INPUTS + 10) * int(row["width"]) - 2 * INPUTS * int(row["width"])
        )
    assert {row["machine"] for row in rows} == {rows[0]["machine"]}
    assert Path("t.png").read_bytes().startswith(b"\x89PNG")


def test_ctrl_c_keeps_what_was_measured(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    before, runs = Trainer.run, iter(range(8 + 2 * 4 + 5))

    def once(self: Trainer) -> float:
        if next(runs, None) is None:
            raise KeyboardInterrupt
        before(self)
        return 1e-4  # steady, so that warm-up ends at once

    monkeypatch.setattr(Trainer, "run", once)
    done = cli(*TINY[:-5], "--runs", "50", "-q", "--impl", "numpy,manual", "--format", "csv", "-o", "t.csv")
    assert done.code == 130
    rows = list(csv.DictReader(io.StringIO(Path("t.csv").read_text())))
    assert {(row["name"], int(row["runs"]) >= 1) for row in rows if row["what"] == "step"} == {
        ("numpy", True),
        ("manual", True),
    }


# --- the exercise


def timings(ways: dict[str, tuple[float, float]], *, seeds: int = 7) -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), []
    for name, (overhead, factor) in ways.items():
        for n in (16, 64, 256, 1024):
            floor = 3e-6 * n
            rows += [
                {"seed": seed, "status": "ok", "hidden_units": n, "implementation": name, "arithmetic": floor,
                 "memory": floor / 10, "seconds_per_step": (overhead + factor * floor) * np.exp(0.01 * rng.normal())}
                for seed in range(seeds)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_exercise_tells_limits_and_crossings() -> None:
    ways = {"concise": (4e-4, 1.5), "kernel": (0.0, 4.0)}
    words = " ".join(solution_of(EXERCISES["5.2.6"], timings(ways)).sentences)
    assert "With 16 hidden units the kernel is fastest" in words
    assert "With 1024 hidden units concise is fastest" in words
    assert "From 5" in words or "From 6" in words  # 4e-4 = 2.5 · 3e-6 n at n = 53
    assert "hidden units on (95 % interval" in words
    assert "concise is faster than the kernel; 0 of 1 pairs do not cross" in words
    assert "the kernel by arithmetic throughout, at 25 % of the peak in the end" in words
    assert "concise by overhead at first and by arithmetic from 256 units on" in words
    few = " ".join(solution_of(EXERCISES["5.2.6"], timings(ways, seeds=2)).sentences)
    assert "it cannot be said (a crossing needs 6 rounds)" in few


def test_the_exercise_runs_and_goes_on_where_it_stood(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = step_times.StepPlan(("numpy", "kernel"), (4, 8, 16), 2, 1)
    monkeypatch.setitem(step_times.STEP_PLANS, "quick", plan)
    arguments = ("exercise", "5.2.6", "--effort", "quick", "--out", "answers", "-q", "--offline")
    done = cli(*arguments)
    assert done.code == 0, done.err
    folder = Path("answers/5.2.6")
    stored = (folder / "quick.csv").read_bytes()
    assert len(pd.read_csv(folder / "quick.csv")) == 2 * 3 * 2
    assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert cli(*arguments).out == done.out
    assert (folder / "quick.csv").read_bytes() == stored  # nothing was measured twice


def test_nothing_to_train_with() -> None:
    with pytest.raises(UsageError, match="at least one implementation"):
        train_options([], {"width": [4], "depth": [1], "batch": [8]})


def test_parts_leave_the_implementation_s_own() -> None:
    assert StepShares(0.2, 0.3, 0.1).limit == "arithmetic"
