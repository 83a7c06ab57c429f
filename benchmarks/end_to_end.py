"""Whole commands, process start included, and what a trial costs beside its arithmetic."""

import subprocess
import sys
import tempfile
import time

from benchmarks.works import IRIS

OVERHEAD = (
    "import resource, sys; sys.argv = ['mlpctl', 'sweep', '--dataset', 'gates', '--epochs', '1', '-q', "
    "'--select-on', 'train', '--engine', 'kernel', '--jobs', '1', '--axis', 'lr=lin:0.1:1:' + sys.argv[1]]\n"
    "from mlpctl.cli import main\ntry:\n    main()\nfinally:\n"
    "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
)


def sweep_seconds() -> float:
    """Return the seconds per trial of `mlpctl sweep` on iris with 64 learning rates, everything included."""
    widths = ",".join(map(str, IRIS["widths"]))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        fields = [
            "--dataset",
            "iris",
            "--scaling",
            "none",
            "--widths",
            widths,
            "--batch-norm",
            "1,2,3",
            "--batch-size",
            "4",
        ]
        choice = ["--epochs", "20", "--val-fraction", "0", "--select-on", "test", "--axis", "lr=log:1e-3:1e-1:64", "-q"]
        subprocess.run(
            [sys.executable, "-m", "mlpctl", "sweep", *fields, *choice], cwd=folder, check=True, capture_output=True
        )
        return (time.perf_counter() - started) / 64


def train_seconds() -> float:
    """Return the seconds of one `mlpctl train` on Fashion-MNIST, 10 epochs, scoring included."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "mlpctl", "train", "--engine", "kernel", "--threads", "2", "-q"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        return time.perf_counter() - started


def overhead(few: int, many: int) -> tuple[float, float]:
    """Return (seconds a further trial costs, MiB that memory grows) between sweeps of few and of many tiny trials."""
    times, peaks = [], []
    for trials in (few, many):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", OVERHEAD, str(trials)], cwd=folder, check=True, capture_output=True, text=True
            )
            times.append(time.perf_counter() - started)
            peaks.append(int(done.stderr.splitlines()[-1]) / 1024)
    return (times[1] - times[0]) / (many - few), peaks[1] - peaks[0]
