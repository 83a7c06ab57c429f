"""Facts about the machine: what a trial ran on, for environment.json and `mlpctl doctor`."""

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from mlpctl import __version__
from mlpctl.system.gpu import nvidia_smi

LIBRARIES = ("numpy", "scipy", "pandas", "torch", "numba", "scikit-learn", "threadpoolctl", "optuna", "ray")
"""Whose versions may move a number."""


def usable_cores() -> int:
    """Return the cores that this process may use: its affinity, and the quota of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cores, int(quota)) if quota else cores)


def environment(*, gpu: bool = False, precision: str = "fp32") -> dict[str, Any]:
    """Return what trials run on, ready for JSON.

    Args:
        precision: of products of float32 matrices, in the engine lanes.
        gpu: ask torch for GPUs that nvidia-smi does not name; otherwise torch is asked only where it is loaded already
            (importing it takes 1 s).
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
        "gpus": nvidia_smi() or (gpus() if gpu or "torch" in sys.modules else []),
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


def memory_bytes() -> int:
    """Return the memory of this machine."""
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    import psutil  # 10 ms

    return int(psutil.virtual_memory().total)


def cpu_model() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpus() -> list[dict[str, Any]]:
    """Return the CUDA GPUs that torch sees; imports torch."""
    import torch

    if not torch.cuda.is_available():
        return []
    properties = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return [{"name": p.name, "memory_bytes": p.total_memory, "cuda": torch.version.cuda} for p in properties]


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return the commit of a checkout and whether files differ from it; None outside of one, or before its first."""
    asked = ["git", "status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=no"]
    try:
        done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    return None if commit == "(initial)" else {"commit": commit, "dirty": not all(line[0] == "#" for line in lines)}


def _cgroup_quota() -> float | None:
    for path, read in ((Path("/sys/fs/cgroup/cpu.max"), _v2), (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), _v1)):
        if path.is_file():
            return read(path)
    return None


def _v2(path: Path) -> float | None:
    quota, period = path.read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _v1(path: Path) -> float | None:
    quota = int(path.read_text())
    return quota / int(path.with_name("cpu.cfs_period_us").read_text()) if quota > 0 else None


def seconds_since_start() -> float:
    """Return the wall seconds since this process began, Python's own start included."""
    import time

    import psutil

    return time.time() - float(psutil.Process().create_time())
