"""Random numbers, sixteen at a time: `rng.philox` on vectors of eight counters, a quarter of the time of one by one."""

from typing import Any

from llvmlite import ir
from numba import types

from mlpctl.engine.kernel.compiled.compiling import emitted
from mlpctl.rng import MASK, philox

COUNTERS = 8
_WORD, _INDEX = ir.IntType(64), ir.IntType(32)
_WORDS = ir.VectorType(_WORD, COUNTERS)
_DOUBLES = ir.VectorType(ir.DoubleType(), COUNTERS)


class _Words:
    """A vector of integers that is being written out: what is done to it becomes its instructions."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _with(self, operation: str, other: Any) -> "_Words":
        operand = other.value if isinstance(other, _Words) else ir.Constant(_WORDS, [int(other)] * COUNTERS)
        return _Words(self.builder, getattr(self.builder, operation)(self.value, operand))

    def __add__(self, other: Any) -> "_Words":
        return self._with("add", other)

    def __mul__(self, other: Any) -> "_Words":
        return self._with("mul", other)

    def __and__(self, other: Any) -> "_Words":
        return self._with("and_", other)

    def __xor__(self, other: Any) -> "_Words":
        return self._with("xor", other)

    def __rshift__(self, other: Any) -> "_Words":
        return self._with("lshr", other)


@emitted
def uniforms(typing: Any, numbers: Any, first: Any, stream: Any, low: Any, high: Any) -> Any:
    """Set numbers[0 : 16], float64, to the uniforms of eight counters from `first` on, see `mlpctl.rng.uniforms`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def alike(value: Any) -> _Words:
            vector = ir.Constant(_WORDS, ir.Undefined)
            for k in range(COUNTERS):
                vector = builder.insert_element(vector, value, _INDEX(k))
            return _Words(builder, vector) & MASK  # so that LLVM knows: products of 32 bits are one instruction

        def doubles(words: _Words) -> Any:
            return builder.uitofp(words.value, _DOUBLES)

        def each(value: float) -> Any:
            return ir.Constant(_DOUBLES, [value] * COUNTERS)

        to, start, stream, low, high = args
        counters = alike(start) + _Words(builder, ir.Constant(_WORDS, list(range(COUNTERS))))
        none = _Words(builder, ir.Constant(_WORDS, [0] * COUNTERS))
        words = philox(counters & MASK, none, alike(stream), none, alike(low), alike(high))
        halves = []
        for one, other in (words[:2], words[2:]):
            whole = builder.fmul(doubles(one >> 5), each(67108864.0))
            whole = builder.fadd(whole, doubles(other >> 6))
            halves.append(builder.fmul(whole, each(2.0**-53)))
        order = [place for k in range(COUNTERS) for place in (k, COUNTERS + k)]
        mixed = builder.shuffle_vector(*halves, ir.Constant(ir.VectorType(_INDEX, 2 * COUNTERS), order))
        builder.store(mixed, builder.bitcast(to, mixed.type.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(numbers, types.int64, types.int64, types.int64, types.int64), generate
