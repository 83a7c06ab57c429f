"""Sweeps by the lanes engine: the rows of the reference engine, rungs, precision, dry runs, errors."""

import json
from pathlib import Path

import pytest

from tests.helpers.cli import Cli, trial_rows

AXES = ("--axis", "lr=0.01,0.1", "--axis", "hidden_units=4,8", "--axis", "activation=relu,tanh", "--seeds", "2")


def test_a_sweep_is_the_same_by_lanes_and_one_by_one(cli: Cli) -> None:
    for engine in ("lanes", "reference"):
        done = cli("sweep", "--dataset", "iris", *AXES, "--epochs", 3, "--engine", engine, "--dtype", "float64",
                   "--batch-norm", "1", "--name", engine, "-q")  # fmt: skip
        assert done.code == 0, done.err
    ours, theirs = trial_rows("lanes"), trial_rows("reference")
    assert len(ours) == 16
    assert ours.keys() == theirs.keys()
    for key, row in ours.items():
        assert float(row["train_loss"]) == pytest.approx(float(theirs[key]["train_loss"]), rel=1e-9)
        assert row["val_accuracy"] == theirs[key]["val_accuracy"]
        assert (row["seconds"], row["group_size"], row["used_precision"]) == ("", "16", "fp32")
        assert float(row["group_seconds"]) > 0
        assert theirs[key]["group_size"] == theirs[key]["used_precision"] == ""
    again = cli("sweep", "--dataset", "iris", *AXES, "--epochs", 3, "--engine", "lanes", "--dtype", "float64",
                "--batch-norm", "1", "--name", "lanes")  # fmt: skip
    assert "16 of 16 trials were in" in again.err


def test_survivors_of_a_rung_go_on_as_lanes(cli: Cli) -> None:
    for engine in ("lanes", "reference"):
        done = cli("sweep", "--dataset", "iris", "--axis", "lr=log:0.01:1:9", "--search", "halving", "--min-epochs", 1,
                   "--epochs", 9, "--engine", engine, "--dtype", "float64", "--name", engine, "-q")  # fmt: skip
        assert done.code == 0, done.err
    ours, theirs = trial_rows("lanes"), trial_rows("reference")
    assert ours.keys() == theirs.keys()
    assert {row["epochs_done"] for row in ours.values()} == {"1", "3", "9"}
    for key, row in ours.items():
        assert float(row["train_loss"]) == pytest.approx(float(theirs[key]["train_loss"]), rel=1e-9)


def test_a_single_trial_has_its_own_seconds_and_saves_its_weights(cli: Cli) -> None:
    done = cli("train", "--dataset", "iris", "--epochs", 3, "--engine", "lanes", "--save", "--precision", "bf16")
    assert done.code == 0, done.err
    assert "3 epochs in" in done.out
    [row] = trial_rows("iris-mlp").values()
    assert row["seconds"] != ""
    assert row["group_size"] == ""
    assert row["used_precision"] == json.loads(Path("results/iris-mlp/environment.json").read_text())["precision"]
    assert cli("predict", "results/iris-mlp", "--index", 3).code == 0


def test_a_dry_run_measures_lanes(cli: Cli) -> None:
    done = cli("sweep", "--dataset", "iris", *AXES, "--epochs", 3, "--engine", "lanes", "-n", "--format", "json")
    assert done.code == 0, done.err
    [line] = json.loads(done.out)
    assert line["new"] == 16
    assert 0 < line["low"] <= line["seconds"] <= line["high"]


def test_what_cannot_be_says_so(cli: Cli) -> None:
    train = ("train", "--dataset", "iris", "--epochs", 1)
    done = cli(*train, "--engine", "lanes", "--precision", "tf32")
    assert (done.code, "needs a CUDA GPU" in done.err) == (5, True)
    done = cli(*train, "--precision", "tf32", "--device", "cpu")
    assert (done.code, "--device cuda" in done.err) == (2, True)
    done = cli(*train, "--engine", "lanes", "--model", "parallel")
    assert (done.code, "--engine auto" in done.err) == (2, True)
    done = cli(*train, "--engine", "lanes", "--device", "cuda:99")
    assert (done.code, "Traceback" in done.err) == (5, False)
