"""Choose how many numbers the compiled code takes at a time, by the processor; imports no compiler on x86."""

import hashlib
import os
import platform
from contextlib import suppress
from functools import cache
from itertools import takewhile
from pathlib import Path

from mlpctl.errors import UsageError

WIDTHS = (16, 8, 4)
"""Numbers in a vector: with AVX-512, with AVX2, elsewhere (SSE2, NEON)."""

LEVELS = {8: "x86-64-v3", 4: "x86-64-v2"}
"""LLVM's names of processors that have no more than a width needs, for a width that is forced."""


@cache
def vector_width() -> int:
    """Return the numbers in a vector: MLPCTL_VECTOR, else the most that the processor has registers for.

    Raises:
        UsageError: if MLPCTL_VECTOR is no width that this processor has.
    """
    widest, forced = _widest(), os.environ.get("MLPCTL_VECTOR")
    if not forced:
        return widest
    known = [str(width) for width in WIDTHS if width <= widest]
    if forced not in known:
        raise UsageError(f"MLPCTL_VECTOR must be one of {', '.join(known)} on this processor, got '{forced}'")
    return int(forced)


def target() -> tuple[str, str]:
    """Return (processor, features) that LLVM compiles for, by its names."""
    import llvmlite.binding as llvm

    width = vector_width()
    if width < _widest():
        return LEVELS[width], ""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def processor_name() -> str:
    """Return a hash (12 hex digits) of the processor's kind and the width: compiled code is of one of each."""
    facts = _facts()
    told = " ".join(facts.values()) if facts else _told_by_llvm()
    return hashlib.sha256(f"{vector_width()} {told}".encode()).hexdigest()[:12]


def _widest() -> int:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return 4
    flags = (_facts().get("flags") or _told_by_llvm().replace(",", " ").replace("+", "")).split()
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= {*flags}:
        return 16
    return 8 if {"avx2", "fma"} <= {*flags} else 4


@cache
def _facts() -> dict[str, str]:
    """Return what Linux tells of an x86 processor; {} elsewhere."""
    with suppress(OSError), Path("/proc/cpuinfo").open() as lines:
        pairs = (line.partition(":")[::2] for line in takewhile(str.strip, lines))
        told = {name.strip(): value.strip() for name, value in pairs}
        if "flags" in told:
            return {name: told.get(name, "") for name in ("vendor_id", "cpu family", "model", "flags")}
    return {}


@cache
def _told_by_llvm() -> str:
    import llvmlite.binding as llvm  # 40 ms

    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
