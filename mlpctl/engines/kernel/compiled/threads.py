"""Cores that would be idle help with the products of a single large trial, and leave every bit as it is.

The trial's thread writes the arguments of a product on a board, the helpers see the number of the job change, and each
computes its share of the columns; no sum is cut, so shares add up to the same bits. Waiting is spinning: a product of
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
from mlpctl.engines.kernel.compiled.pointers import address, at
from mlpctl.engines.kernel.compiled.product import share

SHARED_FROM = 1 << 20
"""Multiplications from which a product is shared: 8 µs of one core."""

SPINS = 1000
"""Looks at the board before a thread lets others run, where there are more threads than cores."""

_INDEX = ir.IntType(64)


@emitted
def look(typing: Any, board: Any, k: Any) -> Any:
    """Return board[k] as another thread has left it, and all that it wrote before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(builder.gep(args[0], [args[1]]), "acquire", 8)

    return types.int64(board, types.uint64), generate


@emitted
def _add(typing: Any, board: Any, k: Any, value: Any) -> Any:
    """Add to board[k], after all that this thread wrote before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.atomic_rmw("add", builder.gep(args[0], [args[1]]), args[2], "seq_cst")
        return context.get_dummy_value()

    return types.void(board, types.uint64, types.int64), generate


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
    board: Any, A: Any, a0: int, down: int, along: int, rows: int, depth: int, B: Any, b0: int, stride: int,
    flipped: bool, columns: int, C: Any, c0: int, width: int, base: Any, base0: int, base_stride: int, factor: Any,
    packed: Any,
) -> None:  # fmt: skip
    """Set C to base + factor · A B, see `product.share`, with the help of a board's members."""
    members = board[MEMBERS] if rows * depth * columns >= SHARED_FROM else np.int64(1)
    if members > 1:
        numbers = (a0, down, along, rows, depth, b0, stride, columns, c0, width, base0, base_stride)
        for k in range(12):
            board[PRODUCT + k] = np.int64(numbers[k])
        board[PRODUCT + 12], board[PRODUCT + 13] = address(A), address(B)
        board[PRODUCT + 14], board[PRODUCT + 15] = address(C), address(base)
        board[PRODUCT + 16], board[PRODUCT + 17] = np.int64(flipped), _bits(factor)
        board[DONE] = 0
        _add(board, U(JOB), np.int64(1))
    share(U(0), U(members), A, a0, down, along, rows, depth, B, b0, stride, flipped, columns, C, c0, width, base, base0,
          base_stride, factor, packed)  # fmt: skip
    if members == 1:
        return
    spins = 0
    while look(board, U(DONE)) < members - 1:
        spins += 1
        if spins % SPINS == 0:
            _give_way()


def assist_for(dtype: Any) -> Function:
    """Return the function that computes a member's share of every product on a board, until there is job OVER.

    It takes the address of a block, see `arguments`: HELPED, the board's address; MEMBER, from 1 on, since 0 is the
    trial's thread; PACKED, scratch of 32 numbers times the longest dimension of the trial's products. Returns 0.

    Args:
        dtype: numpy's type of the arithmetic.
    """

    @entry
    def assist(block: int) -> Any:
        a = at(block, np.int64)
        board, member = at(a[given.HELPED], np.int64), U(a[given.MEMBER])
        packed = at(a[given.PACKED], dtype)
        seen, spins = np.int64(0), 0
        while True:
            job = look(board, U(JOB))
            if job < 0:
                break
            if job == seen:
                spins += 1
                if spins % SPINS == 0:
                    _give_way()
                continue
            seen = job
            a0, down, along = U(board[PRODUCT]), U(board[PRODUCT + 1]), U(board[PRODUCT + 2])
            rows, depth, b0 = U(board[PRODUCT + 3]), U(board[PRODUCT + 4]), U(board[PRODUCT + 5])
            stride, columns, c0 = U(board[PRODUCT + 6]), U(board[PRODUCT + 7]), U(board[PRODUCT + 8])
            width, base0, base_stride = U(board[PRODUCT + 9]), U(board[PRODUCT + 10]), U(board[PRODUCT + 11])
            A, B = at(board[PRODUCT + 12], dtype), at(board[PRODUCT + 13], dtype)
            C, base = at(board[PRODUCT + 14], dtype), at(board[PRODUCT + 15], dtype)
            share(member, U(board[MEMBERS]), A, a0, down, along, rows, depth, B, b0, stride, board[PRODUCT + 16] != 0,
                  columns, C, c0, width, base, base0, base_stride, _from_bits(board[PRODUCT + 17], packed),
                  packed)  # fmt: skip
            _add(board, U(DONE), np.int64(1))
        return np.int64(0)

    return assist
