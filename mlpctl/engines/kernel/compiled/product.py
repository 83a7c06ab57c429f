"""Matrix products of compiled code, for minibatches of 16 rows and more.

Blocks of C are summed at a time, two vectors wide, in registers; the columns of B are packed first, so that all blocks
of rows read them in order from the nearest caches (Goto and van de Geijn 2008, without the outer levels: a layer's
matrices fit the second-level cache). What comes after a product, a bias or a step of SGD, is done with the sums at
hand.

One core of a Zen 5, 256×784 · 784×256 in float32, GFLOP/s: here 240; OpenBLAS 124 with its kernels for Haswell, 232
with those for Skylake-X; torch 104 (`python -m benchmarks.gemm`).
"""

from typing import Any

from mlpctl.engines.kernel.compiled.compiling import U, apart, inner
from mlpctl.engines.kernel.compiled.pointers import number
from mlpctl.engines.kernel.compiled.scratch import VV, V
from mlpctl.engines.kernel.compiled.tiles import ROWS, pack_block, tile_of
from mlpctl.engines.kernel.compiled.vectors import fill, fma, load, store

_wide, _narrow = tile_of(ROWS, 2), tile_of(ROWS, 1)

PACK_FROM = 64
"""Rows from which packing pays: below, the columns are read where they are."""


@apart
def share(
    member: int, members: int, A: Any, a0: int, down: int, along: int, rows: int, depth: int, B: Any, b0: int,
    stride: int, flipped: bool, columns: int, C: Any, c0: int, width: int, base: Any, base0: int, base_stride: int,
    factor: Any, packed: Any,
) -> None:  # fmt: skip
    """Set a thread's share of the columns of C (rows, columns) to base + factor · A B.

    Args:
        member: number of the thread, from 0; its blocks of columns are as many apart as there are threads.
        members: threads that share the columns.
        A: A (rows, depth) begins at a0.
        a0: see A.
        down: distance from a row of A to the next.
        along: distance from a column of A to the next.
        rows: rows of A and C.
        depth: columns of A.
        B: B (depth, columns) begins at b0; if `flipped`, Bᵀ does.
        b0: see B.
        stride: distance from a row of B, or of Bᵀ, to the next.
        flipped: true if the rows of Bᵀ are stored.
        columns: columns of B and C, whole vectors; where flipped, so is depth.
        C: C begins at c0.
        c0: see C.
        width: distance from a row of C to the next.
        base: begins at base0; may be C itself.
        base0: see base.
        base_stride: distance from a row of base to the next; 0 adds one row to all.
        factor: factor of the product.
        packed: scratch, 2 W · depth numbers.
    """
    j = VV * member
    while j < columns:
        wide = j + VV <= columns
        b, at, step = B, b0 + j, stride
        if flipped or rows >= PACK_FROM:
            step = VV if wide else V
            if flipped:
                _pack_flipped(B, b0 + j * stride, stride, depth, step, packed)
            else:
                _pack(B, b0 + j, stride, depth, step, packed)
            b, at = packed, U(0)
        r = U(0)
        while r + U(ROWS) <= rows:
            a, c, s = a0 + r * down, c0 + r * width + j, base0 + r * base_stride + j
            if wide:
                _wide(A, a, down, along, depth, b, at, step, C, c, width, base, s, base_stride, factor)
            else:
                _narrow(A, a, down, along, depth, b, at, step, C, c, width, base, s, base_stride, factor)
            r += U(ROWS)
        while r < rows:
            a, c, s = a0 + r * down, c0 + r * width + j, base0 + r * base_stride + j
            _one(A, a, along, depth, b, at, step, C, c, base, s, factor)
            if wide:
                _one(A, a, along, depth, b, at + V, step, C, c + V, base, s + V, factor)
            r += U(1)
        j += VV * members


@inner
def _pack(B: Any, b0: int, stride: int, depth: int, width: int, packed: Any) -> None:
    """Copy `width` columns of B (depth rows), row after row."""
    for k in range(depth):
        for j in range(U(0), width, V):
            store(packed, k * width + j, load(B, b0 + k * stride + j))


@inner
def _pack_flipped(B: Any, b0: int, stride: int, depth: int, width: int, packed: Any) -> None:
    """Copy `width` rows of Bᵀ (each `depth` numbers) as columns, block by block."""
    for j in range(U(0), width, V):
        for k in range(U(0), depth, V):
            pack_block(B, b0 + j * stride + k, stride, packed, k * width + j, width)


@inner
def _one(
    A: Any, a: int, along: int, depth: int, B: Any, b: int, step: int, C: Any, c: int, base: Any, s: int, factor: Any
) -> None:
    even = odd = fill(number(C, 0))
    k = U(0)
    while k + U(2) <= depth:
        even, odd = fma(fill(A[a]), load(B, b), even), fma(fill(A[a + along]), load(B, b + step), odd)
        a += along + along
        b += step + step
        k += U(2)
    if k < depth:
        even = fma(fill(A[a]), load(B, b), even)
    f = fill(factor)
    store(C, c, fma(f, even, fma(f, odd, load(base, s))))
