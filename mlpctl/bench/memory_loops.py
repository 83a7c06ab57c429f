"""Compiled loops that do nothing but move memory: STREAM's four, with both kinds of stores, and a chase of pointers.

Vectors are said outright (see `mlpctl.engines.kernel.compiled.vectors`), so that a core keeps memory busy whatever the
compiler makes of a loop. Stores that go past the caches ("streaming", non-temporal) spare the read of each line that an
ordinary store does before it overwrites it.
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

ALIGNED = 64
"""Bytes: a cache line. What begins and ends on one may be stored past the caches."""

STEP = 32
"""Numbers an iteration moves: two vectors, so that the loop itself costs nothing."""

V = U(16)


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that Python calls and that holds no interpreter lock; compiled in each process, in 0.2 s."""
    compiled: Callable[..., Any] = numba.njit(fastmath=FAST, error_model="numpy", nogil=True)(function)
    return compiled


@emitted
def stream(typing: Any, numbers: Any, k: Any, vector: Any) -> Any:
    """Set numbers[k : k + 16] past the caches; the place must be aligned."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(vector)
        place = builder.bitcast(builder.gep(args[0], [args[1]]), kind.as_pointer())
        stored = builder.store(args[2], place, align=ALIGNED)
        stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.void(numbers, types.uint64, vector), generate


@inner
def _numbers(a: Any) -> Any:
    return at(np.int64(a.ctypes.data), np.float64)


@inner
def _copied(y: Any, z: Any, factor: Any, k: int) -> Any:
    return load(y, k)


@inner
def _scaled(y: Any, z: Any, factor: Any, k: int) -> Any:
    return mul(factor, load(y, k))


@inner
def _added(y: Any, z: Any, factor: Any, k: int) -> Any:
    return add(load(y, k), load(z, k))


@inner
def _triad(y: Any, z: Any, factor: Any, k: int) -> Any:
    return fma(factor, load(z, k), load(y, k))


def _loop(value: Callable[..., Any], put: Callable[..., None]) -> Callable[..., None]:
    @_called
    def loop(a: Any, b: Any, c: Any, s: Any, first: int, end: int, times: int) -> None:
        """Set a[first:end] to values of the same places of b and c, some times over."""
        x, y, z, factor = _numbers(a), _numbers(b), _numbers(c), fill(s)
        for _ in range(times):
            k = U(first)
            while k < U(end):
                put(x, k, value(y, z, factor, k))
                put(x, k + V, value(y, z, factor, k + V))
                k += U(STEP)

    return loop


@_called
def chase(following: Any, start: int, steps: int) -> Any:
    """Return where `steps` loads lead, each to the place that the one before named: none can begin before it ends."""
    at = U(start)
    for _ in range(steps // 8):
        at = following[at]
        at = following[at]
        at = following[at]
        at = following[at]
        at = following[at]
        at = following[at]
        at = following[at]
        at = following[at]
    return at


@_called
def multiply_few(x: Any, times: int) -> Any:
    """Do `times` · FEW multiplications and additions of vectors in registers: the sums that 256-bit registers hold."""
    v = at(np.int64(x.ctypes.data), np.float32)
    a, b = load(v, U(0)), load(v, U(16))
    p = q = r = s = t = u = a
    for _ in range(times):
        p, q, r = fma(p, b, a), fma(q, b, a), fma(r, b, a)
        s, t, u = fma(s, b, a), fma(t, b, a), fma(u, b, a)
    return sum_of(add(add(add(p, q), add(r, s)), add(t, u)))


@_called
def multiply_many(x: Any, times: int) -> Any:
    """Do `times` · MANY such: as many sums as 512-bit registers need to hide how long one takes."""
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
"""Loop -> vectors of 16 that it multiplies and adds in a turn."""

VALUES = {"copy": _copied, "scale": _scaled, "add": _added, "triad": _triad}
STORES = {"ordinary": store, "streaming": stream}

LOOPS = {(name, stores): _loop(value, put) for name, value in VALUES.items() for stores, put in STORES.items()}
"""(operation, kind of stores) -> its loop, of (a, b, c, s, first, end, times)."""
