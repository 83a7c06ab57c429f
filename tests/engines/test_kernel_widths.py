"""The kernel keeps its contracts at every width of vectors that this processor has, and leaves denormals to others."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlpctl.engines.kernel import processor
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.errors import UsageError
from tests.helpers.making import classes, trained, work_of

NARROWER = [width for width in processor.WIDTHS if width < processor.vector_width()]
CONTRACTS = ("tests/engines/test_conformance.py", "tests/engines/test_kernel.py", "-k", "kernel or remainder or layers")


@pytest.mark.parametrize("width", NARROWER)
def test_the_contracts_hold_at_a_width(width: int) -> None:
    """The native width is that of all other tests."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CONTRACTS],
        env={**os.environ, "MLPCTL_VECTOR": str(width), "MLPCTL_COMPILE": "now"}, cwd=Path(__file__).parents[2],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("forced", ["0", "5", "32", "wide", "-8"])
def test_a_width_that_there_is_not_is_refused(forced: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPCTL_VECTOR", forced)
    processor.vector_width.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"MLPCTL_VECTOR must be one of .* got '" + forced):
            processor.vector_width()
    finally:
        processor.vector_width.cache_clear()


@pytest.mark.parametrize(
    ("machine", "flags", "width"),
    [
        ("x86_64", "sse2 avx avx2 fma avx512f avx512dq avx512bw avx512vl", 16),
        ("x86_64", "sse2 avx avx2 fma avx512f", 8),  # without the instructions on 256 bits it is not worth it
        ("AMD64", "sse2 avx avx2 fma", 8),
        ("x86_64", "sse2 avx avx2", 4),
        ("x86_64", "sse2", 4),
        ("arm64", "neon", 4),
    ],
)
def test_the_width_goes_by_the_processor(machine: str, flags: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPCTL_VECTOR", raising=False)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(processor, "_facts", lambda: {"flags": flags})
    processor.vector_width.cache_clear()
    try:
        assert processor.vector_width() == width
    finally:
        processor.vector_width.cache_clear()


def test_denormals_are_zero_in_compiled_code_and_nowhere_else() -> None:
    """Weights of 1e-39 are read as zeros, so nothing but biases moves; numpy has its denormals before and after."""
    smallest = np.float32(1e-39)
    assert smallest / np.float32(2) > 0
    work = work_of(classes(), widths="4", init="constant", init_scale=1e-39, epochs=1, lr=1e-30, dtype="float32")
    session = KERNEL.open("cpu", 1, 1)
    [event] = trained(session, work)[work.key]
    assert event.status == "ok"
    weights = session.weights(work.key)["0.weight"]
    assert (weights == 0).all()  # a step adds to what it has read
    assert smallest / np.float32(2) > 0
