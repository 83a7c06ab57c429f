"""Compile functions of the kernel, with their options."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
"""Rules of arithmetic that the compiler may assume. Not nnan and ninf: divergence has to be seen."""

U: Any = np.uint64
"""Type of offsets and lengths in compiled code, see `affine`."""

Function = Callable[..., Any]

_BARE: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inner(function: Function) -> Function:
    """Return a function that compiled code calls."""
    compiled: Function = numba.njit(fastmath=FAST, forceinline=True, **_BARE)(function)
    return compiled


def exact(function: Function) -> Function:
    """Return a function whose floating-point operations are done as they are written, in numpy's order."""
    compiled: Function = numba.njit(**_BARE)(function)
    return compiled


def apart(function: Function) -> Function:
    """Return a function that compiled code calls where a call costs nothing; it is compiled once, not at each call.

    Said outright, because numba hands the caller's `forceinline` on to what it calls.
    """
    compiled: Function = numba.njit(fastmath=FAST, forceinline=False, **_BARE)(function)
    return compiled


def entry(function: Function) -> Function:
    """Return a function that is called from outside: it takes an address and returns a whole number, see `native`."""
    compiled: Function = numba.njit(fastmath=FAST, forceinline=False, **_BARE)(function)
    return compiled


def emitted(function: Function) -> Any:
    """Return a function of compiled code whose instructions are written out: numba's `intrinsic`."""
    from numba.extending import intrinsic

    return intrinsic(function)
