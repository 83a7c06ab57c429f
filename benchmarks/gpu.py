"""`make bench-gpu`: the engine lanes on an accelerator, beside eager PyTorch there; CSV with the machine named.

First the engine's contracts are checked there (`benchmarks/gpu_checks.py`); if one is broken the exit code is 6. About
five minutes on an H200, by prediction. Fashion-MNIST has to be there (`mlpctl data fetch fashion-mnist`). Nothing
is measured without a GPU: then it says so and exits with 5. `--device cpu` goes through the same motions with tiny
numbers, for tests; its figures are those of a CPU.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_checks import checks
from benchmarks.works import IRIS
from mlpctl.display.tables import Cell, Table, print_tables, to_text
from mlpctl.engines.base import Work
from mlpctl.engines.lanes.engine import LanesEngine
from mlpctl.engines.precision import Precision
from mlpctl.errors import CheckFailed, DeviceError
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec
from mlpctl.system.devices import torch_device
from mlpctl.system.facts import cpu_model, environment, git_state
from mlpctl.system.gpu import nvidia_smi

FASHION: dict[str, Any] = {"dataset": "fashion-mnist", "hidden_units": 256, "batch_size": 256, "val_fraction": 0.0}
COLUMNS = ("work", "what", "precision", "trials", "epochs", "group", "seconds", "rate", "unit", "floor", "accuracy",
           "sm_clock_hz")  # fmt: skip
SIZES = (1, 16, 64, 256, 1024, 2048)
IRIS_SIZES = (256, 1024, 4096, 8192)

SWEEP = (
    "--axis", "lr=log:0.01:0.5:10", "--axis", "hidden_units=64,128,256,512", "--axis",
    "activation=relu,tanh,sigmoid,gelu,silu", "--axis",
    "init=default,xavier_uniform,kaiming_normal,kaiming_uniform,xavier_normal",
)  # fmt: skip
"""1,000 specs of Fashion-MNIST."""

PRINTED = ("work", "what", "trials", "rate", "unit", "floor")

FLOORS = {"tf32": 1500.0, "fp32": 500.0, "iris": 10_000.0}
"""What is expected of one H200 at its best size: model-epochs/s of Fashion-MNIST, trials/s of iris."""

SWEEP_SECONDS = 30.0
"""For 1,000 different specs of ten epochs."""

Row = dict[str, Cell]


def works(fields: dict[str, Any], trials: int, epochs: int) -> list[Work]:
    """Return trials that differ in the learning rate, the last of which scores the test part."""
    rates = np.geomspace(0.01, 0.5, trials)
    specs = [make_spec({**fields, "epochs": epochs, "lr": float(f"{rate:.8g}")}) for rate in rates]
    return [trial_of(spec).work(test_at=frozenset({epochs})) for spec in specs]


def lanes(
    fields: dict[str, Any], trials: int, epochs: int, device: str, precision: Precision
) -> tuple[float, float, int]:
    """Return (seconds, best test accuracy, lanes of a group) of trials in a session that has trained others before."""
    session = LanesEngine(precision).open(device, 1, 1)
    asked = works(fields, trials, epochs)
    warm = [Work(f"warm {work.key}", work.spec, work.network, work.data, 1) for work in asked[:2]]
    for event in session.advance(warm):
        if event.status:
            session.drop(event.key)
    accuracies, group = [0.0], 1
    started = time.perf_counter()
    for event in session.advance(asked):
        accuracies.append(event.scores.get("test_accuracy", 0.0))
        group = max(group, event.group_size or 1)
        if event.status:
            session.drop(event.key)
    seconds = time.perf_counter() - started
    session.close()
    return seconds, max(accuracies), group


def eager(fields: dict[str, Any], epochs: int, device: str) -> float:
    """Return the seconds of one trial as plain PyTorch trains it: nn.Sequential over resident tensors."""
    import torch
    from torch import nn

    work = works(fields, 1, epochs)[0]
    place, data, batch = torch_device(device), work.data, work.spec.batch_size
    assert isinstance(data.X, np.ndarray)
    assert isinstance(batch, int)
    rows = data.parts["train"]
    X = torch.from_numpy(data.X[rows]).to(place).float() / 255
    y = torch.from_numpy(data.y[rows]).long().to(place)
    sizes = [layer.outputs for layer in work.network.layers]
    net = nn.Sequential(nn.Linear(X.shape[1], sizes[0]), nn.ReLU(), nn.Linear(sizes[0], sizes[1])).to(place)
    optimizer, loss = torch.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss()

    def epoch() -> None:
        order = torch.randperm(len(X), device=place)
        for start in range(0, len(X), batch):
            some = order[start : start + batch]
            optimizer.zero_grad()
            loss(net(X[some]), y[some]).backward()
            optimizer.step()

    epoch()
    loss(net(X[:1]), y[:1]).item()  # waits for the device
    started = time.perf_counter()
    for _ in range(epochs):
        epoch()
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


def measure(device: str, *, smoke: bool) -> Iterator[Row]:
    """Yield the table's rows; with smoke a few tiny ones of each kind."""
    precisions: tuple[Precision, ...] = ("fp32",) if smoke else ("tf32", "fp32")
    fashion = {"dataset": "iris", "hidden_units": 8, "val_fraction": 0.0, "scaling": "none"} if smoke else FASHION
    epochs = 2 if smoke else 10
    name = "smoke" if smoke else "Fashion-MNIST 784-256-10, batch 256, SGD"
    for precision in precisions:
        for trials in (1, 4) if smoke else SIZES:
            seconds, accuracy, group = lanes(fashion, trials, epochs, device, precision)
            floor = epochs if trials == 1 else FLOORS[precision]  # one trial alone in under a second
            yield row(name, f"lanes, R={trials}", precision, trials, epochs, seconds, floor=floor, group=group,
                      accuracy=accuracy)  # fmt: skip
    seconds = eager(fashion, epochs, device)
    yield row(name, "eager PyTorch, one by one", "fp32", 1, epochs, seconds)
    iris = {key: value for key, value in IRIS.items() if key != "epochs"}
    for trials in (4,) if smoke else IRIS_SIZES:
        seconds, accuracy, group = lanes(iris, trials, 2 if smoke else 20, device, "fp32")
        what = f"lanes, R={trials}"
        yield row("iris 4-128-64-32-16-3, BN, batch 4", what, "fp32", trials, 2 if smoke else 20, seconds,
                  unit="trials/s", floor=FLOORS["iris"], group=group, accuracy=accuracy)  # fmt: skip
    base = {"dataset": "iris" if smoke else "fashion-mnist"} | ({} if smoke else {"val_fraction": 0, "batch_size": 256})
    seconds, trials = end_to_end(device, precisions[0], base, 1 if smoke else 10)
    epochs = 1 if smoke else 10
    floor = trials * epochs / SWEEP_SECONDS
    yield row("different specs, end to end", "mlpctl sweep", precisions[0], trials, epochs, seconds, floor=floor)


