"""MLflow reads back what was trained, once, however often the sweep is begun, killed and begun again."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from mlpctl.store.results import load
from tests.helpers.cli import Cli

SWEEP = ("sweep", "--dataset", "iris", "--widths", "6", "--engine", "reference", "-q", "--name", "mine")
GRID = (*SWEEP, "--axis", "lr=0.01,0.1", "--axis", "epochs=1,3", "--seeds", "2")


def client() -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{Path('ml').absolute()}/mlflow.db")


def runs(name: str = "mine") -> dict[str, Any]:
    """Return key -> run of what is in MLflow, every trial once."""
    there = client()
    found = there.search_runs([there.get_experiment_by_name(name).experiment_id], max_results=1000)
    by_key = {run.data.tags["mlpctl.key"]: run for run in found}
    assert len(by_key) == len(found)
    return by_key


def test_a_run_per_trial_with_its_hyperparameters_and_epochs(cli: Cli) -> None:
    """Those that are read off longer ones among them."""
    assert cli(*GRID, "--mlflow", "ml").code == 0
    results, found, there = load("results/mine"), runs(), client()
    assert set(found) == set(results.trials["key"])
    for row in results.trials.to_dict("records"):
        run = found[row["key"]]
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlpctl.config"] == row["config"]
        assert float(run.data.params["lr"]) == row["lr"]
        assert run.data.params["widths"] == row["widths"]
        assert int(run.data.params["seed"]) == row["seed"]
        epochs = results.epochs[results.epochs["key"] == row["key"]]
        for name in ("train_loss", "val_accuracy", "lr"):
            history = there.get_metric_history(run.info.run_id, name)
            assert [(one.step, one.value) for one in history] == list(zip(epochs["epoch"], epochs[name], strict=True))
        assert run.data.metrics["test_accuracy"] == row["test_accuracy"]


def test_a_sweep_that_goes_on_writes_what_is_missing_and_nothing_twice(cli: Cli) -> None:
    """Begun without MLflow, cut, widened; a run that a killed writer left half there is written again."""
    assert cli(*GRID, "--max-trials", "2").code == 7
    assert cli(*GRID, "--max-trials", "5", "--mlflow", "ml").code == 7
    before = runs()
    assert set(before) == set(load("results/mine").trials["key"])
    half = next(iter(before))
    client().delete_tag(before[half].info.run_id, "mlpctl.row")
    assert cli(*GRID, "--mlflow", "ml").code == 0
    after = runs()
    assert set(after) == set(load("results/mine").trials["key"])
    assert len(after) == 8
    same = {key for key in before if before[key].info.run_id == after[key].info.run_id}
    assert same == set(before) - {half}
    assert len(client().get_metric_history(after[half].info.run_id, "train_loss")) in (1, 3)
    assert cli(*GRID, "--mlflow", "ml").code == 0
    assert {run.info.run_id for run in runs().values()} == {run.info.run_id for run in after.values()}


def test_a_trial_that_is_trained_again_replaces_its_run(cli: Cli) -> None:
    train = ("train", "--dataset", "iris", "--epochs", "2", "--engine", "reference", "-q", "--mlflow", "ml")
    cli(*train)
    [before] = runs("iris-mlp").values()
    cli(*train)
    assert [run.info.run_id for run in runs("iris-mlp").values()] == [before.info.run_id]
    cli(*train, "--force")
    [after] = runs("iris-mlp").values()
    assert after.info.run_id != before.info.run_id
    assert after.data.params == before.data.params


def test_failures_are_runs_too(cli: Cli) -> None:
    cli(*SWEEP, "--set", "batch_norm=all", "--axis", "batch_size=1,8", "--axis", "lr=0.1,1e30", "--epochs", "2",
        "--mlflow", "ml")  # fmt: skip
    trials = load("results/mine").trials.set_index("key")
    assert {"ok", "diverged", "invalid"} == set(trials["status"])
    for key, run in runs().items():
        status = trials.loc[key, "status"]
        assert run.info.status == ("FINISHED" if status == "ok" else "FAILED")
        assert run.data.tags["mlpctl.status"] == status
        if status != "ok":
            assert run.data.tags["mlpctl.error"] == trials.loc[key, "error"]


def test_a_server_that_goes_away_ends_no_sweep(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    def gone(*_: object, **__: object) -> None:
        raise MlflowException("connection\nlost")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", gone)
        done = cli(*GRID, "--mlflow", "ml")
    assert done.code == 0
    assert "MLflow: connection lost; the same command writes what is missing" in done.err
    assert len(load("results/mine").trials) == 8
    assert cli(*GRID, "--mlflow", "ml").code == 0
    assert set(runs()) == set(load("results/mine").trials["key"])
    assert all(run.data.metrics for run in runs().values())


def test_what_cannot_be_written_is_said_before_anything_is_trained(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").touch()
    done = cli(*GRID, "--mlflow", "file")
    assert done.code == 2
    assert "cannot write to file: File exists; choose another --mlflow" in done.err
    done = cli(*GRID, "--mlflow", "nosuch://place")
    assert done.code == 2
    assert "error: cannot write to nosuch://place: " in done.err
    assert done.err.count("\n") == 1
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "mlflow":
            raise ModuleNotFoundError(name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    done = cli(*GRID, "--mlflow", "ml")
    assert done.code == 2
    assert "--mlflow needs MLflow: pip install 'mlpctl[mlflow]'" in done.err
    assert not Path("results").exists()
