"""Define vectors of 16 numbers as values in compiled code, and the operations on them.

numba turns loops into vectors only where it can show that nothing overlaps, asks at run time where it cannot, and never
keeps a block of sums in registers over two loops. LLVM has the type; here are the few operations on it that the small
layers need. A processor without 512-bit registers gets the same operations in halves or quarters.
"""

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model

from mlpctl.engines.kernel.compiled.compiling import emitted

WIDTH = 16
_INDEX, _I32 = ir.IntType(64), ir.IntType(32)


class VectorType(types.Type):
    """16 numbers of a dtype."""

    def __init__(self, dtype: Any) -> None:
        """Name the type by its dtype."""
        self.dtype = dtype
        super().__init__(name=f"vector16({dtype})")


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        element = ir.DoubleType() if fe_type.dtype == types.float64 else ir.FloatType()
        super().__init__(dmm, fe_type, ir.VectorType(element, WIDTH))  # type: ignore[no-untyped-call]


def _vector(context: Any, vector: Any) -> Any:
    return context.get_value_type(vector)


def _splat(builder: Any, value: Any, width: int = WIDTH) -> Any:
    kind = ir.VectorType(value.type, width)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _I32(0))
    zeros = ir.Constant(ir.VectorType(_I32, width), [_I32(0)] * width)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _place(builder: Any, numbers: Any, k: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(numbers, [k]), kind.as_pointer())


def _rows(builder: Any, vectors: Any) -> list[Any]:
    return list(cgutils.unpack_tuple(builder, vectors, WIDTH))  # type: ignore[no-untyped-call]


def _suffix(kind: Any) -> str:
    return f"v{kind.count}{kind.element.intrinsic_name}"


def _call(builder: Any, name: str, result: Any, args: Any) -> Any:
    kind = ir.FunctionType(result, [arg.type for arg in args])
    function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return builder.call(function, args)


