"""Align scratch memory of compiled code: one array a call, in pieces that begin on a cache line."""

from typing import Any

from mlpctl.engines.kernel.compiled.compiling import U, inner
from mlpctl.engines.kernel.compiled.pointers import address, moved, size_of
from mlpctl.engines.kernel.compiled.vectors import WIDTH

V, VV = U(WIDTH), U(2 * WIDTH)

LINE = U(16)
"""Most numbers by which the begin of an array is moved to lie on a cache line."""


@inner
def whole_vectors(n: Any) -> Any:
    """Return n rounded up to whole vectors."""
    return (n + V - U(1)) // V * V


@inner
def on_a_line(memory: Any) -> Any:
    """Return the pointer to the first number that lies on a cache line: at most LINE numbers further."""
    skipped = ((U(64) - (U(address(memory)) & U(63))) & U(63)) // size_of(memory)
    return moved(memory, skipped)
