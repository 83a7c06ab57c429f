"""Draw random numbers, sixteen at a time: `rng.philox` on vectors of eight counters."""

from typing import Any

from llvmlite import ir
from numba import types

from mlpctl.engines.kernel.compiled.compiling import emitted
from mlpctl.rng import MASK, philox

COUNTERS = 8
MASKED = 4 * COUNTERS
"""Numbers that `mask` sets: the words of eight counters."""

_WORD, _I32 = ir.IntType(64), ir.IntType(32)
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


def _alike(builder: Any, value: Any) -> _Words:
    vector = ir.Constant(_WORDS, ir.Undefined)
    for k in range(COUNTERS):
        vector = builder.insert_element(vector, value, _I32(k))
    return _Words(builder, vector) & MASK  # so that LLVM knows: a product of 32 bits is one instruction


def _words(builder: Any, first: Any, others: Any, key: Any) -> tuple[_Words, ...]:
    """Return word 0 to 3 of eight counters from `first` on."""
    counters = _alike(builder, first) + _Words(builder, ir.Constant(_WORDS, list(range(COUNTERS))))
    return philox(counters & MASK, *(_alike(builder, value) for value in (*others, *key)))


def _shuffled(builder: Any, one: Any, other: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(_I32, len(order)), order))


@emitted
def uniforms(typing: Any, numbers: Any, first: Any, stream: Any, low: Any, high: Any) -> Any:
    """Set numbers[0 : 16], float64, to the uniforms of eight counters from `first` on, see `mlpctl.rng.uniforms`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def doubles(words: _Words) -> Any:
            return builder.uitofp(words.value, _DOUBLES)

        def each(value: float) -> Any:
            return ir.Constant(_DOUBLES, [value] * COUNTERS)

        to, start, stream, *key = args
        none = ir.Constant(_WORD, 0)
        words = _words(builder, start, (none, stream, none), key)
        halves = []
        for one, other in (words[:2], words[2:]):
            whole = builder.fmul(doubles(one >> 5), each(67108864.0))
            whole = builder.fadd(whole, doubles(other >> 6))
            halves.append(builder.fmul(whole, each(2.0**-53)))
        mixed = _shuffled(
            builder, halves[0], halves[1], [place for k in range(COUNTERS) for place in (k, COUNTERS + k)]
        )
        builder.store(mixed, builder.bitcast(to, mixed.type.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(numbers, types.int64, types.int64, types.int64, types.int64), generate


@emitted
def mask(
    typing: Any, numbers: Any, k: Any, first: Any, epoch: Any, stream: Any, extra: Any, low: Any, high: Any, below: Any,
    kept: Any,
) -> Any:  # fmt: skip
    """Set numbers[k : k + 32] to 0 where a word of eight counters from `first` on is below a bound, else `kept`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to, place, start, epoch, stream, extra, low, high, below, kept = args
        short = [
            builder.trunc(word.value, ir.VectorType(_I32, COUNTERS))
            for word in _words(builder, start, (epoch, stream, extra), (low, high))
        ]
        in_turn = list(range(2 * COUNTERS))
        one, other = _shuffled(builder, short[0], short[1], in_turn), _shuffled(builder, short[2], short[3], in_turn)
        least, factor = builder.trunc(below, _I32), ir.VectorType(kept.type, 2 * COUNTERS)
        for half in range(2):
            order = [COUNTERS * word + c for c in range(4 * half, 4 * half + 4) for word in range(4)]
            words = _shuffled(builder, one, other, order)
            floor, alike = ir.Constant(words.type, ir.Undefined), ir.Constant(factor, ir.Undefined)
            for lane in range(2 * COUNTERS):
                floor = builder.insert_element(floor, least, _I32(lane))
                alike = builder.insert_element(alike, kept, _I32(lane))
            chosen = builder.select(builder.icmp_unsigned(">=", words, floor), alike, ir.Constant(factor, None))
            at = builder.gep(to, [builder.add(place, ir.Constant(_WORD, 2 * COUNTERS * half))])
            builder.store(chosen, builder.bitcast(at, factor.as_pointer()), align=numbers.dtype.bitwidth // 8)
        return context.get_dummy_value()

    word = types.int64
    return types.void(numbers, types.uint64, word, word, word, word, word, word, word, numbers.dtype), generate