@emitted
def load(typing: Any, numbers: Any, k: Any) -> Any:
    """Return numbers[k : k + 16]."""
    result = VectorType(numbers.dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(builder, args[0], args[1], _vector(context, result))
        return builder.load(place, align=numbers.dtype.bitwidth // 8)

    return result(numbers, types.uint64), generate


@emitted
def store(typing: Any, numbers: Any, k: Any, vector: Any) -> Any:
    """Set numbers[k : k + 16]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(builder, args[0], args[1], _vector(context, vector))
        builder.store(args[2], place, align=numbers.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(numbers, types.uint64, vector), generate


@emitted
def store_fours(typing: Any, numbers: Any, k: Any, stride: Any, vector: Any) -> Any:
    """Set numbers[k : k + 4] and three more such pieces, a stride apart each."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(_vector(context, vector).element, 4)
        for piece in range(4):
            mask = ir.Constant(ir.VectorType(_I32, 4), [_I32(4 * piece + lane) for lane in range(4)])
            part = builder.shuffle_vector(args[3], ir.Constant(args[3].type, ir.Undefined), mask)
            at = builder.add(args[1], builder.mul(args[2], _INDEX(piece)))
            place = _place(builder, args[0], at, kind)
            builder.store(part, place, align=numbers.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(numbers, types.uint64, types.uint64, vector), generate


@emitted
def fill(typing: Any, value: Any) -> Any:
    """Return 16 times the same number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(builder, args[0])

    return VectorType(value)(value), generate


def _operation(instruction: str) -> Any:
    @emitted
    def operation(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(args[0], args[1], flags=("reassoc", "contract", "nsz", "arcp", "afn"))

        return a(a, b), generate

    return operation


add, sub, mul, div = (_operation(name) for name in ("fadd", "fsub", "fmul", "fdiv"))


@emitted
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a · b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = _vector(context, a)
        return _call(builder, f"llvm.fma.{_suffix(kind)}", kind, args)

    return a(a, b, c), generate


@emitted
def root(typing: Any, a: Any) -> Any:
    """Return the square roots."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = _vector(context, a)
        return _call(builder, f"llvm.sqrt.{_suffix(kind)}", kind, args)

    return a(a), generate


@emitted
def where_positive(typing: Any, condition: Any, a: Any) -> Any:
    """Return `a` where the condition is > 0, else 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zero = ir.Constant(_vector(context, a), None)
        return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], zero)

    return a(condition, a), generate


@emitted
def not_negative(typing: Any, a: Any) -> Any:
    """Return max(a, 0); a NaN stays one."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zero = ir.Constant(_vector(context, a), None)
        return builder.select(builder.fcmp_ordered("<", args[0], zero), zero, args[0])

    return a(a), generate


_PAIRS = [[q + k for q in (0, 4, 8, 12) for k in half] for half in ((0, 16, 1, 17), (2, 18, 3, 19))]
_FOURS = [[q + k for q in (0, 4, 8, 12) for k in half] for half in ((0, 1, 16, 17), (2, 3, 18, 19))]
_LANES = [[q + k for q in half for k in range(4)] for half in ((0, 8, 16, 24), (4, 12, 20, 28))]


@emitted
def larger(typing: Any, a: Any, b: Any) -> Any:
    """Return the larger of each two numbers; a NaN does not count."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = _vector(context, a)
        return _call(builder, f"llvm.maxnum.{_suffix(kind)}", kind, args)

    return a(a, b), generate


@emitted
def sums(typing: Any, vectors: Any) -> Any:
    """Return the sums of 16 vectors as one: added up in a tree, 15 additions instead of 64."""
    kind = vectors.dtype

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows = _rows(builder, args[0])
        for pick in (_PAIRS, _FOURS, _LANES, _LANES):
            masks = [ir.Constant(ir.VectorType(_I32, WIDTH), [_I32(k) for k in m]) for m in pick]
            rows = [
                builder.fadd(*(builder.shuffle_vector(a, b, m) for m in masks))
                for a, b in zip(rows[::2], rows[1::2], strict=True)
            ]
        return rows[0]

    return kind(vectors), generate


@emitted
def sum_of(typing: Any, vector: Any) -> Any:
    """Return the sum of a vector's numbers."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        row = args[0]
        for half in (8, 4, 2, 1):
            mask = ir.Constant(ir.VectorType(_I32, WIDTH), [_I32((k + half) % WIDTH) for k in range(WIDTH)])
            row = builder.fadd(row, builder.shuffle_vector(row, row, mask))
        return builder.extract_element(row, _I32(0))

    return vector.dtype(vector), generate


@emitted
def top_of(typing: Any, vector: Any) -> Any:
    """Return the largest of a vector's numbers; NaNs do not count."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        row = args[0]
        for half in (8, 4, 2, 1):
            mask = ir.Constant(ir.VectorType(_I32, WIDTH), [_I32((k + half) % WIDTH) for k in range(WIDTH)])
            row = _call(
                builder, f"llvm.maxnum.{_suffix(row.type)}", row.type, [row, builder.shuffle_vector(row, row, mask)]
            )
        return builder.extract_element(row, _I32(0))

    return vector.dtype(vector), generate


@emitted
def first(typing: Any, n: Any, a: Any, rest: Any) -> Any:
    """Return the first n numbers of `a`, and of `rest` what comes after."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        numbers = ir.Constant(ir.VectorType(_INDEX, WIDTH), [_INDEX(k) for k in range(WIDTH)])
        return builder.select(builder.icmp_unsigned("<", numbers, _splat(builder, args[0])), args[1], args[2])

    return a(types.uint64, a, a), generate


def _exponential(builder: Any, x: Any, *, less_one: bool) -> Any:
    """Return e^x, or e^x - 1, within about one unit in the last place.

    With x = n ln 2 + r and |r| <= ln 2 / 2, the Taylor series of e^r - 1 is scaled by 2^n; so e^x - 1 keeps its digits
    where it is small.
    """
    kind = x.type
    double = isinstance(kind.element, ir.DoubleType)
    terms, bits, mantissa, bias = (14, 64, 52, 1023) if double else (8, 32, 23, 127)
    least, most = (-708.0, 709.0) if double else (-87.0, 88.0)
    high, low = 0.693145751953125, 1.428606820309417232e-6  # ln 2 in two: n · high is exact
    whole = ir.VectorType(ir.IntType(bits), WIDTH)

    def constant(value: float) -> Any:
        return ir.Constant(kind, [ir.Constant(kind.element, value)] * WIDTH)

    def call(name: str, *given: Any) -> Any:
        return _call(builder, f"llvm.{name}.{_suffix(kind)}", kind, given)

    within = call("minnum", call("maxnum", x, constant(least)), constant(most))
    n = call("rint", builder.fmul(within, constant(1 / math.log(2))))
    r = call("fma", n, constant(-low), call("fma", n, constant(-high), within))
    series = constant(1 / math.factorial(terms))
    for k in range(terms - 1, 0, -1):
        series = call("fma", series, r, constant(1 / math.factorial(k)))
    series = builder.fmul(series, r)
    exponent = builder.add(builder.fptosi(n, whole), ir.Constant(whole, [whole.element(bias)] * WIDTH))
    power = builder.bitcast(builder.shl(exponent, ir.Constant(whole, [whole.element(mantissa)] * WIDTH)), kind)
    rest = builder.fsub(power, constant(1.0)) if less_one else power
    result = call("fma", series, power, rest)
    result = builder.select(builder.fcmp_ordered("<", x, constant(least)), constant(-1.0 if less_one else 0.0), result)
    result = builder.select(builder.fcmp_ordered(">", x, constant(most)), constant(math.inf), result)
    return builder.select(builder.fcmp_unordered("uno", x, x), x, result)


@emitted
def exponential(typing: Any, vector: Any) -> Any:
    """Return e^x."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _exponential(builder, args[0], less_one=False)

    return vector(vector), generate


@emitted
def exponential_less_one(typing: Any, vector: Any) -> Any:
    """Return e^x - 1."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _exponential(builder, args[0], less_one=True)

    return vector(vector), generate


@emitted
def magnitude(typing: Any, a: Any) -> Any:
    """Return |a|."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(builder, f"llvm.fabs.{_suffix(args[0].type)}", args[0].type, args)

    return a(a), generate


@emitted
def with_sign(typing: Any, a: Any, sign: Any) -> Any:
    """Return |a| with the signs of the other vector."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(builder, f"llvm.copysign.{_suffix(args[0].type)}", args[0].type, args)

    return a(a, sign), generate


@emitted
def transposed(typing: Any, vectors: Any) -> Any:
    """Return the columns of 16 vectors as 16 vectors: pairs are swapped 1, 2, 4 and 8 apart."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows = _rows(builder, args[0])
        for step in (1, 2, 4, 8):
            upper = [k if not k & step else k - step + WIDTH for k in range(WIDTH)]
            lower = [k + step if not k & step else k + WIDTH for k in range(WIDTH)]
            masks = [ir.Constant(ir.VectorType(_I32, WIDTH), [_I32(k) for k in mask]) for mask in (upper, lower)]
            for k in range(WIDTH):
                if not k & step:
                    a, b = rows[k], rows[k + step]
                    rows[k], rows[k + step] = (builder.shuffle_vector(a, b, mask) for mask in masks)
        return context.make_tuple(builder, vectors, rows)

    return vectors(vectors), generate
