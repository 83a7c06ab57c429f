"""Define pointers to numbers, which compiled code passes around instead of arrays.

numba counts references to an array in every function that it is handed to, atomically, and hands it over as seven
values: 40 % of a step of a small network went there. A pointer is one value and keeps nothing alive; whoever calls
compiled code keeps the arrays whose addresses are in the block of arguments.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from mlpctl.engines.kernel.compiled.compiling import emitted

_INDEX = ir.IntType(64)


@emitted
def at(typing: Any, address: Any, dtype: Any) -> Any:
    """Return a pointer to the numbers of a dtype that lie at an address (int64); it is indexed like a flat array."""
    kind: Any = types.CPointer(dtype.instance_type)  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(kind))

    return kind(types.int64, dtype), generate


@emitted
def address(typing: Any, numbers: Any) -> Any:
    """Return the address of a pointer (int64)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], _INDEX)

    return types.int64(numbers), generate


@emitted
def moved(typing: Any, numbers: Any, k: Any) -> Any:
    """Return the pointer to numbers[k]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return numbers(numbers, types.uint64), generate


@emitted
def number(typing: Any, numbers: Any, value: Any) -> Any:
    """Return a value in the type of the numbers that a pointer points to."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.cast(builder, args[1], value, numbers.dtype)

    return numbers.dtype(numbers, value), generate


@emitted
def size_of(typing: Any, numbers: Any) -> Any:
    """Return the bytes of one of the numbers that a pointer points to."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(_INDEX, numbers.dtype.bitwidth // 8)

    return types.uint64(numbers), generate


@emitted
def taken(typing: Any, n: Any, dtype: Any) -> Any:
    """Return a pointer to n zeros of new memory; to address 0 where there is none. See `given_back`."""
    kind: Any = types.CPointer(dtype.instance_type)  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wanted = ir.FunctionType(ir.IntType(8).as_pointer(), [_INDEX, _INDEX])
        calloc = cgutils.get_or_insert_function(builder.module, wanted, "calloc")  # type: ignore[no-untyped-call]
        size = ir.Constant(_INDEX, dtype.instance_type.bitwidth // 8)
        return builder.bitcast(builder.call(calloc, [args[0], size]), context.get_value_type(kind))

    return kind(types.uint64, dtype), generate


@emitted
def given_back(typing: Any, numbers: Any) -> Any:
    """Free what `taken` returned."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wanted = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
        free = cgutils.get_or_insert_function(builder.module, wanted, "free")  # type: ignore[no-untyped-call]
        builder.call(free, [builder.bitcast(args[0], ir.IntType(8).as_pointer())])
        return context.get_dummy_value()

    return types.void(numbers), generate
