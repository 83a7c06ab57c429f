"""TensorBoard reads back what was trained; the sweep is the same with and without."""

import builtins
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlpctl.store.results import load
from tests.helpers.cli import Cli

SWEEP = ("sweep", "--dataset", "iris", "--widths", "6", "--epochs", "3", "--engine", "reference", "-q")


def events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def test_tensorboard_reads_the_epochs_of_every_trial(cli: Cli) -> None:
    assert cli(*SWEEP, "--axis", "lr=0.01,0.1", "--seeds", "2", "--tensorboard", "board").code == 0
    results = load("results/iris-mlp")
    assert {path.name for path in Path("board").iterdir()} == set(results.trials["key"])
    for key, epochs in results.epochs.groupby("key"):
        read = events(Path("board") / str(key))
        for name in ("train_loss", "val_accuracy", "lr"):
            scalars = read.Scalars(name)
            assert [scalar.step for scalar in scalars] == epochs["epoch"].tolist()
            assert [scalar.value for scalar in scalars] == pytest.approx(epochs[name].tolist(), rel=1e-6)
    cli(*SWEEP, "--axis", "lr=0.01,0.1", "--seeds", "2", "--name", "without")
    columns = ["key", "val_loss", "test_accuracy"]
    without = load("results/without").trials
    pd.testing.assert_frame_equal(
        results.trials[columns].sort_values("key", ignore_index=True),
        without[columns].sort_values("key", ignore_index=True),
    )


def test_the_hyperparameters_are_in_its_table(cli: Cli) -> None:
    cli("train", "--dataset", "iris", "--lr", "0.25", "--epochs", "2", "-q", "--tensorboard", "board")
    from tensorboard.plugins.hparams import metadata

    [trial] = load("results/iris-mlp").trials.to_dict("records")
    read = events(Path("board") / trial["key"])
    [content] = [data for tag, data in read.PluginTagToContent(metadata.PLUGIN_NAME).items()
                 if tag == metadata.SESSION_START_INFO_TAG]  # fmt: skip
    start = metadata.parse_session_start_info_plugin_data(content)
    assert start.hparams["lr"].number_value == 0.25
    assert start.hparams["dataset"].string_value == "iris"
    assert start.group_name == trial["config"]


def test_a_trial_that_fails_before_its_first_epoch_has_no_run(cli: Cli) -> None:
    done = cli(*SWEEP, "--set", "batch_norm=all", "--axis", "batch_size=1,8", "--tensorboard", "board")
    assert done.code == 3
    good = load("results/iris-mlp").trials.query("status == 'ok'")["key"]
    assert [path.name for path in Path("board").iterdir()] == good.tolist()


def test_what_is_not_installed_or_cannot_be_written_is_said_before_anything_is_trained(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").touch()
    done = cli(*SWEEP, "--axis", "lr=0.1,0.2", "--tensorboard", "file")
    assert done.code == 2
    assert "cannot write to file: File exists; choose another --tensorboard" in done.err
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("tensorboard"):
            raise ModuleNotFoundError(name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    done = cli(*SWEEP, "--axis", "lr=0.1,0.2", "--tensorboard", "board")
    assert done.code == 2
    assert "--tensorboard needs TensorBoard: pip install 'mlpctl[track]'" in done.err
    assert not Path("results").exists()
