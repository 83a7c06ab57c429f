"""Measure the engine lanes on an accelerator, beside eager PyTorch there (`make bench-gpu`); CSV names the machine.

First the engine's contracts are checked there (`benchmarks/contracts.py`); if one is broken the exit code is 6. About
three minutes on an H100. Fashion-MNIST has to be there (`mlpctl data fetch fashion-mnist`). Without a GPU
nothing is measured and the exit code is 5. `--device cpu` goes through the same motions with tiny numbers, for tests.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contracts import checks
from benchmarks.tables import RESULTS, commit, today
from mlpctl.bench.workloads import FASHION, IRIS_BN
from mlpctl.display.tables import Cell, Table, print_tables, to_text
from mlpctl.engines.base import Work
from mlpctl.engines.lanes.engine import LanesEngine
from mlpctl.engines.precision import Precision
from mlpctl.errors import CheckFailed, DeviceError
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec
from mlpctl.system.devices import torch_device
from mlpctl.system.facts import cpu_model, environment, nvidia_smi

COLUMNS = ("work", "what", "precision", "trials", "epochs", "group", "seconds", "rate", "unit", "floor", "accuracy",
           "sm_clock_hz")  # fmt: skip
PRINTED = ("work", "what", "trials", "rate", "unit", "floor")
FASHION_TRIALS, IRIS_TRIALS = (1, 16, 64, 256, 1024, 2048), (256, 1024, 4096, 8192)

SWEEP = (
    "--axis", "lr=log:0.01:0.5:10", "--axis", "hidden_units=64,128,256,512", "--axis",
    "activation=relu,tanh,sigmoid,gelu,silu", "--axis",
    "init=default,xavier_uniform,kaiming_normal,kaiming_uniform,xavier_normal",
)  # fmt: skip
"""1,000 specs of Fashion-MNIST."""

FLOORS = {"tf32": 1200.0, "fp32": 550.0, "iris": 2300.0}
"""A tenth less than an H100 had at its best size: model-epochs/s of Fashion-MNIST, trials/s of iris."""

SWEEP_SECONDS = 30.0
"""Expected for 1,000 different specs of ten epochs."""

Cells = dict[str, Cell]


def trials_of(fields: dict[str, Any], count: int, epochs: int) -> list[Work]:
    """Return trials that differ in the learning rate; the last epoch scores the test part."""
    rates = np.geomspace(0.01, 0.5, count)
    specs = [make_spec({**fields, "epochs": epochs, "lr": float(f"{rate:.8g}")}) for rate in rates]
    return [trial_of(spec).work(test_at=frozenset({epochs})) for spec in specs]


def lanes(fields: dict[str, Any], count: int, epochs: int, device: str, precision: Precision) -> Cells:
    """Return seconds, best test accuracy and lanes of a group, in a session that has trained others before."""
    session = LanesEngine(precision).open(device, 1, 1)
    trials = trials_of(fields, count, epochs)
    warm = [Work(f"warm {trial.key}", trial.spec, trial.network, trial.data, 1) for trial in trials[:2]]
    accuracies, group, started = [0.0], 1, 0.0
    for some in (warm, trials):
        started = time.perf_counter()
        for event in session.advance(some):
            accuracies.append(event.scores.get("test_accuracy", 0.0))
            group = max(group, event.group_size or 1)
            if event.status:
                session.drop(event.key)
    seconds = time.perf_counter() - started
    session.close()
    return {"seconds": seconds, "accuracy": max(accuracies), "group": group}


def eager(fields: dict[str, Any], epochs: int, device: str) -> float:
    """Return the seconds of one trial as plain PyTorch trains it: nn.Sequential over resident tensors."""
    import torch
    from torch import nn

    (trial,) = trials_of(fields, 1, epochs)
    place, data, batch = torch_device(device), trial.data, trial.spec.batch_size
    assert isinstance(data.X, np.ndarray)
    assert isinstance(batch, int)
    rows = data.parts["train"]
    X = torch.from_numpy(data.X[rows]).to(place).float() / 255
    y = torch.from_numpy(data.y[rows]).long().to(place)
    sizes = [layer.outputs for layer in trial.network.layers]
    net = nn.Sequential(nn.Linear(X.shape[1], sizes[0]), nn.ReLU(), nn.Linear(sizes[0], sizes[1])).to(place)
    optimizer, loss = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()
    started = 0.0
    for epoch in range(epochs + 1):
        if epoch == 1:  # the first one loads what is used
            loss(net(X[:1]), y[:1]).item()  # waits for the device
            started = time.perf_counter()
        for some in torch.split(torch.randperm(len(X), device=place), batch):
            optimizer.zero_grad()
            loss(net(X[some]), y[some]).backward()
            optimizer.step()
    loss(net(X[:1]), y[:1]).item()
    return time.perf_counter() - started


def end_to_end(device: str, precision: Precision, fields: dict[str, Any], epochs: int) -> tuple[float, int]:
    """Return (seconds, trials) of a whole `mlpctl sweep` of different specs, its start and its CSV included."""
    given = [item for name, value in fields.items() for item in (f"--{name.replace('_', '-')}", str(value))]
    how = ["--device", device, "--engine", "lanes", "--precision", precision, "--epochs", str(epochs)]
    command = [sys.executable, "-m", "mlpctl", "sweep", *given, *SWEEP, *how, "--select-on", "test", "-q"]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run([*command, "--name", "thousand"], cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        lines = Path(folder, "results", "thousand", "trials.csv").read_text("utf-8").splitlines()
    return seconds, len(lines) - 1


def measure(device: str, *, smoke: bool) -> Iterator[Cells]:
    """Yield the table's rows; with smoke a few tiny ones of each kind."""
    precisions: tuple[Precision, ...] = ("fp32",) if smoke else ("tf32", "fp32")
    tiny = {"dataset": "iris", "hidden_units": 8, "val_fraction": 0.0, "scaling": "none"}
    fashion, epochs, iris_epochs = (tiny, 2, 2) if smoke else (FASHION, 10, 20)
    name = "smoke" if smoke else "Fashion-MNIST 784-256-10, batch 256, SGD"
    for precision in precisions:
        for count in (1, 4) if smoke else FASHION_TRIALS:
            floor = epochs if count == 1 else FLOORS[precision]  # one trial alone in under a second
            found = lanes(fashion, count, epochs, device, precision)
            yield row(name, f"lanes, R={count}", precision, count, epochs, floor=floor, **found)
    yield row(name, "eager PyTorch, one by one", "fp32", 1, epochs, seconds=eager(fashion, epochs, device))
    for count in (4,) if smoke else IRIS_TRIALS:
        yield row("iris 4-128-64-32-16-3, BN, batch 4", f"lanes, R={count}", "fp32", count, iris_epochs,
                  unit="trials/s", floor=FLOORS["iris"], **lanes(IRIS_BN, count, iris_epochs, device, "fp32")
                  )  # fmt: skip
    base = {"dataset": "iris"} if smoke else {"dataset": "fashion-mnist", "val_fraction": 0, "batch_size": 256}
    epochs = 1 if smoke else 10
    seconds, count = end_to_end(device, precisions[0], base, epochs)
    floor = count * epochs / SWEEP_SECONDS
    yield row("different specs, end to end", "mlpctl sweep", precisions[0], count, epochs, seconds=seconds, floor=floor)