def row(
    work: str,
    what: str,
    precision: str,
    trials: int,
    epochs: int,
    seconds: float,
    *,
    unit: str = "model-epochs/s",
    floor: float | None = None,
    group: int | None = None,
    accuracy: float | None = None,
) -> Row:
    """Return a row of the table with its rate."""
    done = trials * (epochs if unit == "model-epochs/s" else 1)
    print(f"  {work}, {what}, {precision}: {seconds:.3f} s", file=sys.stderr)
    clock = next((gpu["sm_clock_hz"] for gpu in nvidia_smi()), None)  # still what it was a moment ago
    return {"work": work, "what": what, "precision": precision, "trials": trials, "epochs": epochs, "group": group,
            "seconds": seconds, "rate": done / seconds, "unit": unit, "floor": floor, "accuracy": accuracy,
            "sm_clock_hz": clock}  # fmt: skip


def checked(device: str) -> Iterator[Row]:
    """Yield the contracts as rows: the rate is the error, the floor what it may be."""
    for check in checks(device):
        print(f"  {check.what}: {check.error:.1e}, at most {check.limit:g}", file=sys.stderr)
        yield {"work": "contract", "what": check.what, "precision": check.precision, "trials": check.trials,
               "rate": check.error, "floor": check.limit,
               "unit": "relative error" if check.holds else "relative error: BROKEN"}  # fmt: skip


def machine(device: str) -> str:
    """Return what the figures were measured on."""
    facts = environment(gpu=True)
    gpus = [described(gpu) for gpu in facts["gpus"]]
    where = "; ".join(gpus) if device != "cpu" and gpus else "no GPU: these are figures of a CPU"
    return f"{where}; {cpu_model()}; torch {facts['libraries'].get('torch')}"


def described(gpu: dict[str, Any]) -> str:
    """Return what is known of a GPU in one line; nvidia-smi knows more than torch."""
    told = [str(gpu["name"])]
    told += [f"driver {gpu['driver']}"] if gpu.get("driver") else []
    for name, clock in (("SM at most", gpu.get("max_sm_clock_hz")), ("memory", gpu.get("memory_clock_hz"))):
        told += [f"{name} {clock / 1e6:.0f} MHz"] if clock else []
    told += [f"{gpu['power_limit_watts']:.0f} W"] if gpu.get("power_limit_watts") else []
    return ", ".join(told)


def main() -> int:
    """Measure, print, and write CSV; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N; cpu only goes through the motions")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks/gpu.csv"))
    given = parser.parse_args()
    try:
        torch_device(given.device)
    except DeviceError as error:
        print(f"error: nothing was measured: {error}", file=sys.stderr)
        return error.exit_code
    where = machine(given.device)
    about: Row = {
        "machine": where,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": str((git_state(Path.cwd()) or {}).get("commit", ""))[:12],
    }
    smoke = given.device == "cpu"
    rows: list[Row] = []
    for found in chain(checked(given.device), measure(given.device, smoke=smoke)):
        rows.append({**dict.fromkeys(COLUMNS), **found, **about})
        write(given.output, rows)  # after each: what was measured stays, whatever comes
    table = Table(PRINTED, rows, "the engine lanes", [where])
    print_tables([table])
    return CheckFailed.exit_code if any("BROKEN" in str(found["unit"]) for found in rows) else 0


def write(path: Path, rows: list[Row]) -> None:
    """Write what there is as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_text([Table(tuple(rows[0]), rows)], "csv"), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
