"""Where compiled code is kept, and whether it is there; imports no numba."""

import hashlib
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mlpctl.data.files import cache_folder


@cache
def kernel_folder() -> Path:
    """Return where the compiled code is: a folder per source text, numba version and processor.

    numba looks at the file of the function alone, not at those of the functions it calls, and would keep stale code.
    """
    digest = hashlib.sha256(version("numba").encode() + version("numpy").encode())
    for path in sorted([*Path(__file__).parent.glob("*.py"), Path(__file__).parents[2] / "rng.py"]):
        digest.update(path.read_bytes())
    return cache_folder() / "kernel" / digest.hexdigest()[:16]


def is_compiled(inputs: np.dtype[Any], dtype: str) -> bool:
    """Return whether the training loop is in the cache for a type of inputs and of arithmetic."""
    return _mark(inputs, dtype).is_file()


def mark_compiled(inputs: np.dtype[Any], dtype: str) -> None:
    """Remember that it is; a cache that cannot be written is no error."""
    mark = _mark(inputs, dtype)
    with suppress(OSError):
        if not mark.is_file():
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def _mark(inputs: np.dtype[Any], dtype: str) -> Path:
    return kernel_folder() / f"compiled-{inputs.name}-{dtype}"
