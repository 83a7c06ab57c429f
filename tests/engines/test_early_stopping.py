"""Early stopping: rows, weights and programs of a trial are those of its best epoch."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.engines.early_stopping import best_epoch
from mlpctl.errors import UsageError
from mlpctl.export.program import write_program
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec
from mlpctl.store.maintenance.check import check_contents
from mlpctl.store.results import load
from mlpctl.store.weights import read_weights
from tests.helpers.cli import Cli
from tests.helpers.making import classes, resolved
from tests.helpers.programs import curves_printed

FIELDS = {"dataset": "iris", "lr": 0.5, "epochs": 60, "patience": 5, "dtype": "float64"}
FLAGS = [word for name, value in FIELDS.items() for word in (f"--{name}", str(value))]


def test_the_first_of_equal_losses_is_the_best_and_nan_never() -> None:
    assert best_epoch([1, 2, 3, 4], [0.5, 0.3, 0.3, 0.4]) == 2
    assert best_epoch([1, 2, 3], [math.nan, 0.3, None]) == 2
    assert best_epoch([1, 2], [math.nan, math.nan]) == 2


@pytest.mark.parametrize("engine", ["kernel", "reference"])
def test_the_row_has_the_scores_of_the_best_epoch(engine: str, cli: Cli) -> None:
    assert cli("train", *FLAGS, "--save", "--set", f"engine={engine}", "--out", "r").code == 0
    results = load("r/iris-mlp")
    row: Any
    epochs: Any
    row, epochs = results.trials.iloc[0], results.epochs.set_index("epoch")
    best = int(epochs["val_loss"].idxmin())
    assert (row["best_epoch"], row["epochs_done"]) == (best, best + 5)
    assert row["epochs_done"] < 60
    for name in ("train_loss", "val_loss", "val_accuracy", "test_loss", "test_accuracy"):
        assert row[name] == epochs.loc[best, name]
    assert epochs["test_loss"].count() == 1, "the test part of the other epochs is nobody's business"
    assert cli("train", *[*FLAGS[:4], "--epochs", str(best), *FLAGS[8:]], "--save", "--set", f"engine={engine}",
               "--out", "shorter").code == 0  # fmt: skip
    shorter: Any = load("shorter/iris-mlp").trials.iloc[0]
    assert shorter["test_loss"] == row["test_loss"]
    one, other = (
        read_weights(Path(f"{out}/iris-mlp/weights/{key}.safetensors"))
        for out, key in (("r", row["key"]), ("shorter", shorter["key"]))
    )
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])
    assert check_contents(Path("r/iris-mlp")).problems == []
    assert "Bit-equal" in cli("verify", "r/iris-mlp").out


def test_stopping_early_does_not_depend_on_jobs_or_shards(cli: Cli) -> None:
    sweep = ["sweep", *FLAGS[:2], *FLAGS[4:], "--axis", "lr=0.1,0.5", "--seeds", "3"]
    for jobs in ("1", "2"):
        assert cli(*sweep, "-j", jobs, "--out", jobs).code == 0
    one, two = (load(f"{out}/iris-mlp").trials.set_index("key").sort_index() for out in ("1", "2"))
    for name in ("best_epoch", "epochs_done", "val_loss", "test_accuracy"):
        assert one[name].tolist() == two[name].tolist()


def test_epochs_as_an_axis_are_trials_of_their_own(cli: Cli) -> None:
    sweep = ["sweep", *FLAGS[:4], *FLAGS[6:], "--axis", "epochs=3,60"]
    assert cli(*sweep, "--out", "r").code == 0
    trials = load("r/iris-mlp").trials
    done = dict(zip(trials["epochs"].tolist(), trials["epochs_done"].tolist(), strict=True))
    assert done[3] == 3
    assert done[60] < 60


def test_there_is_something_to_watch() -> None:
    with pytest.raises(UsageError, match="there is no validation part"):
        resolved(classes(), patience=3, val_fraction=0)


@pytest.mark.parametrize("framework", ["numpy", "pytorch"])
def test_programs_stop_early_too(framework, cli: Cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert cli("train", *FLAGS, "--set", "engine=reference", "--out", "r").code == 0
    row: Any = load("r/iris-mlp").trials.iloc[0]
    write_program(trial_of(make_spec(FIELDS)), framework, tmp_path / "p.py")
    *curve, (best, tested) = curves_printed(framework, [tmp_path / "p.py"])[0]
    assert (len(curve), best) == (row["epochs_done"], row["best_epoch"])
    assert tested == pytest.approx({name: row[name] for name in ("test_loss", "test_accuracy")}, rel=1e-6)
