"""mlpctl export: a stored trial, a spec by options, an experiment; what it refuses."""

import csv
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from mlpctl.store.schema import SCORES
from tests.helpers.cli import Cli, trial_rows
from tests.helpers.programs import curves_printed


def test_a_stored_trial_prints_its_stored_curve(cli: Cli) -> None:
    assert cli("train", "--dataset", "iris", "--epochs", 3, "--dtype", "float64", "--name", "own").code == 0
    (key,) = trial_rows("own")
    with Path("results/own/epochs.csv").open(encoding="utf-8", newline="") as stream:
        stored = [row for row in csv.DictReader(stream) if row["key"] == key]
    for framework in ("numpy", "pytorch"):
        assert cli("export", f"results/own#{key}", "--to", framework, "-o", "program.py").code == 0
        (printed,) = curves_printed(framework, [Path("program.py")])
        for (epoch, scores), row in zip(printed, stored, strict=True):
            assert epoch == int(row["epoch"])
            known = {name: float(cell) for name, cell in row.items() if name in SCORES and cell}
            assert scores == pytest.approx(known, abs=1e-6)


def test_a_program_starts_from_stored_weights(cli: Cli) -> None:
    cli("train", "--dataset", "iris", "--epochs", 1, "--save", "--name", "first")
    start = ("--dataset", "iris", "--epochs", 1, "--dtype", "float64", "--init-from", "results/first")
    assert cli("train", *start, "--name", "second").code == 0
    (row,) = trial_rows("second").values()
    assert cli("export", *start).code == 2  # the weights need a file beside the program
    for framework in ("numpy", "pytorch"):
        assert cli("export", *start, "--to", framework, "-o", f"{framework}.py").code == 0
        (printed,) = curves_printed(framework, [Path(f"{framework}.py")])
        assert printed[0][1]["train_loss"] == pytest.approx(float(row["train_loss"]), abs=1e-6)


def test_options_and_experiments_give_a_program_on_stdout(cli: Cli) -> None:
    compile(cli("export", "--dataset", "iris", "--lr", 0.1, "--to", "numpy").out, "program", "exec")
    Path("one.toml").write_text('[spec]\ndataset = "iris"\n[axes]\nlr = [0.25, 0.5]\n', "utf-8")
    assert "LR = 0.25" in cli("export", "one.toml").out


def test_trained_weights_as_safetensors(cli: Cli) -> None:
    cli("train", "--dataset", "iris", "--epochs", 1, "--save", "--name", "kept")
    (key,) = trial_rows("kept")
    assert cli("export", "results/kept", "--to", "safetensors", "-o", "own.safetensors").code == 0
    kept = load_file(f"results/kept/weights/{key}.safetensors")
    exported = load_file("own.safetensors")
    assert {name: array.tolist() for name, array in kept.items()} == {n: a.tolist() for n, a in exported.items()}
    assert cli("export", "results/kept", "--to", "safetensors").code == 2  # no text
    assert cli("export", "--dataset", "iris", "--to", "safetensors", "-o", "none.safetensors").code == 2


def test_a_file_beside_a_program_replaces_no_input(cli: Cli) -> None:
    table = Path("own-data.npz")
    cli("export", "--dataset", "digits", "-o", "own.py")
    content = table.read_bytes()
    options = ("--dataset", "table", "--data", f"path={table}")
    assert cli("export", *options, "-o", "own.py").code == 2
    assert table.read_bytes() == content
