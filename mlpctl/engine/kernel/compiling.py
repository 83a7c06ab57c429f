"""How the kernel is compiled: once per machine, kept in the cache folder, under a name that changes with the source."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from mlpctl.engine.kernel.cache import kernel_folder

FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
"""What the compiler may do with floating-point numbers. Not nnan and ninf: divergence has to be seen."""


OPTIMIZED = "1"
"""LLVM's level: the vectors are in the source, so higher ones find nothing (1.3 ms an iris trial at 1, 2 and 3) and
take 37 s to compile instead of 21."""


def _import_numba() -> Any:
    os.environ.setdefault("NUMBA_CACHE_DIR", str(kernel_folder()))
    os.environ.setdefault("NUMBA_OPT", OPTIMIZED)
    import numba

    config: Any = numba.config
    config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]
    return numba


numba = _import_numba()

U: Any = np.uint64
"""Type of offsets and lengths in compiled code, see `affine`."""

Function = Callable[..., Any]


def inner(function: Function) -> Function:
    """Return a function that compiled code calls."""
    compiled: Function = numba.njit(fastmath=FAST, error_model="numpy", forceinline=True)(function)
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


def emitted(function: Function) -> Any:
    """Return a function of compiled code whose instructions are written out: numba's `intrinsic`."""
    from numba.extending import intrinsic

    return intrinsic(function)
