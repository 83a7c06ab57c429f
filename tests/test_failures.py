"""Failures as data: alike ones are one row with the command that trains one again; too many of them end a sweep."""

import shlex
from pathlib import Path

import pytest

from mlpctl.engine.base import Event
from mlpctl.failures import Clock, Patience, alike
from mlpctl.results import load
from mlpctl.shard import parse_shard
from tests.conftest import Cli

DIVERGING = ("sweep", "--dataset", "diabetes", "--epochs", "2", "--axis", "lr=log:1e9:1e12:30", "--jobs", "1", "-q")


def test_failures_that_differ_in_numbers_are_alike() -> None:
    assert alike("diverged", "not finite in epoch 3") == alike("diverged", "not finite in epoch 12")
    assert alike("crashed", "no room for 1.5e3 MB") != alike("diverged", "no room for 1.5e3 MB")


def test_twenty_failures_in_a_row_end_a_sweep_and_the_same_command_goes_on(cli: Cli) -> None:
    done = cli(*DIVERGING)
    assert done.code == 3
    assert "stopped after 20 trials in a row that failed alike: diverged (" in done.err
    assert len(load("results/diabetes-linear").trials) == 20
    assert cli(*DIVERGING).code == 3  # diverged ones are not retried
    assert len(load("results/diabetes-linear").trials) == 30
    assert cli(*DIVERGING, "--keep-going", "--name", "all").code == 3
    assert len(load("results/all").trials) == 30


def test_fail_fast_stops_at_the_first(cli: Cli) -> None:
    done = cli(*DIVERGING, "--fail-fast")
    assert done.code == 3
    assert "--fail-fast" in done.err
    assert len(load("results/diabetes-linear").trials) == 1


def test_only_alike_failures_in_a_row_count() -> None:
    patience = Patience(most=3)
    rows = [("diverged", "x 1"), ("ok", ""), ("diverged", "x 1"), ("crashed", "y"), ("diverged", "x"), ("invalid", "z")]
    assert not any(patience.over({"status": status, "error": error}) for status, error in rows * 5)
    for number in range(3):
        why = patience.over({"status": "crashed", "error": f"y {number}"})
    assert why.startswith("stopped after 3 trials")


def test_a_trial_that_takes_too_long_is_a_row(cli: Cli) -> None:
    slow = ("sweep", "--dataset", "digits", "--epochs", "500", "--axis", "lr=0.1,0.2", "--engine", "reference", "-q")
    done = cli(*slow, "--timeout", "0.001")
    assert done.code == 3
    trials = load("results/digits-mlp").trials
    assert trials["status"].tolist() == ["timeout"] * 2
    assert set(trials["error"]) == {"not done after 0.001 s"}
    assert (trials["epochs_done"] < 500).all()
    assert "--retry-failed on the same sweep" in done.out.replace("\n", " ")
    before = Path("results/digits-mlp/trials.csv").read_text()
    cli(*slow, "--timeout", "0.001")
    assert Path("results/digits-mlp/trials.csv").read_text() == before  # not by itself
    cli(*slow, "--timeout", "0.002", "--retry-failed")
    assert Path("results/digits-mlp/trials.csv").read_text() != before


def test_a_clock_stops_only_what_is_late() -> None:
    clock = Clock(limit=1.0)
    stopped: list[str] = []
    events = [
        Event("a", 1, seconds=0.8), Event("b", 1, seconds=0.1), Event("a", 2, seconds=0.8), Event("b", 2, status="ok"),
        Event("a", 3, status="interrupted", error="stopped"),
    ]  # fmt: skip
    for key in ("a", "b"):
        clock.start(key)
    seen = list(clock.watch(events, stopped.append))
    assert stopped == ["a"]
    assert [event.status for event in seen] == [None, None, None, "ok", "timeout"]


@pytest.mark.parametrize(
    "sweep",
    [
        ("--dataset", "diabetes", "--epochs", "3", "--axis", "lr=0.01,1e9", "--seeds", "2"),
        (
            "--dataset",
            "iris",
            "--axis",
            "lr=1e20,1e21",
            "--axis",
            "widths=4;4,4",
            "--optimizer",
            "momentum",
            "--epochs",
            "2",
        ),
        ("--dataset", "linreg", "--data", "noise=0.1", "--axis", "data.n=50,60", "--lr", "1e9", "--epochs", "2"),
        ("--dataset", "iris", "--set", "batch_norm=all", "--widths", "4", "--axis", "batch_size=1,8", "--epochs", "1"),
    ],
)
def test_the_report_says_how_to_train_a_failed_trial_again(cli: Cli, sweep: tuple[str, ...]) -> None:
    assert cli("sweep", *sweep, "--name", "r", "-q").code == 3
    from mlpctl.report.summary import summarize

    [summary] = summarize(load("results/r"))
    [failure] = summary.failures.to_dict("records")
    program, *arguments = shlex.split(str(failure["again"]))
    assert program == "mlpctl"
    again = cli(*arguments)
    if failure["status"] == "invalid":
        assert again.code == 2
        assert str(failure["error"]) in again.err
    else:
        assert again.code == 3
        [trial] = load("results/failed").trials.to_dict("records")
        assert (trial["key"], trial["status"]) == (failure["example"], failure["status"])


def test_every_trial_is_in_one_shard() -> None:
    shards = [parse_shard(f"{number}/3") for number in (1, 2, 3)]
    keys = [f"{number * 2654435761:016x}" for number in range(300)]
    assert all(sum(shard.has(key) for shard in shards) == 1 for key in keys)
    assert all(50 < sum(shard.has(key) for key in keys) < 150 for shard in shards)
