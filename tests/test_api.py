"""mlpctl in Python: the same store as the commands, quiet, typed, light to import, and safe to interrupt."""

import inspect
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import mlpctl
from docs.generate import stub
from mlpctl.errors import MlpctlError
from mlpctl.runner.callbacks import notebook
from mlpctl.runner.signatures import annotation_of
from mlpctl.spec import Spec
from mlpctl.store.maintenance.check import check_contents
from tests.helpers.cli import Cli

ROOT = Path(__file__).parent.parent
AXES = {"lr": [0.01, 0.1], "hidden_units": [4, 8]}
MISTYPED: dict[str, Any] = {"lrr": 0.1}


@pytest.fixture(autouse=True)
def in_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def in_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


def test_nothing_is_printed() -> None:
    code = "import mlpctl; run = mlpctl.train(dataset='iris', epochs=2); run.epochs"
    assert not in_new_process(code)


def test_train_does_what_the_command_does(cli: Cli) -> None:
    run = mlpctl.train(dataset="iris", hidden_units=8, lr=0.05, epochs=3)
    assert (
        cli("train", "--dataset", "iris", "--hidden-units", 8, "--lr", 0.05, "--epochs", 3, "-q", "--name", "c").code
        == 0
    )
    command = mlpctl.load("results/c")
    assert run.key == command.trials["key"].iloc[0]
    assert run.trial["test_accuracy"] == command.trials["test_accuracy"].iloc[0]
    assert list(run.epochs["train_loss"]) == list(command.epochs["train_loss"])
    again = cli("train", "--dataset", "iris", "--hidden-units", 8, "--lr", 0.05, "--epochs", 3)
    assert "read from results/iris-mlp" in again.err  # it is in the store, whoever trained it
    assert run.status == "ok"
    assert run.weights is None


def test_a_trained_network_predicts() -> None:
    run = mlpctl.train(dataset="iris", epochs=20, lr=0.1, save=True, out=None)
    known = run.predict(index=range(38))
    assert (known["true"] == known["predicted"]).mean() == pytest.approx(run.trial["test_accuracy"])
    from mlpctl.data import load_dataset
    from mlpctl.spec import make_spec

    X = np.asarray(load_dataset(make_spec({"dataset": "iris"})).X)
    everything = run.predict(X)
    assert len(everything) == 150
    assert np.allclose(everything.filter(like="p(").sum(axis=1), 1, atol=1e-5)
    assert run.weights is not None
    assert run.weights["0.weight"].shape == (4, run.trial["hidden_units"])
    with pytest.raises(mlpctl.UsageError, match="rows of 4 numbers"):
        run.predict([[1.0, 2.0]])
    with pytest.raises(mlpctl.DataError, match="no saved weights"):
        mlpctl.train(dataset="iris", epochs=1, name="unsaved").predict(index=[0])


def test_a_sweep_is_that_of_the_command_and_goes_on(cli: Cli) -> None:
    results = mlpctl.sweep(dataset="iris", axes=AXES, seeds=2, epochs=2)
    assert len(results.trials) == 8
    wider = mlpctl.sweep(dataset="iris", axes={**AXES, "lr": np.array([0.01, 0.1, 1.0])}, seeds=range(2), epochs=2)
    assert len(wider.trials) == 12
    started = wider.trials.set_index("key")["started"]
    assert (started[results.trials["key"]] == list(results.trials["started"])).all()  # those were not trained again
    done = cli("sweep", "--dataset", "iris", "--axis", "lr=0.01,0.1,1", "--axis", "hidden_units=4,8", "--seeds", 2,
               "--epochs", 2)  # fmt: skip
    assert "12 of 12 trials were in results/iris-mlp already" in " ".join(done.err.split())
    assert " ".join(wider.report().split()) == " ".join(done.out.split())


