"""Share the products of a single large trial among threads; every bit stays as it is.

The trial's thread writes the arguments of a product into a task, the helpers see its number change, and each computes
its share of the columns; no sum is cut, so shares add up to the same bits. Waiting is spinning: a product of
half a millisecond is over before a sleeping thread would be awake.
"""

import sys
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from mlpctl.engines.kernel import arguments as given
from mlpctl.engines.kernel.arguments import DONE, JOB, MEMBERS, PRODUCT
from mlpctl.engines.kernel.compiled.compiling import Function, U, emitted, entry, inner
from mlpctl.engines.kernel.compiled.denormals import flush_denormals, set_control
from mlpctl.engines.kernel.compiled.pointers import address, at
from mlpctl.engines.kernel.compiled.product import share

SHARED_FROM = 1 << 20
"""Multiplications from which a product is shared: 8 µs of one core."""

SPINS = 1000
"""Looks at a task before a thread lets others run, where there are more threads than cores."""

_INDEX = ir.IntType(64)


@emitted
def look(typing: Any, task: Any, k: Any) -> Any:
    """Return task[k] as another thread has left it, and all that it wrote before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(builder.gep(args[0], [args[1]]), "acquire", 8)

    return types.int64(task, types.uint64), generate


@emitted
def _add(typing: Any, task: Any, k: Any, value: Any) -> Any:
    """Add to task[k], after all that this thread wrote before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.atomic_rmw("add", builder.gep(args[0], [args[1]]), args[2], "seq_cst")
        return context.get_dummy_value()

    return types.void(task, types.uint64, types.int64), generate


@emitted
def _bits(typing: Any, value: Any) -> Any:
    """Return a floating-point number's bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.zext(builder.bitcast(args[0], ir.IntType(value.bitwidth)), _INDEX)

    return types.int64(value), generate


@emitted
def _from_bits(typing: Any, bits: Any, like: Any) -> Any:
    """Return the number of `_bits`, of the type that a pointer points to."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.IntType(like.dtype.bitwidth)
        narrow = builder.trunc(args[0], whole) if like.dtype.bitwidth < 64 else args[0]
        return builder.bitcast(narrow, context.get_value_type(like.dtype))

    return like.dtype(types.int64, like), generate


@emitted
def _give_way(typing: Any) -> Any:
    """Let another thread run."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if sys.platform != "win32":
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(), generate


@inner
def product(
    task: Any, A: Any, a0: int, down: int, along: int, rows: int, depth: int, B: Any, b0: int, stride: int,
    flipped: bool, columns: int, C: Any, c0: int, width: int, base: Any, base0: int, base_stride: int, factor: Any,
    packed: Any,
) -> None:  # fmt: skip
    """Set C to base + factor · A B, see `product.share`, with the help of a task's threads."""
    members = task[MEMBERS] if rows * depth * columns >= SHARED_FROM else np.int64(1)
    if members > 1:
        numbers = (a0, down, along, rows, depth, b0, stride, columns, c0, width, base0, base_stride)
        for k in range(12):
            task[PRODUCT + k] = np.int64(numbers[k])
        task[PRODUCT + 12], task[PRODUCT + 13] = address(A), address(B)
        task[PRODUCT + 14], task[PRODUCT + 15] = address(C), address(base)
        task[PRODUCT + 16], task[PRODUCT + 17] = np.int64(flipped), _bits(factor)
        task[DONE] = 0
        _add(task, U(JOB), np.int64(1))
    share(U(0), U(members), A, a0, down, along, rows, depth, B, b0, stride, flipped, columns, C, c0, width, base, base0,
          base_stride, factor, packed)  # fmt: skip
    if members == 1:
        return
    spins = 0
    while look(task, U(DONE)) < members - 1:
        spins += 1
        if spins % SPINS == 0:
            _give_way()


def assist_for(dtype: Any) -> Function:
    """Return the function that computes a thread's share of every product of a task, until its number is OVER.

    It takes the address of a block, see `arguments`: HELPED, the task's address; MEMBER, from 1 on, since 0 is the
    trial's thread; PACKED, scratch of two vectors times the longest dimension of the trial's products. Returns 0.

    Args:
        dtype: numpy's type of the arithmetic.
    """

    @entry
    def assist(block: int) -> Any:
        control = flush_denormals()
        a = at(block, np.int64)
        task, member = at(a[given.HELPED], np.int64), U(a[given.MEMBER])
        packed = at(a[given.PACKED], dtype)
        seen, spins = np.int64(0), 0
        while True:
            job = look(task, U(JOB))
            if job < 0:
                break
            if job == seen:
                spins += 1
                if spins % SPINS == 0:
                    _give_way()
                continue
            seen = job
            a0, down, along = U(task[PRODUCT]), U(task[PRODUCT + 1]), U(task[PRODUCT + 2])
            rows, depth, b0 = U(task[PRODUCT + 3]), U(task[PRODUCT + 4]), U(task[PRODUCT + 5])
            stride, columns, c0 = U(task[PRODUCT + 6]), U(task[PRODUCT + 7]), U(task[PRODUCT + 8])
            width, base0, base_stride = U(task[PRODUCT + 9]), U(task[PRODUCT + 10]), U(task[PRODUCT + 11])
            A, B = at(task[PRODUCT + 12], dtype), at(task[PRODUCT + 13], dtype)
            C, base = at(task[PRODUCT + 14], dtype), at(task[PRODUCT + 15], dtype)
            share(member, U(task[MEMBERS]), A, a0, down, along, rows, depth, B, b0, stride, task[PRODUCT + 16] != 0,
                  columns, C, c0, width, base, base0, base_stride, _from_bits(task[PRODUCT + 17], packed),
                  packed)  # fmt: skip
            _add(task, U(DONE), np.int64(1))
        set_control(control)
        return np.int64(0)

    return assist
