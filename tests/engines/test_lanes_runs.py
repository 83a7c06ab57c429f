"""The lanes engine from the command line: sweeps, rungs, precision, what auto chooses, and what is written of it."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlpctl.engines import choose as choosing
from mlpctl.engines.choose import choose
from mlpctl.engines.expected_time import load_of
from mlpctl.engines.lanes.training import Running
from mlpctl.errors import DeviceError, UsageError
from mlpctl.runner.rows import wall_time
from mlpctl.spec import Spec
from mlpctl.system import devices
from mlpctl.system.facts import parse_nvidia_smi
from tests.helpers.cli import Cli
from tests.helpers.making import classes, work_of

AXES = ("--axis", "lr=0.01,0.1", "--axis", "hidden_units=4,8", "--axis", "activation=relu,tanh", "--seeds", "2")


def rows(folder: str) -> dict[str, dict[str, str]]:
    """Return the trials of a results folder by key."""
    with Path("results", folder, "trials.csv").open(encoding="utf-8", newline="") as stream:
        return {row["key"]: row for row in csv.DictReader(stream)}


def test_a_sweep_is_the_same_by_lanes_and_one_by_one(cli: Cli) -> None:
    for engine in ("lanes", "reference"):
        done = cli("sweep", "--dataset", "iris", *AXES, "--epochs", 3, "--engine", engine, "--dtype", "float64",
                   "--batch-norm", "1", "--name", engine, "-q")  # fmt: skip
        assert done.code == 0, done.err
    ours, theirs = rows("lanes"), rows("reference")
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
    ours, theirs = rows("lanes"), rows("reference")
    assert ours.keys() == theirs.keys()
    assert {row["epochs_done"] for row in ours.values()} == {"1", "3", "9"}
    for key, row in ours.items():
        assert float(row["train_loss"]) == pytest.approx(float(theirs[key]["train_loss"]), rel=1e-9)


def test_a_single_trial_has_its_own_seconds_and_saves_its_weights(cli: Cli) -> None:
    done = cli("train", "--dataset", "iris", "--epochs", 3, "--engine", "lanes", "--save", "--precision", "bf16")
    assert done.code == 0, done.err
    assert "3 epochs in" in done.out
    [row] = rows("iris-mlp").values()
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


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a CUDA GPU, as far as the choice of an engine can see."""
    monkeypatch.setattr(choosing, "has_cuda", lambda: True)


def chosen(trials: int, device: str = "auto", **fields: Any) -> tuple[str, str, str]:
    """Return engine, device and note for some trials."""
    work = work_of(classes(), **fields)
    choice = choose(work, engine="auto", device=device, load=lambda: load_of([work], trials))
    return choice.engine.name, choice.device, choice.note


def test_auto_takes_the_gpu_where_the_work_is_long(gpu: None) -> None:
    assert chosen(1)[1] == "cpu"
    engine, device, note = chosen(10**7)
    assert (engine, device) == ("lanes", "cuda")
    assert "s on this CPU" in note
    assert chosen(10**7, device="cpu")[1] == "cpu"
    assert chosen(10**7, impl="manual")[:2] == ("reference", "cpu")


def test_what_lanes_cannot_do_the_reference_does_on_the_gpu() -> None:
    engine, device, note = chosen(5, device="cuda:1", model="parallel")
    assert (engine, device) == ("reference", "cuda:1")
    assert "one by one" in note
    assert chosen(5, device="cuda:1")[:2] == ("lanes", "cuda:1")


def test_apples_gpu_takes_lanes_where_it_has_the_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its availability is made up, and so is what it lacks; the step that finds out is the CPU's."""
    with pytest.raises(DeviceError, match="needs an Apple GPU"):
        chosen(5, device="mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(DeviceError, match="has no float64"):
        chosen(5, device="mps", dtype="float64")
    monkeypatch.setattr(devices, "torch_device", lambda *_: torch.device("cpu"))
    for fields in ({}, {"optimizer": "adam", "dropout": 0.2, "batch_norm": "all", "widths": "6"}):
        assert chosen(5, device="mps", **fields) == ("lanes", "mps", "")
    assert chosen(5, device="mps", impl="manual") == ("reference", "mps", "")
    step = Running.one_step

    def missing(self: Running) -> None:
        raise NotImplementedError("The operator 'aten::aminmax' is not there for the MPS device. If you want …")

    monkeypatch.setattr(Running, "one_step", missing)
    engine, _, note = chosen(5, device="mps", widths="7", optimizer="rmsprop")
    assert (engine, note) == ("reference", "trained one by one by the reference engine on mps: The operator "
                              "'aten::aminmax' is not there for the MPS device")  # fmt: skip
    results = iter([1.0, 1.01])

    def differs(self: Running) -> None:
        step(self)
        self.arrays.tensors["0.weight"] *= next(results)

    monkeypatch.setattr(Running, "one_step", differs)
    note = chosen(5, device="mps", widths="7", optimizer="adagrad")[2]
    assert note.endswith("a step there gives another 0.weight than on the CPU")


def test_auto_stays_on_the_cpu_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "has_cuda", lambda: False)
    assert chosen(10**7)[1] == "cpu"
    work = work_of(classes())
    with pytest.raises(UsageError, match="tf32"):
        choose(work, engine="auto", device="auto", load=lambda: load_of([work], 1), precision="tf32")