def test_an_experiment_file_and_what_wins_over_it(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text('seeds = 2\n[spec]\ndataset = "iris"\nepochs = 9\n[axes]\nlr = [0.1, 0.2]\n')
    results = mlpctl.sweep("e.toml", epochs=1, axes={"widths": [[4], [8, 4]]}, search="random", trials=3, out="mine")
    assert results.folders == (Path("mine/e"),)
    assert set(results.trials["epochs"]) == {1}
    assert len(results.summary()) == 3
    assert mlpctl.train(tmp_path / "e.toml", lr=0.3, epochs=1).trial["lr"] == 0.3


def test_results_are_tidy_tables_conclusions_and_figures() -> None:
    results = mlpctl.sweep(dataset="iris", axes=AXES, seeds=3, epochs=4, out=None)
    assert set(results.epochs["key"]) == set(results.trials["key"])
    assert results.trials["lr"].dtype == np.float64
    table = results.summary()
    assert list(table["mean"]) == sorted(table["mean"], reverse=True)
    assert results.best["mean"] == table["mean"].iloc[0]
    by_hand = results.trials.groupby(["lr", "hidden_units"])["val_accuracy"].mean().max()
    assert results.best["mean"] == pytest.approx(by_hand)
    assert results.verdict.startswith("hidden_units")
    assert (
        set(results.importance["axis"]) == {"lr", "hidden_units", "interactions"} or results.importance.attrs["notes"]
    )
    assert isinstance(results.plot(by="lr"), Figure)
    assert isinstance(results.plot(by=["lr", "hidden_units"]), Figure)
    assert isinstance(results.curves(), Figure)
    assert isinstance(results.run().plot(), Figure)
    assert results.run().key == results.best["key"]
    assert results.summary(metric="loss", on="validation")["mean"].iloc[0] < 2
    with pytest.raises(mlpctl.UsageError, match="did you mean 'lr'"):
        results.plot(by="lrr")


def test_results_are_compared() -> None:
    a, b = (mlpctl.sweep(dataset="iris", axes=AXES, seeds=2, epochs=e, out=None) for e in (2, 3))
    found = a.compare(b)
    assert list(found.experiment["what"]) == ["epochs"]
    assert len(found.outcome) == 4
    assert found.environment.empty
    assert not a.compare(a).worse
    assert set(a.compare(a.folders[0]).outcome["B is"]) == {"equal"}
    assert "B − A" in repr(found)
    assert "<table>" in found._repr_html_()


def test_what_is_shown_is_escaped(tmp_path: Path) -> None:
    results = mlpctl.sweep(dataset="iris", axes={"lr": [0.1, 1e30]}, epochs=2, name="<script>alert(1)<")
    for shown in (results, results.run(), results.compare(results)):
        html: str = shown._repr_html_()
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
        assert "<script>" in repr(shown)


def test_a_failure_is_a_result_and_twenty_end_a_sweep() -> None:
    run = mlpctl.train(dataset="iris", lr=1e30, epochs=3, out=None)
    assert run.status == "diverged"
    assert "not finite" in repr(run)
    with pytest.raises(mlpctl.TrialsFailed, match=r"mlpctl\.load"):
        mlpctl.sweep(dataset="iris", axes={"lr": [1e30]}, seeds=40, epochs=1)
    assert 20 <= len(mlpctl.load("results/iris-mlp").trials) < 40  # and those that were in training
    assert len(mlpctl.sweep(dataset="iris", axes={"lr": [1e30]}, seeds=25, epochs=1, keep_going=True).trials) >= 25


def test_a_budget_that_is_used_up_is_noted() -> None:
    results = mlpctl.sweep(dataset="iris", axes=AXES, epochs=1, max_trials=3)
    assert len(results.trials) == 3
    assert "used up" in results.notes[-1]
    assert "used up" in repr(results)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mlpctl.train(dataset="irs", **MISTYPED), "did you mean 'iris'.*did you mean 'lr'"),
        (lambda: mlpctl.train(dataset="iris", epochs=-1), "epochs must"),
        (
            lambda: mlpctl.sweep(dataset="iris", axes={"lr": [], "epoch": [1]}),
            "axis lr is empty.*did you mean 'epochs'",
        ),
        (lambda: mlpctl.sweep(dataset="iris", axes={"lr": [0.1]}, search={"metod": "tpe"}), "did you mean 'method'"),
        (lambda: mlpctl.sweep("none.toml"), "no experiment file"),
        (mlpctl.load, "which results"),
        (lambda: mlpctl.load("results/none"), "no results in"),
        (lambda: mlpctl.sweep(dataset="iris", axes={"lr": [0.1]}, timeout=0), "above 0"),
    ],
)
def test_errors_are_ours_and_nothing_is_left_behind(call: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(MlpctlError, match=message):
        call()
    assert not list(tmp_path.iterdir())


def test_a_temporary_folder_goes_with_its_results() -> None:
    results = mlpctl.sweep(dataset="iris", axes={"lr": [0.1]}, epochs=1, out=None)
    folder, run = results.folders[0], results.run()
    del results
    assert folder.is_dir()  # the run is of it still
    del run
    assert not folder.parent.exists()


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    rows = [f"{a},{a % 7},{'in' if a % 2 else 'out'}" for a in range(60)]
    keys = []
    for count in (60, 50):
        (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows[:count], ""]))
        keys.append(mlpctl.train(dataset="table", data={"path": "t.csv", "target": "y"}, epochs=1).key)
    assert keys[0] != keys[1]


