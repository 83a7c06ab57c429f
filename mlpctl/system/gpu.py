"""What the NVIDIA driver says of its GPUs, without importing torch."""

import csv
import io
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

SIGNS = (Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))
"""What is there where there is a driver: on Linux, and on Linux under Windows."""

ASKED = {
    "name": "name",
    "driver": "driver_version",
    "memory_bytes": "memory.total",
    "sm_clock_hz": "clocks.sm",
    "memory_clock_hz": "clocks.mem",
    "max_sm_clock_hz": "clocks.max.sm",
    "power_limit_watts": "power.limit",
}
"""Our name -> nvidia-smi's."""

UNITS = {"memory_bytes": 2**20, "sm_clock_hz": 10**6, "memory_clock_hz": 10**6, "max_sm_clock_hz": 10**6}
"""nvidia-smi gives MiB and MHz."""


def driver_here() -> bool:
    """Whether there is a driver of NVIDIA, and so perhaps a GPU."""
    return any(sign.exists() for sign in SIGNS) or shutil.which("nvidia-smi") is not None


@cache
def cuda_here() -> bool:
    """Whether torch can use a CUDA GPU; torch is imported only where there is a driver."""
    if not driver_here():
        return False
    import torch

    return torch.cuda.is_available()


def nvidia_smi() -> list[dict[str, Any]]:
    """Return name, driver, memory, clocks and power limit of each GPU; [] where nvidia-smi is not there or fails."""
    if shutil.which("nvidia-smi") is None:
        return []
    asked = ["nvidia-smi", f"--query-gpu={','.join(ASKED.values())}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse(done.stdout)


def parse(text: str) -> list[dict[str, Any]]:
    """Return the GPUs of nvidia-smi's lines; what a GPU does not tell is None."""
    lines = csv.reader(io.StringIO(text), skipinitialspace=True)
    return [
        {name: _value(name, cell) for name, cell in zip(ASKED, line, strict=True)}
        for line in lines
        if len(line) == len(ASKED)
    ]


def _value(name: str, cell: str) -> str | float | None:
    if name in ("name", "driver"):
        return cell
    try:
        return float(cell) * UNITS.get(name, 1)
    except ValueError:  # "[N/A]"
        return None
