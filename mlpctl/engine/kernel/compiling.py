"""How the kernel is compiled: once per machine, kept in the cache folder, under a name that changes with the source."""

import hashlib
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mlpctl.data.files import cache_folder

FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
"""What the compiler may do with floating-point numbers. Not nnan and ninf: divergence has to be seen."""


def kernel_folder() -> Path:
    """Return where the compiled code is: a folder per source text, numba version and processor.

    numba looks at the file of the function alone, not at those of the functions it calls, and would keep stale code.
    """
    digest = hashlib.sha256(version("numba").encode() + version("numpy").encode())
    for path in sorted([*Path(__file__).parent.glob("*.py"), Path(__file__).parents[2] / "rng.py"]):
        digest.update(path.read_bytes())
    return cache_folder() / "kernel" / digest.hexdigest()[:16]


def _import_numba() -> Any:
    os.environ.setdefault("NUMBA_CACHE_DIR", str(kernel_folder()))
    import numba

    numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]
    return numba


numba = _import_numba()

Function = Callable[..., Any]


def inner(function: Function) -> Function:
    """Return a function that compiled code calls."""
    compiled: Function = numba.njit(fastmath=FAST, error_model="numpy")(function)
    return compiled


def exact(function: Function) -> Function:
    """Return a function whose floating-point operations are done as they are written, in numpy's order."""
    compiled: Function = numba.njit(error_model="numpy")(function)
    return compiled


def exact_entry(function: Function) -> Function:
    """Return an exact function that Python calls; it frees the interpreter lock and is kept on disk."""
    compiled: Function = numba.njit(error_model="numpy", nogil=True, cache=True)(function)
    return compiled


def entry(function: Function) -> Function:
    """Return a function that Python calls: it frees the interpreter lock and is kept on disk."""
    compiled: Function = numba.njit(fastmath=FAST, error_model="numpy", nogil=True, cache=True)(function)
    return compiled
