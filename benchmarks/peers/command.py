"""Time whole commands, from the start of the process to its end: `mlpctl sweep`, `mlpctl train`, and a JAX script."""

import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers import steady
from benchmarks.workloads import Workload
from mlpctl.system.files import cache_folder

WHOLE = 10.0
"""Seconds for which a command is repeated: peers that are measured as whole processes take minutes, quick and slow."""


def contest(workload: Workload, variant: str, seed: int) -> dict[str, Any]:
    specs = workload.specs(workload.trials)
    spec = dict(specs[0])
    if variant == "sweep":
        del spec["lr"]  # its axis has it
    command = [
        str(Path(sys.executable).with_name("mlpctl")),
        variant,
        *options(spec),
        "--engine",
        "kernel",
        "-q",
        "--seed",
        str(seed),
    ]
    if variant == "sweep":
        rates = ",".join(str(spec["lr"]) for spec in specs)
        command += ["--select-on", "test", "--axis", f"lr={rates}"]
    elif variant == "jax":
        script = Path(__file__).with_name("jax_script.py")
        command = [sys.executable, str(script), str(cache_folder() / "fashion-mnist"), str(seed)]
    _accuracy(command, specs[0])  # fills the caches of compiled code, JAX's too
    seconds, accuracy = steady(lambda: _accuracy(command, specs[0]), WHOLE)
    each = seconds / len(specs)
    return {"seconds": each, "whole": each, "accuracy": accuracy, "trials": len(specs)}


def options(spec: dict[str, Any]) -> list[str]:
    """Return a spec as command line options."""
    words = []
    for name, value in spec.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{name.replace('_', '-')}", text]
    return words


def _accuracy(command: list[str], spec: dict[str, Any]) -> float:
    """Run a command in a folder of its own; return the accuracy of a spec."""
    cache = Path(tempfile.gettempdir()) / "mlpctl-benchmarks-jax-cache"
    settings = {"JAX_COMPILATION_CACHE_DIR": str(cache), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, env={**os.environ, **settings}
        )
        tables = list(Path(folder).glob("results/*/trials.csv"))
        if not tables:
            return float(done.stdout.split()[-1])
        with tables[0].open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if float(row["lr"]) == spec["lr"]]
        return float(rows[0]["test_accuracy"])
