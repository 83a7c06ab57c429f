"""The benchmark of lanes on a GPU: what it measures, its contracts, and its prediction; here on the CPU."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from mlpctl.system.facts import parse_nvidia_smi


def test_the_benchmark_measures_a_gpu_or_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import contracts
    from benchmarks import gpu as benchmark

    mixed = contracts.mixed_trials
    monkeypatch.setattr(contracts, "mixed_trials", lambda *given: mixed(*given)[:8])  # every activation and width
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
    kept = [row for row in found if row["work"] == "contract"]
    assert len(kept) == 7
    assert all(float(row["rate"]) <= float(row["floor"]) for row in kept)


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
