"""Define vectors as values in compiled code, and the operations on them: as wide as the processor's, see `processor`.

numba turns loops into vectors only where it can show that nothing overlaps, asks at run time where it cannot, and never
keeps a block of sums in registers over two loops. LLVM has the type; here are the few operations on it that the small
layers need. W below is WIDTH; float64 vectors have as many numbers, in two registers.
"""

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model

from mlpctl.engines.kernel.compiled.compiling import emitted
from mlpctl.engines.kernel.processor import vector_width

WIDTH = vector_width()
_INDEX, _I32 = ir.IntType(64), ir.IntType(32)


class VectorType(types.Type):
    """W numbers of a dtype."""

    def __init__(self, dtype: Any) -> None:
        """Name the type by its dtype."""
        self.dtype = dtype
        super().__init__(name=f"vector{WIDTH}({dtype})")


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        element = ir.DoubleType() if fe_type.dtype == types.float64 else ir.FloatType()
        super().__init__(dmm, fe_type, ir.VectorType(element, WIDTH))  # type: ignore[no-untyped-call]


def _vector(context: Any, vector: Any) -> Any:
    return context.get_value_type(vector)


def splat(builder: Any, value: Any, width: int = WIDTH) -> Any:
    """Return a number, `width` times."""
    kind = ir.VectorType(value.type, width)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _I32(0))
    zeros = ir.Constant(ir.VectorType(_I32, width), [_I32(0)] * width)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def place_of(builder: Any, numbers: Any, k: Any, kind: Any) -> Any:
    """Return the pointer to numbers[k] as one to a vector of a kind."""
    return builder.bitcast(builder.gep(numbers, [k]), kind.as_pointer())


def _suffix(kind: Any) -> str:
    return f"v{kind.count}{kind.element.intrinsic_name}"


def call_llvm(builder: Any, name: str, result: Any, args: Any) -> Any:
    """Return the result of a function of LLVM's, which is declared on first use."""
    kind = ir.FunctionType(result, [arg.type for arg in args])
    function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return builder.call(function, args)


def fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a · b + c, rounded once where the processor has an instruction for it."""
    return call_llvm(builder, f"llvm.fmuladd.{_suffix(a.type)}", a.type, (a, b, c))


@emitted
def load(typing: Any, numbers: Any, k: Any) -> Any:
    """Return numbers[k : k + W]."""
    result = VectorType(numbers.dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = place_of(builder, args[0], args[1], _vector(context, result))
        return builder.load(place, align=numbers.dtype.bitwidth // 8)

    return result(numbers, types.uint64), generate


@emitted
def store(typing: Any, numbers: Any, k: Any, vector: Any) -> Any:
    """Set numbers[k : k + W]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = place_of(builder, args[0], args[1], _vector(context, vector))
        builder.store(args[2], place, align=numbers.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(numbers, types.uint64, vector), generate


@emitted
def fill(typing: Any, value: Any) -> Any:
    """Return W times the same number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return splat(builder, args[0])

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
    """Return a · b + c, rounded once where the processor has an instruction for it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return fused(builder, *args)

    return a(a, b, c), generate


@emitted
def root(typing: Any, a: Any) -> Any:
    """Return the square roots."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = _vector(context, a)
        return call_llvm(builder, f"llvm.sqrt.{_suffix(kind)}", kind, args)

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


_HALVES = [1 << k for k in reversed(range(WIDTH.bit_length() - 1))]
_QUARTERS = range(0, WIDTH, 4)
_PAIRS = [[q + k for q in _QUARTERS for k in half] for half in ((0, WIDTH, 1, WIDTH + 1), (2, WIDTH + 2, 3, WIDTH + 3))]
_FOURS = [[q + k for q in _QUARTERS for k in half] for half in ((0, 1, WIDTH, WIDTH + 1), (2, 3, WIDTH + 2, WIDTH + 3))]
_LANES = [[q + k for q in range(first, 2 * WIDTH, 8) for k in range(4)] for first in (0, 4)]
"""Positions of two vectors side by side: the two lists of each name are added. After all steps a number is a sum."""


@emitted
def larger(typing: Any, a: Any, b: Any) -> Any:
    """Return the larger of each two numbers; a NaN does not count."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = _vector(context, a)
        return call_llvm(builder, f"llvm.maxnum.{_suffix(kind)}", kind, args)

    return a(a, b), generate


def add_up(builder: Any, rows: list[Any]) -> Any:
    """Return the sums of W vectors as one, added up in a tree."""
    for pick in (_PAIRS, _FOURS, *[_LANES] * (WIDTH // 8)):
        masks = [ir.Constant(ir.VectorType(_I32, WIDTH), [_I32(k) for k in m]) for m in pick]
        rows = [
            builder.fadd(*(builder.shuffle_vector(a, b, m) for m in masks))
            for a, b in zip(rows[::2], rows[1::2], strict=True)
        ]
    return rows[0]


@emitted
def sum_of(typing: Any, vector: Any) -> Any:
    """Return the sum of a vector's numbers."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        row = args[0]
        for half in _HALVES:
            mask = ir.Constant(ir.VectorType(_I32, WIDTH), [_I32((k + half) % WIDTH) for k in range(WIDTH)])
            row = builder.fadd(row, builder.shuffle_vector(row, row, mask))
        return builder.extract_element(row, _I32(0))

    return vector.dtype(vector), generate


@emitted
def top_of(typing: Any, vector: Any) -> Any:
    """Return the largest of a vector's numbers; NaNs do not count."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        row = args[0]
        for half in _HALVES:
            mask = ir.Constant(ir.VectorType(_I32, WIDTH), [_I32((k + half) % WIDTH) for k in range(WIDTH)])
            row = call_llvm(
                builder, f"llvm.maxnum.{_suffix(row.type)}", row.type, [row, builder.shuffle_vector(row, row, mask)]
            )
        return builder.extract_element(row, _I32(0))

    return vector.dtype(vector), generate


@emitted
def first(typing: Any, n: Any, a: Any, rest: Any) -> Any:
    """Return the first n numbers of `a`, and of `rest` what comes after."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        numbers = ir.Constant(ir.VectorType(_INDEX, WIDTH), [_INDEX(k) for k in range(WIDTH)])
        return builder.select(builder.icmp_unsigned("<", numbers, splat(builder, args[0])), args[1], args[2])

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
        return call_llvm(builder, f"llvm.{name}.{_suffix(kind)}", kind, given)

    within = call("minnum", call("maxnum", x, constant(least)), constant(most))
    n = call("rint", builder.fmul(within, constant(1 / math.log(2))))
    r = call("fmuladd", n, constant(-low), call("fma", n, constant(-high), within))
    series = constant(1 / math.factorial(terms))
    for k in range(terms - 1, 0, -1):
        series = call("fmuladd", series, r, constant(1 / math.factorial(k)))
    series = builder.fmul(series, r)
    exponent = builder.add(builder.fptosi(n, whole), ir.Constant(whole, [whole.element(bias)] * WIDTH))
    power = builder.bitcast(builder.shl(exponent, ir.Constant(whole, [whole.element(mantissa)] * WIDTH)), kind)
    rest = builder.fsub(power, constant(1.0)) if less_one else power
    result = call("fmuladd", series, power, rest)
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
        return call_llvm(builder, f"llvm.fabs.{_suffix(args[0].type)}", args[0].type, args)

    return a(a), generate


@emitted
def with_sign(typing: Any, a: Any, sign: Any) -> Any:
    """Return |a| with the signs of the other vector."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return call_llvm(builder, f"llvm.copysign.{_suffix(args[0].type)}", args[0].type, args)

    return a(a, sign), generate


def transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Return the columns of W vectors as W vectors: pairs are swapped 1, 2, … W / 2 apart."""
    rows = list(rows)
    for step in reversed(_HALVES):
        upper = [k if not k & step else k - step + WIDTH for k in range(WIDTH)]
        lower = [k + step if not k & step else k + WIDTH for k in range(WIDTH)]
        masks = [ir.Constant(ir.VectorType(_I32, WIDTH), [_I32(k) for k in mask]) for mask in (upper, lower)]
        for k in range(WIDTH):
            if not k & step:
                a, b = rows[k], rows[k + step]
                rows[k], rows[k + step] = (builder.shuffle_vector(a, b, mask) for mask in masks)
    return rows