def test_an_interrupt_leaves_a_whole_store_and_the_same_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    count = notebook.LineProgress.on_trial

    def interrupt(self: notebook.LineProgress, row: dict[str, Any]) -> None:
        count(self, row)
        if self._trained == 3:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(notebook.LineProgress, "on_trial", interrupt)
    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        mlpctl.sweep(dataset="iris", axes={"lr": {"lin": [0.01, 0.1], "count": 30}}, epochs=2, jobs=1)
    assert signal.getsignal(signal.SIGINT) is before
    known = mlpctl.load("results/iris-mlp").trials
    assert 3 <= len(known) < 30
    assert not check_contents(Path("results/iris-mlp")).problems
    monkeypatch.undo()
    done = mlpctl.sweep(dataset="iris", axes={"lr": {"lin": [0.01, 0.1], "count": 30}}, epochs=2, jobs=1).trials
    assert list(done["status"]) == ["ok"] * 30


def test_progress_is_one_line_and_only_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []

    class Recorded(notebook.StatusLine):
        def show(self, text: str) -> None:
            lines.append(text)

    monkeypatch.setattr(notebook, "line_place", Recorded)
    mlpctl.train(dataset="iris", epochs=1)
    assert not lines
    monkeypatch.setattr(notebook, "FIRST_SECONDS", -1.0)
    monkeypatch.setattr(notebook, "UPDATE_SECONDS", -1.0)
    mlpctl.sweep(dataset="iris", axes={"lr": [0.1, 1e30]}, epochs=1)
    assert lines[-1] == "2 of 2 trials, 1 failed"
    lines.clear()
    mlpctl.sweep(dataset="iris", axes={"lr": [0.3]}, epochs=1, progress=False)
    assert not lines


def test_the_options_are_those_of_spec() -> None:
    for function in (mlpctl.train, mlpctl.sweep):
        assert set(Spec.model_fields) <= set(inspect.signature(function).parameters)
    assert (ROOT / "mlpctl/spec_fields.pyi").read_text("utf-8") == stub()
    assert annotation_of("lr") == "float | None"
    assert annotation_of("batch_size") == 'int | Literal["full"] | None'
    assert annotation_of("widths") == "Sequence[int] | str | None"
    space: dict[str, Any] = {}
    exec(stub(), space)  # what type checkers read is valid Python
    assert list(get_type_hints(space["SpecFields"])) == list(Spec.model_fields)


def test_types_are_checked_before_anything_runs() -> None:
    """Where mypy did not see these mistakes, the comments that silence it would be mistakes themselves."""
    with pytest.raises(mlpctl.UsageError):
        mlpctl.train(dataset="iris", lr="fast")  # type: ignore[arg-type]
    with pytest.raises(mlpctl.UsageError):
        mlpctl.sweep(dataset="iris", optimizer="sdg", axes={"lr": [0.1]})  # type: ignore[arg-type]
    with pytest.raises(mlpctl.UsageError):
        mlpctl.train(dataset="iris", hidden_unit=3)  # type: ignore[call-arg]
    frame: pd.DataFrame = mlpctl.train(dataset="iris", epochs=1).epochs
    assert len(frame) == 1
    assert (ROOT / "mlpctl/py.typed").is_file()
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        mlpctl.trian  # type: ignore[attr-defined]  # noqa: B018
