"""Compile loops that measure a core: STREAM's four with both kinds of stores, a chase of pointers, sums in registers.

Vectors are explicit (`mlpctl.engines.kernel.compiled.vectors`), so that the loops do not depend on what a compiler
vectorizes. Streaming (non-temporal) stores go past the caches and spare the read of each line that an ordinary store
does before it overwrites it.
"""

from collections.abc import Callable
from typing import Any

from mlpctl.engines.kernel.compiled.compiling import FAST, U, emitted, inner  # it sets the level before numba is there

# isort: split
import numba
import numpy as np
from llvmlite import ir
from numba import types

from mlpctl.engines.kernel.compiled.pointers import at
from mlpctl.engines.kernel.compiled.vectors import add, fill, fma, load, mul, store, sum_of

CACHE_LINE = 64  # bytes: streaming stores must be aligned to it
V = U(16)


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls and that holds no interpreter lock."""
    compiled: Callable[..., Any] = numba.njit(fastmath=FAST, error_model="numpy", nogil=True)(function)
    return compiled


@emitted
def stream(typing: Any, numbers: Any, k: Any, vector: Any) -> Any:
    """Store a vector to numbers[k : k + 16] past the caches; the place must be aligned."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(vector)
        place = builder.bitcast(builder.gep(args[0], [args[1]]), kind.as_pointer())
        stored = builder.store(args[2], place, align=CACHE_LINE)
        stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.void(numbers, types.uint64, vector), generate


@inner
def _numbers(a: Any) -> Any:
    return at(np.int64(a.ctypes.data), np.float64)


def _loop(value: Callable[..., Any], put: Callable[..., None]) -> Callable[..., None]:
    @_called
    def loop(a: Any, b: Any, c: Any, s: Any, first: int, end: int, times: int) -> None:
        """Set a[first:end] to values of the same places of b and c, `times` times over."""
        x, y, z, factor = _numbers(a), _numbers(b), _numbers(c), fill(s)
        for _ in range(times):
            k = U(first)
            while k < U(end):
                put(x, k, value(y, z, factor, k))
                put(x, k + V, value(y, z, factor, k + V))
                k += U(32)  # two vectors a turn, so that the loop itself costs nothing

    return loop


@_called
def chase(following: Any, start: int, steps: int) -> Any:
    """Follow a chain of `steps` loads and return its end: each load waits for the one before."""
    at = U(start)
    for _ in range(steps):
        at = following[at]
    return at


@_called
def multiply_few(x: Any, times: int) -> Any:
    """Multiply and add vectors in registers `times` · FEW times: as many sums as 256-bit registers hold."""
    v = at(np.int64(x.ctypes.data), np.float32)
    a, b = load(v, U(0)), load(v, U(16))
    p = q = r = s = t = u = a
    for _ in range(times):
        p, q, r = fma(p, b, a), fma(q, b, a), fma(r, b, a)
        s, t, u = fma(s, b, a), fma(t, b, a), fma(u, b, a)
    return sum_of(add(add(add(p, q), add(r, s)), add(t, u)))


@_called
def multiply_many(x: Any, times: int) -> Any:
    """Multiply and add `times` · MANY times: as many sums as 512-bit registers need to hide the latency."""
    v = at(np.int64(x.ctypes.data), np.float32)
    a, b = load(v, U(0)), load(v, U(16))
    p = q = r = s = t = u = c = d = e = f = g = h = a
    for _ in range(times):
        p, q, r = fma(p, b, a), fma(q, b, a), fma(r, b, a)
        s, t, u = fma(s, b, a), fma(t, b, a), fma(u, b, a)
        c, d, e = fma(c, b, a), fma(d, b, a), fma(e, b, a)
        f, g, h = fma(f, b, a), fma(g, b, a), fma(h, b, a)
    return sum_of(add(add(add(p, q), add(r, s)), add(add(add(t, u), add(c, d)), add(add(e, f), add(g, h)))))


FEW, MANY = 6, 12
MULTIPLICATIONS = {multiply_few: FEW, multiply_many: MANY}
"""Loop -> vectors of 16 numbers that it multiplies and adds in a turn."""

VALUES = {
    "copy": inner(lambda y, z, s, k: load(y, k)),
    "scale": inner(lambda y, z, s, k: mul(s, load(y, k))),
    "add": inner(lambda y, z, s, k: add(load(y, k), load(z, k))),
    "triad": inner(lambda y, z, s, k: fma(s, load(z, k), load(y, k))),
}
STORES = {"ordinary": store, "streaming": stream}

LOOPS = {(name, stores): _loop(value, put) for name, value in VALUES.items() for stores, put in STORES.items()}
"""(operation, kind of stores) -> loop of (a, b, c, s, first, end, times)."""
