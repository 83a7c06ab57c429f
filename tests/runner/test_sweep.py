"""Searches through the whole house: survivors continue, a stopped search goes on, nothing runs twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mlpctl.errors import Interrupted
from mlpctl.runner.budget import Limits
from mlpctl.runner.dry_run import preview
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.sweep import sweep, trial_count
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.search.axes import parse_axis
from mlpctl.search.table import Method, SearchTable
from mlpctl.store.results import load
from tests.helpers.cli import Cli
from tests.helpers.runs import Counting

TIMES = ["seconds", "group_seconds", "started", "jobs", "environment", "folder"]
BASE = {"dataset": "iris", "widths": (6,), "epochs": 9, "optimizer": "adam", "batch_norm": (1,), "dropout": 0.2}
AXES = (parse_axis("lr=log:1e-4:1"), parse_axis("batch_size=4,8,16"))
METHODS: tuple[Method, ...] = ("sobol", "tpe", "gp", "halving", "asha", "hyperband")


def experiment(name: str, method: Method, trials: int = 9, seeds: int = 1, **base: object) -> Experiment:
    search = SearchTable(method=method, trials=trials, batch=4)
    return Experiment(name, {**BASE, **base}, AXES, seeds=tuple(range(seeds)), search=search)


def run(what: Experiment, stop_after: int = -1, jobs: int = 1, engine: str = "reference") -> Counting:
    watch = Counting(stop_after=stop_after)
    sweep(what, Path("results"), RunOptions(jobs=jobs, engine=engine), watch, watch.stop)
    return watch


def tables(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    results = load(Path("results") / name, every=True)
    trials = results.trials.drop(columns=TIMES).sort_values("key", ignore_index=True)
    return trials, results.epochs.drop(columns="seconds").sort_values(["key", "epoch"], ignore_index=True)


def assert_equal_tables(one: str, other: str) -> None:
    for left, right in zip(tables(one), tables(other), strict=True):
        pd.testing.assert_frame_equal(left, right, check_exact=True)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("engine", ["kernel", "reference"])
@pytest.mark.parametrize("seeds", [1, 2])
def test_survivors_continue_and_are_what_they_are_alone(engine: str, seeds: int) -> None:
    """9 × 1 epochs, 3 × 2 more, 1 × 6 more: 21 a seed; each row is bit for bit that of its spec trained by itself."""
    halving = experiment("halving", "halving", seeds=seeds)
    watch = run(halving, engine=engine)
    assert sum(watch.epochs.values()) == 21 * seeds
    assert len(watch.rows) == trial_count(halving) == 13 * seeds
    assert Counter(row["epochs"] for row in watch.rows) == {1: 9 * seeds, 3: 3 * seeds, 9: seeds}
    assert all(row["status"] == "ok" and row["epochs_done"] == row["epochs"] for row in watch.rows)
    assert not Path("results/halving/states").exists()
    for number, row in enumerate(watch.rows):
        fields = {"lr": row["lr"], "batch_size": row["batch_size"], "epochs": row["epochs"], "seed": row["seed"]}
        run(Experiment("alone", {**BASE, **fields}, seeds=(row["seed"],)), engine=engine)
        assert len(load("results/alone", every=True).trials) == number + 1
    assert_equal_tables("halving", "alone")


def test_a_schedule_that_knows_its_end_is_trained_whole_on_each_rung() -> None:
    watch = run(experiment("cosine", "halving", lr_schedule="cosine"))
    assert sum(watch.epochs.values()) == 9 * 1 + 3 * 3 + 1 * 9
    assert sum(run(experiment("step", "halving", lr_schedule="step", lr_step=2)).epochs.values()) == 21


@pytest.mark.parametrize("method", METHODS)
def test_jobs_do_not_change_a_search(method: Method) -> None:
    for jobs in (1, 2):
        run(experiment(f"jobs{jobs}", method, trials=14), jobs=jobs)
    assert_equal_tables("jobs1", "jobs2")


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_search_goes_on_and_repeats_nothing(method: Method) -> None:
    whole = run(experiment("whole", method, trials=12))
    cut = experiment("cut", method, trials=12)
    parts = []
    for _ in range(3):
        watch = Counting(stop_after=5)
        with pytest.raises(Interrupted):
            sweep(cut, Path("results"), RunOptions(engine="reference"), watch, watch.stop)
        parts.append(watch)
        if sum(len(part.rows) for part in parts) + 5 > len(whole.rows):
            break
    assert trial_count(cut) >= len(whole.rows) > 5
    planned = preview(cut, Path("results"), RunOptions())
    assert planned.stored == sum(len(part.rows) for part in parts)
    parts.append(run(cut))
    keys = [row["key"] for part in parts for row in part.rows]
    assert len(keys) == len(set(keys)) == len(whole.rows)
    assert sum((part.epochs for part in parts), Counter()) == whole.epochs  # no epoch twice either
    assert_equal_tables("whole", "cut")
    again = run(cut)
    assert (again.rows, again.found) == ([], len(whole.rows))


def test_a_state_that_was_lost_costs_time_and_nothing_else() -> None:
    run(experiment("whole", "halving"))
    with pytest.raises(Interrupted):
        run(experiment("cut", "halving"), stop_after=10)
    for number, path in enumerate(sorted(Path("results/cut/states").iterdir())):
        if number % 2:
            path.unlink()
    with pytest.raises(Interrupted):
        run(experiment("cut", "halving"), stop_after=1, engine="kernel")  # another engine's states are no use to it
    run(experiment("cut", "halving"))
    keys = [tables(name)[0]["key"].tolist() for name in ("whole", "cut")]
    assert keys[0] == keys[1]


def test_force_trains_all_again_and_alike() -> None:
    first = run(experiment("forced", "asha"))
    before = tables("forced")
    watch = Counting()
    sweep(experiment("forced", "asha"), Path("results"), RunOptions(engine="reference", force=True), watch, Stop())
    assert watch.epochs == first.epochs
    for one, other in zip(before, tables("forced"), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_failed_configuration_does_not_survive() -> None:
    """With momentum fixed, sgd is impossible: such configurations are rows, and the others go on."""
    axes = (parse_axis("optimizer=sgd,momentum"), *AXES)
    base = {name: value for name, value in BASE.items() if name != "optimizer"} | {"momentum": 0.5}
    what = replace(experiment("failing", "halving"), base=base, axes=axes)
    watch = run(what)
    statuses = Counter((row["status"], row["epochs"]) for row in watch.rows)
    assert statuses["invalid", 1] + statuses["ok", 1] == 9
    assert statuses["invalid", 1] > 0
    assert statuses["ok", 3] == 3
    assert run(what).rows == []


def test_selecting_on_loss_promotes_the_lowest() -> None:
    what = replace(
        experiment("loss", "halving"), select=experiment("loss", "grid").select.model_copy(update={"metric": "loss"})
    )
    rows = run(what).rows
    first = sorted((row for row in rows if row["epochs"] == 1), key=lambda row: float(row["val_loss"]))
    assert {row["lr"] for row in rows if row["epochs"] == 3} == {row["lr"] for row in first[:3]}


def test_killed_at_any_moment_the_same_command_finishes_the_search(tmp_path: Path) -> None:
    axes = ("--axis", "lr=log:1e-3:1", "--axis", "hidden_units=int:4:32", "--epochs", "54", "--trials", "36")
    command = [
        sys.executable,
        "-m",
        "mlpctl",
        "sweep",
        "--dataset",
        "iris",
        *axes,
        "--search",
        "halving",
        "-q",
        "--name",
    ]
    subprocess.run([*command, "whole"], cwd=tmp_path, check=True, capture_output=True)
    trials = tmp_path / "results" / "cut" / "trials.csv"
    for at_least in (5, 38, 50):
        process = subprocess.Popen(
            [*command, "cut"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if trials.is_file() and trials.read_bytes().count(b"\n") > at_least:
                break
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([*command, "cut"], cwd=tmp_path, check=True, capture_output=True)
    assert_equal_tables("whole", "cut")
    assert len(trials.read_text().splitlines()) - 1 == len(tables("cut")[0]) == 36 + 12 + 4 + 1  # nothing twice


def test_searches_by_flags(cli: Cli) -> None:
    common = ("sweep", "--dataset", "iris", "--widths", "6", "--epochs", "9", "-q", "--format", "json")
    space = ("--axis", "optimizer=sgd,momentum", "--axis", "momentum=0.5,0.9 when optimizer=momentum")
    done = cli(*common, *space, "--axis", "lr=0.1,0.2", "--axis", "batch_size=8,16", "--zip", "lr,batch_size")
    assert done.code == 0, done.err
    trials = load("results/iris-mlp").trials
    assert len(trials) == 6  # (sgd + 2 momentum) × 2
    assert set(zip(trials["lr"], trials["batch_size"], strict=True)) == {(0.1, "8"), (0.2, "16")}
    Path("some.csv").write_text("lr,optimizer\n0.1,sgd\n0.01,adam\n")
    assert cli(*common, "--axis", "@some.csv", "--name", "listed").code == 0
    assert load("results/listed").trials["optimizer"].tolist() == ["sgd", "adam"]
    done = cli(*common, *space, "--axis", "lr=log:0.01:1", "--search", "halving", "--trials", "8", "--eta", "2",
               "--min-epochs", "2", "--name", "halved")  # fmt: skip
    assert done.code == 0, done.err
    assert Counter(load("results/halved").trials["epochs"]) == {2: 8, 4: 4, 9: 2}
    assert cli(*common, *space, "--axis", "lr=log:0.01:1", "--search", "halving", "--trials", "8", "--eta", "2",
               "--min-epochs", "2", "--name", "halved", "--quiet").err == ""  # fmt: skip
    dry = cli(*common, *space, "--axis", "lr=log:0.01:1", "--search", "tpe", "--trials", "8", "--dry-run")
    assert '"trials": 8' in dry.out


def test_all_problems_of_a_command_come_at_once(cli: Cli) -> None:
    done = cli("sweep", "--dataset", "iris", "--axis", "lr=0", "--axis", "momentm=1", "--axis", "@no.csv")
    assert done.code == 2
    assert done.err.count("error: ") == 3
    done = cli("sweep", "--dataset", "iris", "--axis", "epochs=1,2", "--search", "asha")
    assert done.code == 2
    assert "asha decides the epochs itself" in done.err


def test_a_budget_ends_a_sweep_where_the_next_one_goes_on(cli: Cli) -> None:
    common = ("sweep", "--dataset", "iris", "--widths", "6", "--epochs", "9", "-q", "--axis", "lr=log:0.01:1")
    halving = (*common, "--search", "halving", "--trials", "9")
    assert cli(*halving, "--name", "whole").code == 0
    done = cli(*halving, "--name", "cut", "--max-trials", "4")
    assert done.code == 7
    assert "--max-trials 4 is used up" in done.err
    assert "BEST" in done.out  # what there is, is reported
    assert len(load("results/cut").trials) == 4
    assert cli(*halving, "--name", "cut", "--max-trials", "4").code == 7  # in all, not in addition
    assert len(load("results/cut").trials) == 4
    assert cli(*halving, "--name", "cut", "--budget", "6e", "--jobs", "2").code == 7
    assert Counter(load("results/cut").trials["epochs"]) == {1: 9}  # 5 × 1 epochs; then 2 more do not fit into 1
    assert cli(*halving, "--name", "cut", "--budget", "2e").code == 7
    assert Counter(load("results/cut").trials["epochs"]) == {1: 9, 3: 1}  # a survivor costs its further epochs alone
    assert cli(*halving, "--name", "cut", "--budget", "1h", "--max-trials", "13").code == 0
    assert_equal_tables("whole", "cut")
    grid = (
        "sweep",
        "--dataset",
        "iris",
        "--widths",
        "6",
        "-q",
        "--axis",
        "lr=0.1,0.2",
        "--axis",
        "epochs=1,2,3",
        "--name",
        "grid",
    )
    assert cli(*grid, "--budget", "5e").code == 7
    assert Counter(load("results/grid").trials["lr"]) == {0.1: 3}  # three trials, one run of three epochs
    assert cli(*grid, "--budget", "3e").code == 0
    for wrong in ("10", "m", "0s", "-1m"):
        assert cli(*common, f"--budget={wrong}").code == 2


def test_a_time_budget_begins_nothing_after_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))  # every look at the clock is a second later: at the start, then at each trial
    monkeypatch.setattr("mlpctl.runner.budget.monotonic", lambda: next(clock))
    watch = Counting()
    options = RunOptions(engine="reference", limits=Limits(seconds=4))
    counts = sweep(experiment("timed", "sobol"), Path("results"), options, watch, watch.stop)
    assert (len(watch.rows), counts.cut) == (4, "--budget 4s")


def test_folds_are_repetitions_of_their_own(cli: Cli) -> None:
    command = ["sweep", "--dataset", "iris", "--folds", "4", "--axis", "lr=0.01,0.1", "--epochs", "2", "--out", "r"]
    assert cli(*command).code == 0
    trials = load(Path("r/iris-mlp")).trials
    assert sorted(trials["seed"].unique()) == [0, 1, 2, 3], "a seed for each fold"
    assert (trials.groupby("lr")["val_examples"].sum() == 112).all(), "all rows but the 38 of the test part"
    assert (trials["train_examples"] + trials["val_examples"] == 112).all()
    assert cli(*command, "--seeds", "2", "--name", "two").code == 0
    assert len(load(Path("r/two")).trials) == 4
    refused = cli("sweep", "--dataset", "iris", "--axis", "folds=2,5", "--out", "r")
    assert refused.code == 2
    assert "folds are no axis" in refused.err
