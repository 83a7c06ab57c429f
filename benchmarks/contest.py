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
from itertools import chain

from benchmarks.works import Work

CONTESTANTS: dict[str, tuple[str, str, str]] = {
    "mlpctl": ("mlpctl_kernel", "", "numba"),
    "mlpctl-widths": ("mlpctl_kernel", "widths", "numba"),
    "jax-vmap": ("jax_vmap", "", "jax"),
    "jax-jit": ("jax_vmap", "jit", "jax"),
    "torch-loop": ("torch_loops", "", "torch"),
    "torch-pool": ("torch_loops", "pool", "torch"),
    "d2l-loop": ("torch_loops", "d2l", "torch"),
    "sklearn": ("sklearn_mlp", "", "sklearn"),
    "keras-jax": ("keras_mlp", "", "keras"),
    "optuna": ("optuna_study", "", "optuna"),
    "ray": ("ray_tune", "", "ray"),
    "mlpctl-sweep": ("command", "sweep", "numba"),
    "mlpctl-train": ("command", "train", "numba"),
    "jax-script": ("command", "jax", "jax"),
}
"""Name -> (script, its variant, the package it needs)."""

TIMEOUT = 900
"""Seconds that a contestant may take for one turn."""


@dataclass
class Record:
    """What a contestant measured over the rounds; seconds are per trial."""

    work: str
    contestant: str
    seconds: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)  # process start included, per trial
    score: float | None = None  # of the trial that all contestants train
    trials: int | None = None
    flops: float | None = None
    note: str = ""
    failed: bool = False

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
    """Return the records of a work: in each round every contestant runs once, in turn, another one first each time.

    What a peer is compared with also runs behind it: a peer takes up to minutes, ours seconds, and a machine that is
    shared is half as fast for tens of seconds at a time.
    """
    ours = set(map(work.ours, only))
    names = ["mlpctl", *(name for name in work.peers if not only or name in only or name in ours)]
    records = {name: Record(work.name, name) for name in names}
    turns = [[name] if name.startswith("mlpctl") else [name, work.ours(name)] for name in names]
    for number in range(rounds):
        first = number % len(names)
        for name in chain(*turns[first:], *turns[:first]):
            record = records[name]
            if not record.failed:
                _run(work, name, record)
                print(f"  {work.name} {name} {record.median if record.seconds else record.note}", file=sys.stderr)
    return list(records.values())


def _run(work: Work, name: str, record: Record) -> None:
    script, variant, package = CONTESTANTS[name]
    if importlib.util.find_spec(package) is None:
        record.note, record.failed = f"{package} is not installed: pip install '.[bench]'", True
        return
    command = [sys.executable, "-m", f"benchmarks.peers.{script}", work.name, variant]
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as installed
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env={**settings, "PYTHONWARNINGS": "ignore"}, check=False,
            timeout=TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        record.note, record.failed = f"took longer than {TIMEOUT} s", True
        return
    whole = time.perf_counter() - started
    if done.returncode:
        record.note = f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"[:200]
        record.failed = True
        return
    result = json.loads(done.stdout.strip().splitlines()[-1])
    record.seconds.append(result["seconds"])
    record.whole.append(result.get("whole", whole / result["trials"]))
    record.trials, record.note = result["trials"], result.get("note", "")
    record.score, record.flops = result["accuracy"], result.get("flops", record.flops)
