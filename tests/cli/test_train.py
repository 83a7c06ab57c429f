"""`mlpctl train` as a user calls it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlpctl.cli.screens.train import LEAST_CURVE, curve_line, lasting
from mlpctl.display.text import CURVE_WIDTH, LEVELS
from mlpctl.store.results import load
from tests.helpers.cli import Cli

IRIS = ("train", "--dataset", "iris", "--epochs", "3", "--widths", "8")


def test_a_training_prints_a_line_an_epoch_and_its_end(cli: Cli) -> None:
    done = cli(*IRIS)
    assert done.code == 0
    lines = done.out.splitlines()
    assert [line.split()[1] for line in lines[:3]] == ["1/3", "2/3", "3/3"]
    assert "train loss" in lines[0]
    assert "val acc" in lines[0]
    assert lines[3].startswith("iris mlp: test accuracy 0.")
    trials = load("results/iris-mlp").trials
    assert trials["status"].tolist() == ["ok"]
    assert len(load("results/iris-mlp").epochs) == 3
    environment = json.loads(Path("results/iris-mlp/environment.json").read_text())
    assert environment["libraries"]["numpy"]
    assert environment["cores"] >= 1


def test_the_same_command_reads_what_is_there(cli: Cli) -> None:
    first, second = cli(*IRIS), cli(*IRIS)
    assert second.code == 0
    assert "--force trains it again" in second.err
    assert first.out.splitlines()[-1] == second.out.splitlines()[-1]
    assert len(load("results/iris-mlp").trials) == 1
    third = cli(*IRIS, "--force")
    assert "--force" not in third.err


def test_machine_formats(cli: Cli) -> None:
    done = cli(*IRIS, "--format", "json")
    content = json.loads(done.out)
    assert content["trial"][0]["status"] == "ok"
    assert [row["epoch"] for row in content["epochs"]] == [1, 2, 3]
    done = cli(*IRIS, "--format", "csv", "-o", "out.csv")
    assert done.out == ""
    assert Path("out.csv").read_text().startswith("schema_version,key")


def test_a_file_with_changes(cli: Cli) -> None:
    Path("ex.toml").write_text('[spec]\ndataset = "iris"\nlr = 0.5\nepochs = 2\nwidths = [4]\n')
    done = cli("train", "--config", "ex.toml", "--set", "lr=0.25", "--hidden-units", "6", "--set", "widths=6")
    assert done.code == 0
    row = load("results/ex").trials.iloc[0]
    assert (row["lr"], row["widths"], row["epochs"]) == (0.25, "6", 2)


@pytest.mark.parametrize("impl", ["auto", "scratch", "concise"])
def test_saved_weights_are_those_of_the_trial(cli: Cli, impl: str) -> None:
    from safetensors.numpy import load_file

    done = cli(*IRIS, "--save", "--impl", impl)
    key = load("results/iris-mlp").trials["key"][0]
    assert f"weights/{key}.safetensors" in done.err.replace("\n", "")
    weights = load_file(f"results/iris-mlp/weights/{key}.safetensors")
    assert {name: tensor.shape for name, tensor in weights.items()} == {
        "0.weight": (4, 8), "0.bias": (8,), "1.weight": (8, 3), "1.bias": (3,),
    }  # fmt: skip


def test_a_diverged_training_is_a_row_and_exit_3(cli: Cli) -> None:
    done = cli("train", "--dataset", "diabetes", "--lr", "1e9", "--epochs", "3")
    assert done.code == 3
    assert "diverged" in done.err
    row = load("results/diabetes-linear").trials.iloc[0]
    assert row["status"] == "diverged"
    assert "epoch" in row["error"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--dataset", "irs"), 2, "did you mean 'iris'?"),
        (("--model", "mpl"), 2, "did you mean 'mlp'?"),
        (("--lr", "0"), 2, "lr must be greater than 0"),
        (("--lr", "-1"), 2, "lr must be greater than 0"),
        (("--hidden-units", "0"), 2, "hidden_units must be greater than or equal to 1"),
        (("--batch-size", "-4"), 2, "batch_size must be greater than or equal to 1"),
        (("--optimzer", "sgd"), 2, "no option --optimzer"),
        (("--dataset", "diabetes", "--loss", "cross_entropy"), 2, "diabetes is a regression set"),
        (("--dataset", "iris", "--device", "cuda"), 5, "device cuda is not there"),
        (("--dataset", "iris", "--device", "cuda", "--engine", "kernel"), 5, "trains on the CPU"),
        (("--dataset", "table", "--data", "path=nothing.csv"), 4, "nothing.csv"),
        (("--config", "nothing.toml"), 2, "no experiment file nothing.toml"),
        (("--set", "lr"), 2, "KEY=VALUE"),
        (("--dataset", "iris", "--name", "../x"), 2, "a folder's name, got '../x'"),
        (("--dataset", "iris", "--widths", ","), 2, "widths must be"),
        (("--dataset", "iris", "--data", "x=1"), 2, "unknown key 'x': known: none at all"),
        (("--dataset", "iris", "--out", "/proc/nowhere"), 2, "cannot write results to /proc/nowhere"),
        (("--dataset", "iris", "--engine", "kernel", "--impl", "scratch"), 2, "use --engine auto"),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(cli: Cli, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = cli("train", *arguments)
    assert done.code == code, done.err
    assert message in done.err.replace("│ ", "").replace("\n", " ")
    assert "Traceback" not in done.err
    assert not Path("results").exists()


def test_a_table_with_holes_or_without_its_target(cli: Cli) -> None:
    Path("t.csv").write_text("a,b,target\n1,2,x\n3,,y\n5,6,x\n")
    done = cli("train", "--dataset", "table", "--data", "path=t.csv")
    assert done.code == 4
    assert "'b'" in done.err
    done = cli("train", "--dataset", "table", "--data", "path=t.csv", "--data", "target=tarfet")
    assert done.code == 4
    assert "target" in done.err


def test_a_users_table_is_trained(cli: Cli) -> None:
    rows = [f"{i % 7},{'red' if i % 2 else 'blue'},{'yes' if i % 2 else 'no'}" for i in range(80)]
    Path("t.csv").write_text("size,colour,bought\n" + "\n".join(rows) + "\n")
    done = cli("train", "--dataset", "table", "--data", "path=t.csv", "--data", "target=bought", "--epochs", "20")
    assert done.code == 0
    assert load("results/table-mlp").trials["test_accuracy"][0] == 1.0


def test_help_lists_every_field_with_its_default(cli: Cli) -> None:
    from mlpctl.spec import Spec

    done = cli("train", "--help-all")
    assert done.code == 0
    for name in Spec.model_fields:
        assert f"--{name.replace('_', '-')}"[:22] in done.out


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    import signal
    import time

    axes = ["--axis", "lr=0.1,0.2,0.3", "--epochs", "1000000", "--jobs", "2", "--engine", "kernel"]
    command = [sys.executable, "-m", "mlpctl", "sweep", "--dataset", "digits", *axes, "-q"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "results" / "digits-mlp" / "environment.json").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "press Ctrl-C again to stop now" in err
    assert "Traceback" not in err


def test_ctrl_c_keeps_what_was_done(tmp_path: Path) -> None:
    import signal
    import time

    command = [sys.executable, "-m", "mlpctl", "train", "--dataset", "digits", "--epochs", "100000"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    results = load(tmp_path / "results" / "digits-mlp")
    assert results.trials["status"].tolist() == ["interrupted"]
    assert results.trials["epochs_done"][0] == len(results.epochs)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5.44e-5, "54.4 µs"), (0.0142, "14.2 ms"), (1.03, "1.03 s"), (59.96, "60 s"), (123.0, "2 min 3 s")],
)
def test_a_time_is_told_in_its_unit(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_a_long_training_ends_with_its_learning_curve(cli: Cli) -> None:
    said = cli("train", "--dataset", "iris", "--epochs", "30").out.splitlines()
    first, *_, last = [line.rsplit("val acc ", 1)[1].split()[0] for line in said if line.startswith("epoch ")]
    curve = said[-2].removeprefix("validation accuracy by epoch  ").split()
    assert (curve[0], curve[2], len(curve[1])) == (first, last, CURVE_WIDTH)
    assert set(curve[1]) <= set(LEVELS)
    assert "by epoch" not in cli("train", "--dataset", "iris", "--epochs", "3").out


def test_a_curve_is_of_the_part_that_tells_most_and_leaves_out_what_is_no_number() -> None:
    fit: list[dict[str, Any]] = [{"train_mse": float(k % 8)} for k in range(16)]
    assert curve_line("regression", fit) == f"training mse by epoch  0 {LEVELS}{LEVELS} 7"
    tested = [{**row, "test_mse": 0.5} for row in fit[:-2]] + [{"test_mse": None}, {"test_mse": float("nan")}]
    assert curve_line("regression", tested) == f"test mse by epoch  0.5000 {LEVELS[0] * 14} 0.5000"
    assert curve_line("regression", fit[: LEAST_CURVE - 1]) == ""
