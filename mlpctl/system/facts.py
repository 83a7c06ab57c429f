"""Read facts about the machine: processor, memory, GPUs, installed libraries, git; no fact imports torch unasked."""

import csv
import io
import os
import platform
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from mlpctl import __version__
from mlpctl.system.git import git_state

LIBRARIES = ("numpy", "scipy", "pandas", "torch", "numba", "scikit-learn", "threadpoolctl", "optuna", "ray")
"""Libraries whose version may move a number."""

NVIDIA_DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))
"""Files that a driver of NVIDIA has: on Linux, and on Linux under Windows."""

NVIDIA_SMI = {
    "name": ("name", 0),
    "driver": ("driver_version", 0),
    "memory_bytes": ("memory.total", 2**20),
    "sm_clock_hz": ("clocks.sm", 10**6),
    "memory_clock_hz": ("clocks.mem", 10**6),
    "max_sm_clock_hz": ("clocks.max.sm", 10**6),
    "power_limit_watts": ("power.limit", 1),
}
"""Our name -> (name in nvidia-smi, factor from its unit, MiB and MHz, to ours; 0: a text)."""


def environment(*, gpu: bool = False, precision: str = "fp32") -> dict[str, Any]:
    """Return the facts that are recorded with trials, ready for JSON.

    Args:
        gpu: ask torch for GPUs that nvidia-smi does not name; otherwise torch is asked only where it is loaded already.
        precision: of products of float32 matrices, in the engine lanes.
    """
    from threadpoolctl import threadpool_info

    return {
        "mlpctl": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version for name in LIBRARIES if (version := library_version(name))},
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "memory_bytes": memory_bytes(),
        "blas": [
            {key: info.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
            for info in threadpool_info()
        ],
        "gpus": nvidia_smi() or (torch_gpus() if gpu or "torch" in sys.modules else []),
        "precision": precision,
        "git": git_state(Path.cwd()),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def library_version(name: str) -> str | None:
    """Return the version of an installed library; None if it is not installed."""
    try:
        about = metadata.distribution(name).read_text("METADATA") or ""
    except metadata.PackageNotFoundError:
        return None
    found = re.search(r"^Version: (.*)$", about, re.MULTILINE)  # `metadata.version` parses all of it: 1 ms each
    return found[1] if found else None


def seconds_since_start() -> float:
    """Return the wall seconds since this process began, Python's own start included."""
    import time

    import psutil

    return time.time() - float(psutil.Process().create_time())


def memory_bytes() -> int:
    """Return the memory of this machine."""
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return int(psutil.virtual_memory().total)


def cpu_model() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Return the cores that this process may use: its affinity, and the quota of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cores, int(quota)) if quota else cores)


def _cgroup_quota() -> float | None:
    """Return the cores that the control group grants, by the files of version 2 or 1; None where it sets no limit."""
    two, one = Path("/sys/fs/cgroup/cpu.max"), Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    if two.is_file():
        quota, period = two.read_text().split()
    elif one.is_file():
        quota, period = one.read_text(), one.with_name("cpu.cfs_period_us").read_text()
    else:
        return None
    return None if quota == "max" or int(quota) <= 0 else int(quota) / int(period)


def has_nvidia_driver() -> bool:
    """Return whether there is a driver of NVIDIA, and so perhaps a GPU."""
    return any(sign.exists() for sign in NVIDIA_DRIVER) or shutil.which("nvidia-smi") is not None


@cache
def has_cuda() -> bool:
    """Return whether torch can use a CUDA GPU; torch is imported only where there is a driver."""
    if not has_nvidia_driver():
        return False
    import torch

    return torch.cuda.is_available()


def torch_gpus() -> list[dict[str, Any]]:
    """Return the CUDA GPUs that torch sees; imports torch."""
    import torch

    if not torch.cuda.is_available():
        return []
    properties = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return [{"name": p.name, "memory_bytes": p.total_memory, "cuda": torch.version.cuda} for p in properties]


def nvidia_smi() -> list[dict[str, Any]]:
    """Return name, driver, memory, clocks and power limit of each GPU; [] where nvidia-smi is not there or fails."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ",".join(name for name, _ in NVIDIA_SMI.values())
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_nvidia_smi(done.stdout)


def parse_nvidia_smi(text: str) -> list[dict[str, Any]]:
    """Return the GPUs of nvidia-smi's lines; what a GPU does not tell is None."""
    lines = csv.reader(io.StringIO(text), skipinitialspace=True)
    return [
        {name: _cell(cell, factor) for cell, (name, (_, factor)) in zip(line, NVIDIA_SMI.items(), strict=True)}
        for line in lines
        if len(line) == len(NVIDIA_SMI)
    ]


def _cell(text: str, factor: int) -> str | float | None:
    if not factor:
        return text
    try:
        return float(text) * factor
    except ValueError:  # "[N/A]"
        return None
