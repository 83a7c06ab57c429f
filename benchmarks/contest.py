"""Contestants take turns in one run, each in a process of its own; medians, spread and ratios follow."""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.works import Work

CONTESTANTS: dict[str, tuple[str, str, str]] = {
    "mlpctl": ("mlpctl_kernel", "", "numba"),
    "jax-vmap": ("jax_vmap", "", "jax"),
    "jax-jit": ("jax_vmap", "jit", "jax"),
    "torch-loop": ("torch_loops", "", "torch"),
    "torch-pool": ("torch_loops", "pool", "torch"),
    "d2l-loop": ("torch_loops", "d2l", "torch"),
    "sklearn": ("sklearn_mlp", "", "sklearn"),
    "keras-jax": ("keras_mlp", "", "keras"),
    "optuna": ("optuna_study", "", "optuna"),
    "ray": ("ray_tune", "", "ray"),
}
"""Name -> (script, its variant, the package it needs)."""


@dataclass
class Record:
    """What a contestant measured over the rounds; seconds are per trial."""

    work: str
    contestant: str
    seconds: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)  # process start included, per trial
    accuracy: float | None = None
    flops: float | None = None
    note: str = ""

    @property
    def median(self) -> float | None:
        """Median seconds per trial; None if it never ran."""
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def spread(self) -> float | None:
        """Range over median."""
        median = self.median
        return (max(self.seconds) - min(self.seconds)) / median if median else None


def hold(work: Work, rounds: int, only: Sequence[str]) -> list[Record]:
    """Return the records of a work: in each round every contestant runs once, in turn."""
    names = ["mlpctl", *(name for name in work.peers if not only or name in only)]
    records = {name: Record(work.name, name) for name in names}
    for _ in range(rounds):
        for name, record in records.items():
            if not record.note:
                _run(work, name, record)
                print(f"  {work.name} {name} {record.median if record.seconds else record.note}", file=sys.stderr)
    return list(records.values())


def _run(work: Work, name: str, record: Record) -> None:
    script, variant, package = CONTESTANTS[name]
    if importlib.util.find_spec(package) is None:
        record.note = f"{package} is not installed: pip install '.[bench]'"
        return
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.peers.{script}", work.name, variant], capture_output=True, text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"}, check=False, timeout=900,
    )  # fmt: skip
    whole = time.perf_counter() - started
    if done.returncode:
        record.note = f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"[:200]
        return
    result = json.loads(done.stdout.strip().splitlines()[-1])
    record.seconds.append(result["seconds"])
    record.whole.append(whole / result["trials"])
    record.accuracy, record.flops = result["accuracy"], result.get("flops", record.flops)
