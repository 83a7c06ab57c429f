"""Scratch memory of compiled code: one array a call, cut into pieces that begin on a cache line."""

from typing import Any

from mlpctl.engine.kernel.compiling import U, inner
from mlpctl.engine.kernel.pointers import moved, pointer

V, VV = U(16), U(32)


@inner
def whole_vectors(n: Any) -> Any:
    """Return n rounded up to whole vectors."""
    return (n + V - U(1)) // V * V


@inner
def on_a_line(memory: Any) -> Any:
    """Return the pointer to the first number of an array that lies on a cache line: at most V numbers further."""
    skipped = ((U(64) - (U(memory.ctypes.data) & U(63))) & U(63)) // U(memory.itemsize)
    return moved(pointer(memory), skipped)
