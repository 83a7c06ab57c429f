"""Pointers to the numbers of arrays: what compiled code passes around instead of arrays.

numba counts references to an array in every function that it is handed to, atomically, and hands it over as seven
values: 40 % of a step of a small network went there. A pointer is one value and keeps nothing alive; whoever takes one
keeps the array (`keep`) until nobody uses the pointer any more.
"""

from typing import Any

from numba import types

from mlpctl.engine.kernel.compiling import emitted


@emitted
def pointer(typing: Any, array: Any) -> Any:
    """Return a pointer to the first number of an array; it is indexed like the flat array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(array)(context, builder, args[0]).data

    kind: Any = types.CPointer(array.dtype)  # type: ignore[no-untyped-call]
    return kind(array), generate


@emitted
def moved(typing: Any, numbers: Any, k: Any) -> Any:
    """Return the pointer to numbers[k]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return numbers(numbers, types.uint64), generate


@emitted
def keep(typing: Any, array: Any) -> Any:
    """Do nothing with an array, which is not freed before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_dummy_value()

    return types.void(array), generate


@emitted
def number(typing: Any, numbers: Any, value: Any) -> Any:
    """Return a value in the type of the numbers that a pointer points to."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.cast(builder, args[1], value, numbers.dtype)

    return numbers.dtype(numbers, value), generate