def test_the_share_of_a_trial_is_group_seconds_by_group_size() -> None:
    group = [{"seconds": None, "group_seconds": s, "group_size": n} for s, n in ((2.0, 8), (2.0, 8), (1.0, 4))]
    assert wall_time(group) == {"seconds": None, "group_seconds": 5.0, "group_size": 7}
    assert wall_time([{"seconds": 1.0, "group_seconds": 1.0, "group_size": 1}, {"seconds": 0.5}]) == {"seconds": 1.5}


def test_lanes_are_listed() -> None:
    assert Spec(engine="lanes").engine == "lanes"


def test_the_benchmark_measures_a_gpu_or_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import gpu as benchmark

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu", "-o", str(tmp_path / "gpu.csv")])
    assert benchmark.main() == 5
    assert "nothing was measured" in capsys.readouterr().err
    assert not (tmp_path / "gpu.csv").exists()
    monkeypatch.setattr(benchmark, "SWEEP", ("--axis", "lr=0.1,0.2"))
    monkeypatch.setattr("sys.argv", ["gpu", "--device", "cpu", "-o", str(tmp_path / "gpu.csv")])
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    assert benchmark.main() == 0
    with (tmp_path / "gpu.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert {row["what"] for row in found} >= {"lanes, R=1", "eager PyTorch, one by one", "mlpctl sweep"}
    assert all("figures of a CPU" in row["machine"] and float(row["rate"]) > 0 for row in found)
    contracts = [row for row in found if row["work"] == "contract"]
    assert len(contracts) == 7
    assert all(float(row["rate"]) <= float(row["floor"]) for row in contracts)


def test_a_broken_contract_ends_the_benchmark_with_6(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And a GPU's figures name it with its driver and its clocks."""
    from benchmarks import gpu as benchmark
    from benchmarks.contracts import Check, error_between

    wrong = {"t": {"0.weight": np.array([1.0, 2.0]), "train_loss": np.array(1.0)}}
    right = {"t": {"0.weight": np.array([1.0, 2.2]), "train_loss": np.array(1.0)}}
    check = Check("equals reference", "fp32", 1, error_between(wrong, right), 1e-9)
    assert check.error == pytest.approx(0.2 / 2.2)
    assert not Check("", "fp32", 1, float("nan"), 1.0).holds
    said = parse_nvidia_smi("NVIDIA H200, 580.95.05, 143771, 345, 3201, 1980, 700.00\n")
    monkeypatch.setattr(benchmark, "checks", lambda _: iter([check]))
    monkeypatch.setattr(benchmark, "measure", lambda *_, **__: iter([]))
    monkeypatch.setattr(benchmark, "torch_device", lambda _: None)
    monkeypatch.setattr(benchmark, "environment", lambda **_: {"gpus": said, "libraries": {"torch": "2.13.0"}})
    monkeypatch.setattr("sys.argv", ["gpu", "-o", str(tmp_path / "gpu.csv")])
    assert benchmark.main() == 6
    written = (tmp_path / "gpu.csv").read_text("utf-8")
    assert "BROKEN" in written
    assert "NVIDIA H200, driver 580.95.05, SM at most 1980 MHz, memory 3201 MHz, 700 W" in written


def test_the_roofline_counts_what_a_step_does() -> None:
    from benchmarks.lanes_prediction import H200, seconds, step_of

    iris: dict[str, Any] = {"dataset": "iris", "hidden_units": 32, "batch_size": 16, "val_fraction": 0.0}
    few, steps = step_of(iris, 2)
    many, _ = step_of(iris, 31)
    assert steps == 7
    assert len(few) == len(many)  # whatever the number of lanes
    products = 16 * (4 * 32 * 2 + 32 * 3 * 3)  # forward and by weights; of the second layer by inputs too
    for kernels, lanes in ((few, 2), (many, 31)):
        assert sum(kernel.flops for kernel in kernels) == lanes * 2 * products
    assert seconds(few, H200, "fp32") == pytest.approx(len(few) * H200.launch)
