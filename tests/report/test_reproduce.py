"""`mlpctl verify RESULTS#TRIAL`: what comes back is said to, what was changed is named, nothing is written."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from mlpctl import data
from mlpctl.report.compare.closeness import closeness_of, deviations
from mlpctl.report.reproduce import draw_trials
from mlpctl.runner import train
from mlpctl.store.results import load
from mlpctl.system import facts as machine
from tests.helpers.cli import Cli
from tests.helpers.damage import set_cell

TRAIN = ("train", "--dataset", "iris", "--epochs", "4", "--widths", "8", "--name", "r", "-q")


def key(folder: str = "results/r", row: int = 0) -> str:
    return str(load(folder).trials["key"].iloc[row])


def reproduced(cli: Cli, *arguments: object) -> list[dict[str, str]]:
    """Return the rows of the CSV; the exit code is 6 exactly where a trial is different."""
    done = cli("verify", *arguments, "--format", "csv", "-q")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert done.code == (6 if any(row["verdict"] == "different" for row in rows) else 0), done.err
    return rows


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    "further",
    [(), ("--eval-test", "--eval-train"), ("--impl", "numpy"), ("--engine", "reference"), ("--epochs", "0"),
     ("--dtype", "float64", "--dropout", "0.3", "--batch-norm", "all", "--lr-schedule", "cosine")],
)  # fmt: skip
def test_an_untouched_trial_is_bit_equal_and_its_folder_is_only_read(cli: Cli, further: tuple[str, ...]) -> None:
    assert cli(*TRAIN, *further).code == 0
    before = contents(Path("results/r"))
    (row,) = reproduced(cli, f"results/r#{key()[:6]}")
    assert (row["verdict"], row["inputs_that_differ"], row["column"]) == ("bit-equal", "", "")
    assert contents(Path("results/r")) == before
    assert "every recorded number came back" in cli("verify", f"results/r#{key()}").out.replace("\n", " ")


def test_a_sweep_s_trials_come_back_one_by_one_and_together(cli: Cli) -> None:
    """Rungs were continued from states, and shorter trials were read off longer ones."""
    cli("sweep", "--dataset", "iris", "--search", "halving", "--trials", "9", "--axis", "lr=log:0.01:1",
        "--axis", "epochs=1,2", "--name", "a", "-q")  # fmt: skip
    cli("sweep", "--dataset", "iris", "--search", "halving", "--trials", "9", "--axis", "lr=log:0.01:1", "--epochs",
        "9", "--name", "h", "-q")  # fmt: skip
    rows = reproduced(cli, "results/h", "--trials", 100)
    assert len(rows) == len(load("results/h").trials) > 9
    assert {row["verdict"] for row in rows} == {"bit-equal"}
    cli("sweep", "--dataset", "iris", "--axis", "epochs=1,2,5", "--axis", "lr=0.1,0.2", "--name", "p", "-q")
    assert {row["verdict"] for row in reproduced(cli, "results/p", "--trials", 6)} == {"bit-equal"}


@pytest.mark.parametrize(
    ("file", "line", "column", "text"),
    [("trials.csv", 1, "val_loss", "0.25"), ("epochs.csv", 2, "train_loss", "0.25"),
     ("epochs.csv", 4, "val_accuracy", ""), ("trials.csv", 1, "test_accuracy", "0.99")],
)  # fmt: skip
def test_a_changed_number_is_found(cli: Cli, file: str, line: int, column: str, text: str) -> None:
    cli(*TRAIN)
    set_cell(Path("results/r"), line, column, text, file)
    (row,) = reproduced(cli, f"results/r#{key()}")
    assert (row["verdict"], row["column"], row["inputs_that_differ"]) == ("different", column, "")
    assert "No recorded input differs" in cli("verify", f"results/r#{key()}").out


def test_a_changed_spec_is_named(cli: Cli) -> None:
    cli(*TRAIN)
    set_cell(Path("results/r"), 1, "activation", "tanh")
    (row,) = reproduced(cli, f"results/r#{key()}")
    assert (row["verdict"], row["inputs_that_differ"]) == ("different", "spec")


def test_changed_data_are_named(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{a:.3f},{b:.3f},{'in' if a * a + b * b < 0.5 else 'out'}" for a, b in rng.uniform(-1, 1, (80, 2))]
    (tmp_path / "points.csv").write_text("\n".join(["a,b,y", *lines, ""]))
    trained = cli("train", "--dataset", "table", "--data", "path=points.csv", "--data", "target=y", "--epochs", 3,
                  "--name", "r", "-q")  # fmt: skip
    assert trained.code == 0, trained.err
    assert reproduced(cli, f"results/r#{key()}")[0]["verdict"] == "bit-equal"
    (tmp_path / "points.csv").write_text("\n".join(["a,b,y", *lines[5:], ""]))
    data.clear_cache()  # a new process has loaded nothing
    (row,) = reproduced(cli, f"results/r#{key()}")
    assert (row["verdict"], row["inputs_that_differ"]) == ("different", "dataset digest")
    (tmp_path / "points.csv").unlink()
    data.clear_cache()
    assert cli("verify", f"results/r#{key()}").code == 4


def test_another_engine_is_equal_within_rounding(cli: Cli) -> None:
    for dtype in ("float32", "float64"):
        cli(*TRAIN, "--engine", "kernel", "--dtype", dtype, "--force")
        where = f"results/r#{key(row=-1)}"
        (row,) = reproduced(cli, where, "--engine", "reference")
        assert (row["verdict"], row["inputs_that_differ"]) == ("equal within ε", "engine")
        assert float(row["epsilon"]) == (2e-4 if dtype == "float32" else 1e-9)
        assert reproduced(cli, where)[0]["verdict"] == "bit-equal"  # by the engine that its row names


def test_what_it_ran_on_is_named_where_that_differs(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def another(**asked: bool) -> dict[str, object]:
        facts = machine.environment()
        return {**facts, "cpu": "another", "libraries": {**facts["libraries"], "numpy": "1.0"}}

    monkeypatch.setattr(train, "environment", another)
    cli(*TRAIN)
    (row,) = reproduced(cli, f"results/r#{key()}")
    assert (row["verdict"], row["inputs_that_differ"]) == ("bit-equal", "numpy, cpu")
    assert "have not changed the result" in cli("verify", f"results/r#{key()}").out


def test_a_device_that_is_not_there_is_replaced_and_named(cli: Cli) -> None:
    cli(*TRAIN)
    set_cell(Path("results/r"), 1, "used_device", "mps")
    set_cell(Path("results/r"), 1, "used_engine", "reference")
    (row,) = reproduced(cli, f"results/r#{key()}")
    assert row["inputs_that_differ"] == "engine, device"
    assert cli("verify", f"results/r#{key()}", "--device", "mps").code == 5


def test_a_trial_that_failed_fails_again(cli: Cli) -> None:
    cli("sweep", "--dataset", "iris", "--axis", "lr=0.1,1e30", "--epochs", 3, "--name", "r", "-q")
    cli("sweep", "--dataset", "iris", "--axis", "batch_norm=1;9", "--epochs", 3, "--name", "i", "-q")
    rows = reproduced(cli, "results/r", "results/i")
    assert {"diverged", "ok", "invalid"} == {row["status"] for row in rows}
    assert all(row["status"] == row["status_now"] and row["verdict"] == "bit-equal" for row in rows)
    set_cell(Path("results/r"), [row["status"] for row in rows].index("diverged") + 1, "status", "crashed")
    told = cli("verify", f"results/r#{key(row=[row['status'] for row in rows].index('diverged'))}")
    assert told.code == 6
    assert "crashed; now diverged" in told.out.replace("\n", " ")


def test_a_trial_that_was_cut_is_compared_as_far_as_it_came(cli: Cli) -> None:
    cli(*TRAIN)
    set_cell(Path("results/r"), 1, "status", "timeout")
    set_cell(Path("results/r"), 1, "epochs_done", "2")
    path = Path("results/r/epochs.csv")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    (row,) = reproduced(cli, f"results/r#{key()}")
    assert (row["status"], row["status_now"], row["verdict"]) == ("timeout", "ok", "bit-equal")


def test_drawn_trials_are_decided_by_the_seed(cli: Cli) -> None:
    cli("sweep", "--dataset", "iris", "--axis", "lr=lin:0.01:0.1:8", "--epochs", 1, "--name", "r", "-q")
    folder = Path("results/r")
    assert draw_trials(folder, 3, 0) == draw_trials(folder, 3, 0)
    assert len({tuple(place.key for place in draw_trials(folder, 3, seed)) for seed in range(5)}) > 1
    assert len(draw_trials(folder, 100, 0)) == 8
    assert len(reproduced(cli, "results/r", "--trials", 2)) == 2


def test_what_cannot_be_verified_is_said(cli: Cli) -> None:
    cli(*TRAIN)
    assert cli("verify", "results/nothing#abc").code == 4
    assert cli("verify", "results/r#zzz").code == 2
    assert cli("verify", "results/r", "experiments/iris.toml").code == 2
    assert "did you mean 'kernel'?" in cli("verify", "results/r", "--engine", "kernl").err


def test_deviations_know_rounding_from_difference() -> None:
    a = [{"epoch": e, "val_loss": 1.0 / e, "val_accuracy": 0.9} for e in (1, 2)]
    b = [{"epoch": e, "val_loss": 1.0 / e + 1e-10, "val_accuracy": 0.95} for e in (1, 2)]
    assert closeness_of(deviations(a, a, 1e-9, {}), same_status=True) == "bit-equal"
    assert closeness_of(deviations(a, a, 1e-9, {}), same_status=False) == "different"
    assert closeness_of(deviations(a, b, 1e-9, {"val": 20}), same_status=True) == "equal within ε"
    assert closeness_of(deviations(a, b, 1e-9, {"val": 21}), same_status=True) == "different"
    assert closeness_of(deviations(a, b, 1e-9, {"val": 19}), same_status=True) == "equal within ε"
    assert closeness_of(deviations(a, b, 1e-11, {"val": 20}), same_status=True) == "different"
    nan = [{"epoch": 1, "val_loss": float("nan")}]
    assert not deviations(nan, nan, 1e-9, {})
    assert deviations(a, a[:1], 1e-9, {})[0].first == 2
    assert json.dumps([d.first for d in deviations(a, b, 1e-9, {})]) == "[1, 1]"
