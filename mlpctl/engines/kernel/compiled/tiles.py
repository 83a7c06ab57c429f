"""Write out blocks of sums that stay in registers, of as many rows as the processor has registers for.

numba cannot unroll a loop whose length is a constant of this module. Here the loops over rows and vectors are Python's:
they run while the code is written, and leave one instruction for each multiplication and addition.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from mlpctl.engines.kernel.compiled.compiling import emitted
from mlpctl.engines.kernel.compiled.vectors import WIDTH, VectorType, add_up, fused, place_of, splat, transposed

ROWS = 8 if WIDTH == 16 else 6
"""Rows of a block of a product: two vectors of sums each, beside two of B and one of A, fill 32 or 16 registers."""

TOGETHER = WIDTH // 4
"""Rows whose input gradients are summed together: W sums, four of each row, become one vector."""

_INDEX = ir.IntType(64)


class _Numbers:
    """Numbers behind a pointer, read and written by index while code is written."""

    def __init__(self, context: Any, builder: Any, pointer: Any, dtype: Any) -> None:
        self.builder, self.pointer, self.align = builder, pointer, dtype.bitwidth // 8
        self.vector = context.get_value_type(VectorType(dtype))

    def one(self, k: Any) -> Any:
        """Return the number at k, W times."""
        return splat(self.builder, self.builder.load(self.builder.gep(self.pointer, [k])))

    def load(self, k: Any) -> Any:
        """Return the W numbers from k on."""
        return self.builder.load(self._at(k), align=self.align)

    def store(self, k: Any, vector: Any) -> None:
        """Set the W numbers from k on."""
        self.builder.store(vector, self._at(k), align=self.align)

    def _at(self, k: Any) -> Any:
        return place_of(self.builder, self.pointer, k, self.vector)


def _variable(builder: Any, value: Any) -> Any:
    """Return the place of a variable with a first value; LLVM keeps it in a register."""
    return cgutils.alloca_once_value(builder, value)  # type: ignore[no-untyped-call]


def tile_of(rows: int, vectors: int) -> Any:
    """Return the function that sets a block of C (rows, W · vectors) to base + factor · A B.

    Its arguments are those of `product.share`; a, b, c and s are where the block's parts of A, B, C and base begin.
    """

    @emitted
    def tile(
        typing: Any, A: Any, a: Any, down: Any, along: Any, depth: Any, B: Any, b: Any, step: Any, C: Any, c: Any,
        width: Any, base: Any, s: Any, base_stride: Any, factor: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            A_, a, down, along, depth, B_, b, step, C_, c, width, base_, s, base_stride, factor = args
            A, B, C, base = (_Numbers(context, builder, numbers, C_type) for numbers in (A_, B_, C_, base_))
            zero = ir.Constant(context.get_value_type(VectorType(C_type)), None)
            sums = [[_variable(builder, zero) for _ in range(vectors)] for _ in range(rows)]
            with cgutils.for_range(builder, depth, intp=_INDEX) as loop:
                row_of_b = builder.add(b, builder.mul(loop.index, step))
                right = [B.load(builder.add(row_of_b, _INDEX(WIDTH * v))) for v in range(vectors)]
                column = builder.add(a, builder.mul(loop.index, along))
                for r in range(rows):
                    x = A.one(builder.add(column, builder.mul(down, _INDEX(r))))
                    for v in range(vectors):
                        builder.store(fused(builder, x, right[v], builder.load(sums[r][v])), sums[r][v])
            scale = splat(builder, factor)
            for r in range(rows):
                for v in range(vectors):
                    to = builder.add(builder.add(c, builder.mul(width, _INDEX(r))), _INDEX(WIDTH * v))
                    at = builder.add(builder.add(s, builder.mul(base_stride, _INDEX(r))), _INDEX(WIDTH * v))
                    C.store(to, fused(builder, scale, builder.load(sums[r][v]), base.load(at)))
            return context.get_dummy_value()

        C_type = C.dtype
        index = types.uint64
        return types.void(
            A, index, index, index, index, B, index, index, C, index, index, base, index, index, factor
        ), generate

    return tile


@emitted
def input_gradients(
    typing: Any, theta: Any, w: Any, outputs: Any, delta: Any, d: Any, before: Any, e: Any, inputs: Any
) -> Any:
    """Set the gradients by four inputs of TOGETHER rows: delta (rows, outputs) times four rows of W (inputs, outputs).

    Args:
        typing: numba's.
        theta: W's first of the four rows begins at w.
        w: see theta.
        outputs: whole vectors.
        delta: the rows begin at d.
        d: see delta.
        before: set, from e on.
        e: see before.
        inputs: distance from a row of `before` to the next.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        theta_, w, outputs, delta_, d, before_, e, inputs = args
        weights, deltas = (_Numbers(context, builder, numbers, dtype) for numbers in (theta_, delta_))
        zero = ir.Constant(context.get_value_type(VectorType(dtype)), None)
        sums = [[_variable(builder, zero) for _ in range(4)] for _ in range(TOGETHER)]
        with cgutils.for_range_slice(builder, _INDEX(0), outputs, _INDEX(WIDTH), intp=_INDEX) as (j, _):
            rows = [
                deltas.load(builder.add(builder.add(d, j), builder.mul(outputs, _INDEX(r)))) for r in range(TOGETHER)
            ]
            for i in range(4):
                weight = weights.load(builder.add(builder.add(w, j), builder.mul(outputs, _INDEX(i))))
                for r in range(TOGETHER):
                    builder.store(fused(builder, rows[r], weight, builder.load(sums[r][i])), sums[r][i])
        summed = add_up(builder, [builder.load(sums[r][i]) for r in range(TOGETHER) for i in range(4)])
        four = ir.VectorType(zero.type.element, 4)
        for r in range(TOGETHER):
            mask = ir.Constant(ir.VectorType(ir.IntType(32), 4), [ir.IntType(32)(4 * r + lane) for lane in range(4)])
            part = builder.shuffle_vector(summed, ir.Constant(summed.type, ir.Undefined), mask)
            at = place_of(builder, before_, builder.add(e, builder.mul(inputs, _INDEX(r))), four)
            builder.store(part, at, align=dtype.bitwidth // 8)
        return context.get_dummy_value()

    dtype, index = theta.dtype, types.uint64
    return types.void(theta, index, index, delta, index, before, index, index), generate


@emitted
def pack_block(typing: Any, B: Any, b: Any, stride: Any, packed: Any, at: Any, width: Any) -> Any:
    """Copy a block of W × W numbers and turn it: rows of B, `stride` apart, become columns of rows `width` apart."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        B_, b, stride, packed_, at, width = args
        source, to = (_Numbers(context, builder, numbers, dtype) for numbers in (B_, packed_))
        rows = [source.load(builder.add(b, builder.mul(stride, _INDEX(r)))) for r in range(WIDTH)]
        for r, row in enumerate(transposed(builder, rows)):
            to.store(builder.add(at, builder.mul(width, _INDEX(r))), row)
        return context.get_dummy_value()

    dtype, index = B.dtype, types.uint64
    return types.void(B, index, index, packed, index, index), generate
