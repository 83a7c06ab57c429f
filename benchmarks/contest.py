"""Hold a contest: contestants take turns in one run, each in a process of its own."""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from benchmarks.workloads import Workload

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
    "ray-few": ("ray_tune", "few", "ray"),
    "mlpctl-sweep": ("command", "sweep", "numba"),
    "mlpctl-train": ("command", "train", "numba"),
    "jax-script": ("command", "jax", "jax"),
}
"""Name -> (script, its variant, the package it needs)."""

TIMEOUT = 900
"""Seconds that a contestant may take for one turn."""


@dataclass
class Result:
    """The times of a contestant over the rounds, in seconds per trial."""

    workload: str
    contestant: str
    seconds: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)  # process start included, per trial
    scores: dict[int, float] = field(default_factory=dict)  # seed -> of the trial that all train
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


Results = dict[str, Result]
"""Contestant -> its result."""


def hold(workload: Workload, rounds: int, only: Sequence[str], settings: Mapping[str, str], results: Results) -> None:
    """Let every contestant run once a round, by turns, each time another one first, with the round as its seed.

    What a peer is compared with also runs right behind it: the speed of a shared machine changes within minutes.

    Args:
        workload: what is trained.
        rounds: turns of each.
        only: peers that take part; all where empty.
        settings: environment of all.
        results: is filled, so that what was measured is there when somebody ends the benchmark.
    """
    ours = set(map(workload.ours, only))
    names = ["mlpctl", *(name for name in workload.peers if not only or name in only or name in ours)]
    results.update({name: Result(workload.name, name) for name in names})
    turns = [[name] if name.startswith("mlpctl") else [name, workload.ours(name)] for name in names]
    for number in range(rounds):
        first = number % len(names)
        for name in chain(*turns[first:], *turns[:first]):
            result = results[name]
            if not result.failed:
                _run(workload, name, result, number, settings)
                print(f"  {workload.name} {name} {result.median if result.seconds else result.note}", file=sys.stderr)


def _run(workload: Workload, name: str, result: Result, seed: int, settings: Mapping[str, str]) -> None:
    script, variant, package = CONTESTANTS[name]
    if importlib.util.find_spec(package) is None:
        result.note, result.failed = f"{package} is not installed: pip install '.[bench]'", True
        return
    command = [sys.executable, "-m", "benchmarks.peers", script, workload.name, variant, str(seed)]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as installed
    environment = {**kept, **settings, "PYTHONWARNINGS": "ignore"}
    started = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        result.note, result.failed = f"took longer than {TIMEOUT} s", True
        return
    except subprocess.CalledProcessError as error:
        message = (error.stderr.strip().splitlines() or ["no message"])[-1]
        result.note, result.failed = f"failed: {message}"[:200], True
        return
    whole = time.perf_counter() - started
    said = json.loads(done.stdout.strip().splitlines()[-1])
    result.seconds.append(said["seconds"])
    result.whole.append(said.get("whole", whole / said["trials"]))
    result.scores[seed] = said["accuracy"]
    result.note, result.flops = said.get("note", ""), said.get("flops", result.flops)
