"""Matrix products of compiled code, for minibatches of 16 rows and more.

Eight rows of 32 columns are summed at a time, in 16 registers; the columns are packed first, so that all blocks of
eight rows read them in order from the nearest caches (Goto and van de Geijn 2008, without the outer levels: a layer's
matrices fit the second-level cache). What comes after a product, a bias or a step of SGD, is done with the sums at
hand.

One core of a Zen 5, 256×784 · 784×256 in float32, GFLOP/s: here 240; OpenBLAS 124 with its kernels for Haswell, 232
with those for Skylake-X; torch 104 (`python -m benchmarks.gemm`).
"""

from typing import Any

from mlpctl.engines.kernel.compiled.compiling import U, apart, inner
from mlpctl.engines.kernel.compiled.pointers import moved, number
from mlpctl.engines.kernel.compiled.scratch import VV, V
from mlpctl.engines.kernel.compiled.vectors import fill, fma, load, store, transposed

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
        packed: scratch, 32 · depth numbers.
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
        while r + U(8) <= rows:
            a, c, s = a0 + r * down, c0 + r * width + j, base0 + r * base_stride + j
            if wide:
                _eight_wide(A, a, down, along, depth, b, at, step, C, c, width, base, s, base_stride, factor)
            else:
                _eight(A, a, down, along, depth, b, at, step, C, c, width, base, s, base_stride, factor)
            r += U(8)
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
    """Copy `width` rows of Bᵀ (each `depth` numbers) as columns, in blocks of 16 × 16."""
    for j in range(U(0), width, V):
        for k in range(U(0), depth, V):
            b = b0 + j * stride + k
            block = transposed(
                (
                    load(B, b), load(B, b + stride), load(B, b + U(2) * stride), load(B, b + U(3) * stride),
                    load(B, b + U(4) * stride), load(B, b + U(5) * stride), load(B, b + U(6) * stride),
                    load(B, b + U(7) * stride), load(B, b + U(8) * stride), load(B, b + U(9) * stride),
                    load(B, b + U(10) * stride), load(B, b + U(11) * stride), load(B, b + U(12) * stride),
                    load(B, b + U(13) * stride), load(B, b + U(14) * stride), load(B, b + U(15) * stride),
                )
            )  # fmt: skip
            for row in range(16):
                store(packed, (k + U(row)) * width + j, block[row])


@inner
def _eight_wide(
    A: Any, a: int, down: int, along: int, depth: int, B: Any, b: int, step: int, C: Any, c: int, width: int, base: Any,
    s: int, base_stride: int, factor: Any,
) -> None:  # fmt: skip
    c0 = c1 = c2 = c3 = c4 = c5 = c6 = c7 = d0 = d1 = d2 = d3 = d4 = d5 = d6 = d7 = fill(number(C, 0))
    A4, twice = moved(A, U(4) * down), U(2) * down
    thrice = twice + down
    for _ in range(depth):
        p, q = load(B, b), load(B, b + V)
        x = fill(A[a])
        c0, d0 = fma(x, p, c0), fma(x, q, d0)
        x = fill(A[a + down])
        c1, d1 = fma(x, p, c1), fma(x, q, d1)
        x = fill(A[a + twice])
        c2, d2 = fma(x, p, c2), fma(x, q, d2)
        x = fill(A[a + thrice])
        c3, d3 = fma(x, p, c3), fma(x, q, d3)
        x = fill(A4[a])
        c4, d4 = fma(x, p, c4), fma(x, q, d4)
        x = fill(A4[a + down])
        c5, d5 = fma(x, p, c5), fma(x, q, d5)
        x = fill(A4[a + twice])
        c6, d6 = fma(x, p, c6), fma(x, q, d6)
        x = fill(A4[a + thrice])
        c7, d7 = fma(x, p, c7), fma(x, q, d7)
        a += along
        b += step
    f = fill(factor)
    _put(C, c, base, s, f, c0, d0)
    _put(C, c + width, base, s + base_stride, f, c1, d1)
    _put(C, c + U(2) * width, base, s + U(2) * base_stride, f, c2, d2)
    _put(C, c + U(3) * width, base, s + U(3) * base_stride, f, c3, d3)
    _put(C, c + U(4) * width, base, s + U(4) * base_stride, f, c4, d4)
    _put(C, c + U(5) * width, base, s + U(5) * base_stride, f, c5, d5)
    _put(C, c + U(6) * width, base, s + U(6) * base_stride, f, c6, d6)
    _put(C, c + U(7) * width, base, s + U(7) * base_stride, f, c7, d7)


@inner
def _put(C: Any, c: int, base: Any, s: int, factor: Any, left: Any, right: Any) -> None:
    store(C, c, fma(factor, left, load(base, s)))
    store(C, c + V, fma(factor, right, load(base, s + V)))


@inner
def _eight(
    A: Any, a: int, down: int, along: int, depth: int, B: Any, b: int, step: int, C: Any, c: int, width: int, base: Any,
    s: int, base_stride: int, factor: Any,
) -> None:  # fmt: skip
    c0 = c1 = c2 = c3 = c4 = c5 = c6 = c7 = fill(number(C, 0))
    A4, twice = moved(A, U(4) * down), U(2) * down
    thrice = twice + down
    for _ in range(depth):
        p = load(B, b)
        c0, c1 = fma(fill(A[a]), p, c0), fma(fill(A[a + down]), p, c1)
        c2, c3 = fma(fill(A[a + twice]), p, c2), fma(fill(A[a + thrice]), p, c3)
        c4, c5 = fma(fill(A4[a]), p, c4), fma(fill(A4[a + down]), p, c5)
        c6, c7 = fma(fill(A4[a + twice]), p, c6), fma(fill(A4[a + thrice]), p, c7)
        a += along
        b += step
    f = fill(factor)
    store(C, c, fma(f, c0, load(base, s)))
    store(C, c + width, fma(f, c1, load(base, s + base_stride)))
    store(C, c + U(2) * width, fma(f, c2, load(base, s + U(2) * base_stride)))
    store(C, c + U(3) * width, fma(f, c3, load(base, s + U(3) * base_stride)))
    store(C, c + U(4) * width, fma(f, c4, load(base, s + U(4) * base_stride)))
    store(C, c + U(5) * width, fma(f, c5, load(base, s + U(5) * base_stride)))
    store(C, c + U(6) * width, fma(f, c6, load(base, s + U(6) * base_stride)))
    store(C, c + U(7) * width, fma(f, c7, load(base, s + U(7) * base_stride)))


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
