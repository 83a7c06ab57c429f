"""Which of its kernels OpenBLAS takes: it can be told only before numpy or scipy load it, so it is told at once."""

import os
from pathlib import Path

VARIABLE = "OPENBLAS_CORETYPE"
NEEDED = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
"""What its kernels for Skylake-X use of a processor."""


def use_wide_kernels(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """Let OpenBLAS use 512-bit vectors on AMD processors that have them, unless the user has chosen.

    On such it takes its kernels for Haswell, with 256 bits: 124 GFLOP/s against 232 in 256×784 · 784×256 on one core of
    a Zen 5 (`OPENBLAS_CORETYPE=Haswell python -m benchmarks.gemm`).
    """
    if VARIABLE in os.environ or not cpuinfo.is_file():
        return
    with cpuinfo.open("rb") as lines:
        facts = dict(_fact(line) for line in lines.read(8192).splitlines() if b":" in line)
    if facts.get("vendor_id") == "AuthenticAMD" and set(facts.get("flags", "").split()) >= NEEDED:
        os.environ[VARIABLE] = "SkylakeX"


def _fact(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("utf-8", "replace").partition(":")
    return name.strip(), value.strip()