def row(work: str, what: str, precision: str, trials: int, epochs: int, **more: Cell) -> Cells:
    """Return a row of the table with its rate."""
    seconds, unit = float(more["seconds"] or 0), more.get("unit", "model-epochs/s")
    done = trials * (epochs if unit == "model-epochs/s" else 1)
    print(f"  {work}, {what}, {precision}: {seconds:.3f} s", file=sys.stderr)
    clock = next((gpu["sm_clock_hz"] for gpu in nvidia_smi()), None)  # still what it was a moment ago
    return {"work": work, "what": what, "precision": precision, "trials": trials, "epochs": epochs,
            "rate": done / seconds, "unit": unit, "sm_clock_hz": clock, **more}  # fmt: skip


def checked(device: str) -> Iterator[Cells]:
    """Yield the contracts as rows: the rate is the error, the floor what it may be."""
    for check in checks(device):
        print(f"  {check}", file=sys.stderr)
        yield {"work": "contract", "what": check.what, "precision": check.precision, "trials": check.trials,
               "rate": check.error, "floor": check.limit,
               "unit": "relative error" if check.holds else "relative error: BROKEN"}  # fmt: skip


def machine(device: str) -> str:
    """Return the GPUs, the processor and the version of torch in one line."""
    facts = environment(gpu=True)
    gpus = [described(gpu) for gpu in facts["gpus"]]
    where = "; ".join(gpus) if device != "cpu" and gpus else "no GPU: these are figures of a CPU"
    return f"{where}; {cpu_model()}; torch {facts['libraries'].get('torch')}"


def described(gpu: dict[str, Any]) -> str:
    """Return name, driver, clocks and power limit of a GPU in one line, as far as they are known."""
    parts = [str(gpu["name"])]
    parts += [f"driver {gpu['driver']}"] if gpu.get("driver") else []
    for name, clock in (("SM at most", gpu.get("max_sm_clock_hz")), ("memory", gpu.get("memory_clock_hz"))):
        parts += [f"{name} {clock / 1e6:.0f} MHz"] if clock else []
    parts += [f"{gpu['power_limit_watts']:.0f} W"] if gpu.get("power_limit_watts") else []
    return ", ".join(parts)


def main() -> int:
    """Measure, print, and write CSV; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N; cpu only goes through the motions")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "gpu.csv")
    given = parser.parse_args()
    try:
        torch_device(given.device)
    except DeviceError as error:
        print(f"error: nothing was measured: {error}", file=sys.stderr)
        return error.exit_code
    about: Cells = {"machine": machine(given.device), "date": today(), "commit": commit()}
    rows: list[Cells] = []
    given.output.parent.mkdir(parents=True, exist_ok=True)
    for found in chain(checked(given.device), measure(given.device, smoke=given.device == "cpu")):
        rows.append({**found, **about})  # written after each: what was measured stays, whatever comes
        given.output.write_text(to_text([Table((*COLUMNS, *about), rows)], "csv"), "utf-8")
    print_tables([Table(PRINTED, rows, "the engine lanes", [str(about["machine"])])])
    return CheckFailed.exit_code if any("BROKEN" in str(found["unit"]) for found in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
