"""Failures as data: alike ones are one row with the command that trains one again; too many of them end a sweep."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from mlpctl.engines import reference
from mlpctl.engines.base import Engine, Event, event_of
from mlpctl.engines.kernel import engine as kernel
from mlpctl.engines.time_limit import Clock
from mlpctl.runner.failure_policy import FailurePolicy, alike
from mlpctl.runner.rows import Curve
from mlpctl.runner.run_groups import ended
from mlpctl.runner.shard import parse_shard
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.spec import make_spec
from mlpctl.store.maintenance.check import check_contents
from mlpctl.store.results import load
from mlpctl.store.schema import Block
from tests.helpers.cli import Cli
from tests.helpers.making import classes, trained, work_of

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
    policy = FailurePolicy(most=3)
    rows = [("diverged", "x 1"), ("ok", ""), ("diverged", "x 1"), ("crashed", "y"), ("diverged", "x"), ("invalid", "z")]
    assert not any(policy.over({"status": status, "error": error}) for status, error in rows * 5)
    for number in range(3):
        why = policy.over({"status": "crashed", "error": f"y {number}"})
    assert why.startswith("stopped after 3 trials")


@pytest.mark.parametrize("engine", ["reference", "kernel"])
def test_a_trial_that_takes_too_long_is_a_row(cli: Cli, engine: str) -> None:
    slow = ("sweep", "--dataset", "digits", "--epochs", "5000", "--axis", "lr=0.1,0.2", "--engine", engine, "-q")
    done = cli(*slow, "--timeout", "0.001")
    assert done.code == 3
    trials = load("results/digits-mlp").trials
    assert trials["status"].tolist() == ["timeout"] * 2
    assert set(trials["error"]) == {"not done after 0.001 s"}
    assert (trials["epochs_done"] < 5000).all()
    assert not check_contents(Path("results/digits-mlp")).problems
    assert "--retry-failed on the same sweep" in done.out.replace("\n", " ")
    before = Path("results/digits-mlp/trials.csv").read_text()
    cli(*slow, "--timeout", "0.001")
    assert Path("results/digits-mlp/trials.csv").read_text() == before  # not by itself
    cli(*slow, "--timeout", "0.1", "--retry-failed")  # some epochs, and then one that is not finished
    assert not check_contents(Path("results/digits-mlp")).problems
    trials = load("results/digits-mlp").trials
    assert trials["status"].tolist() == ["timeout"] * 2
    assert (trials["val_accuracy"].isna() == (trials["epochs_done"] == 0)).all()
    assert Path("results/digits-mlp/trials.csv").read_text() != before


def test_a_clock_stops_only_what_is_late() -> None:
    clock = Clock()
    stopped: list[str] = []
    events = [
        Event("a", 1, seconds=0.8), Event("b", 1, seconds=0.1), Event("a", 2, seconds=0.8), Event("b", 2, status="ok"),
        Event("a", 3, status="interrupted", error="stopped"),
    ]  # fmt: skip
    for key in ("a", "b"):
        clock.start(work_of(classes(), key, limit=1.0))
    seen = list(clock.watch(events, stopped.append))
    assert stopped == ["a"]
    assert [event.status for event in seen] == [None, None, None, "ok", "timeout"]


@pytest.mark.parametrize("engine", [kernel.ENGINE, reference.ENGINE])
def test_a_trial_ends_within_an_epoch(engine: Engine) -> None:
    """Its first epoch would take minutes."""
    endless = work_of(classes(n=400_000, d=64), widths=[512, 512], batch_size=8, epochs=1, limit=0.02)
    session = engine.open("cpu", 1, 1)
    [event] = trained(session, endless)["t"]
    assert (event.status, event.epoch, event.scores) == ("timeout", 0, {})
    assert event.error == "not done after 0.02 s"
    session.drop("t")
    [event] = trained(session, work_of(classes(), epochs=1))["t"]  # another of the same name is not late
    assert event.status == "ok"


def test_trials_that_a_late_run_had_passed_are_done() -> None:
    """Of trials of 1, 2, 5 and 9 epochs that are one run, the clock ends the run after 2, or within the sixth."""
    trials = {epochs: trial_of(make_spec({"dataset": "iris", "epochs": epochs})) for epochs in (1, 2, 5, 9)}
    curve = Curve()
    for epoch in range(1, 6):
        curve.add(Event("t", epoch, {"val_loss": 1.0 / epoch}))

    def told(left: dict[int, Trial], event: Event) -> list[tuple[int | None, str | None, object]]:
        ends = ended(left, curve.upto(event.epoch), event)
        assert not left or event.status is None
        return [(trial.spec.epochs, last.status, last.scores.get("val_loss")) for trial, last in ends]

    left = dict(trials)
    assert told(left, Event("t", 1, {"val_loss": 1.0})) == [(1, "ok", 1.0)]
    after = told(dict(left), Event("t", 2, {"val_loss": 0.5}, status="timeout", error="late"))
    assert after == [(2, "ok", 0.5), (5, "timeout", 0.5), (9, "timeout", 0.5)]
    diverged = told(dict(left), Event("t", 2, {"val_loss": 0.5}, status="diverged", error="not finite"))
    assert [status for _, status, _ in diverged] == ["diverged"] * 3
    assert told(left, Event("t", 2, {"val_loss": 0.5})) == [(2, "ok", 0.5)]
    assert told(left, Event("t", 5, {"val_loss": 0.2})) == [(5, "ok", 0.2)]
    assert told(left, Event("t", 5, status="timeout", error="late")) == [(9, "timeout", 0.2)]

    block: Block = {
        "epoch": [1, 2, 3, 4, 5],
        "lr": [0.1] * 5,
        "val_loss": [1 / e for e in range(1, 6)],
        "seconds": [0.0] * 5,
    }
    left = dict(trials)
    assert told(left, event_of("t", block)) == [(1, "ok", 1.0), (2, "ok", 0.5), (5, "ok", 0.2)]
    assert [*left] == [9]
    ended_badly = replace(event_of("t", block), status="diverged", error="not finite")
    assert [status for _, status, _ in told(dict(trials), ended_badly)] == ["ok", "ok", "diverged", "diverged"]


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
