"""Compiled loops that do nothing but move memory: STREAM's four, with both kinds of stores, and a chase of pointers.

Vectors are said outright (see `mlpctl.engine.kernel.vectors`), so that a core keeps memory busy whatever the compiler
makes of a loop. Stores that go past the caches ("streaming", non-temporal) spare the read of each line that an ordinary
store does before it overwrites it.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from mlpctl.engine.kernel.compiling import FAST, U, emitted, entry, inner, numba
from mlpctl.engine.kernel.pointers import keep, pointer
from mlpctl.engine.kernel.vectors import add, fill, fma, load, mul, store

ALIGNED = 64
"""Bytes: a cache line. What begins and ends on one may be stored past the caches."""

STEP = 32
"""Numbers an iteration moves: two vectors, so that the loop itself costs nothing."""

V = U(16)


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
    """Return a compiled loop; not kept on disk, where numba would tell those of one text apart by chance."""

    @numba.njit(fastmath=FAST, error_model="numpy", nogil=True)  # type: ignore[untyped-decorator]
    def loop(a: Any, b: Any, c: Any, s: Any, first: int, end: int, times: int) -> None:
        """Set a[first:end] to values of the same places of b and c, some times over."""
        x, y, z, factor = pointer(a), pointer(b), pointer(c), fill(s)
        for _ in range(times):
            k = U(first)
            while k < U(end):
                put(x, k, value(y, z, factor, k))
                put(x, k + V, value(y, z, factor, k + V))
                k += U(STEP)
        keep(a)
        keep(b)
        keep(c)

    return loop  # type: ignore[no-any-return]


@entry
def chase(following: Any, start: int, steps: int) -> int:
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
    return at  # type: ignore[return-value]


VALUES = {"copy": _copied, "scale": _scaled, "add": _added, "triad": _triad}
STORES = {"ordinary": store, "streaming": stream}

LOOPS = {(name, stores): _loop(value, put) for name, value in VALUES.items() for stores, put in STORES.items()}
"""(operation, kind of stores) -> its loop, of (a, b, c, s, first, end, times)."""
