"""A search that learns and is cut says what it did not get to, after the run and in a dry run before it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mlpctl.cli.screens.dry_run import left_out
from mlpctl.runner.budget import Limits
from mlpctl.runner.dry_run import preview, rest
from mlpctl.runner.sweep import sweep
from mlpctl.runner.types import Counts, Stop
from mlpctl.search.table import BY_EPOCHS, Method
from mlpctl.store.results import load
from tests.helpers.cli import Cli
from tests.helpers.runs import REFERENCE, Counting, experiment

OUT = Path("results")
METHODS: list[Method] = ["halving", "asha", "hyperband", "tpe", "gp"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def configurations(trials: pd.DataFrame, method: Method, seeds: int) -> Counter[int]:
    """Return rung -> configurations of which every seed is there."""
    whole = trials.groupby("config").filter(lambda some: len(some) == seeds).drop_duplicates("config")
    return Counter(int(epochs) if method in BY_EPOCHS else 0 for epochs in whole["epochs"])


@pytest.mark.parametrize("most", [1, 5, 13])
@pytest.mark.parametrize("method", METHODS)
def test_what_a_cut_search_did_not_do(method: Method, most: int) -> None:
    """It counts by rungs what the store lacks; what it had asked for is what the same command begins with."""
    what = experiment(method, seeds=(0, 1))
    counts = sweep(what, OUT, replace(REFERENCE, limits=Limits(trials=most)), Counting(), Stop())
    assert counts.cut == f"--max-trials {most}"
    done = configurations(load("results/planned").trials, method, 2)
    assert {rung.epochs: rung.planned - rung.left for rung in counts.rungs} == {
        rung.epochs: done[rung.epochs] for rung in counts.rungs
    }
    looking = Counting()
    assert not sweep(what, OUT, REFERENCE, looking, Stop()).rungs
    assert [row["key"] for row in looking.rows][: len(counts.left)] == [trial.key for trial in counts.left]
    if method != "asha":  # the others do what they plan
        done = configurations(load("results/planned").trials, method, 2)
        assert {rung.epochs: rung.planned for rung in counts.rungs} == dict(done)


@pytest.mark.parametrize("method", METHODS)
def test_a_dry_run_counts_the_same(method: Method) -> None:
    """Before anything is trained, the first batch is known and the others are not."""
    what, options = experiment(method, seeds=(0, 1)), replace(REFERENCE, limits=Limits(trials=5))
    plan = preview(what, OUT, options)
    counts = sweep(what, OUT, options, Counting(), Stop())
    assert plan.rungs == counts.rungs
    known = [trial.key for trial in plan.left if trial.key not in plan.guesses]
    assert known == [trial.key for trial in counts.left]
    assert not preview(what, OUT, REFERENCE).rungs  # without a limit nothing is left out


def test_it_is_told_in_two_tables(cli: Cli) -> None:
    sweep = ("sweep", "--dataset", "iris", "--axis", "lr=log:0.01:1", "--search", "halving", "--trials", "9",
             "--epochs", "9", "--engine", "reference", "--max-trials", "10")  # fmt: skip
    done = cli(*sweep)
    assert done.code == 7
    said = [line.split() for line in done.err.splitlines()]
    assert "Not reached by halving for --max-trials 10" in done.err
    assert [line for line in said if len(line) == 3 and all(cell.isdecimal() for cell in line)] == [
        ["1", "9", "0"], ["3", "3", "2"], ["9", "1", "1"],
    ]  # fmt: skip
    assert "Left out by --max-trials 10" in done.err
    assert "asked for already, in this order" in done.err


def test_trials_are_listed_where_some_were_asked_for() -> None:
    what = experiment("halving")
    counts = sweep(what, OUT, replace(REFERENCE, limits=Limits(trials=8)), Counting(), Stop())
    plan = rest(what, OUT, REFERENCE, counts)
    assert plan is not None
    assert [table.title for table in left_out(plan, people=True)] == [
        "Not reached by halving for --max-trials 8", "Left out by --max-trials 8",
    ]  # fmt: skip
    plan = rest(what, OUT, REFERENCE, Counts(cut="--max-trials 8", rungs=counts.rungs))
    assert plan is not None
    assert [table.title for table in left_out(plan, people=True)] == ["Not reached by halving for --max-trials 8"]
