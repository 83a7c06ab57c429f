"""Flush denormal numbers to zero while compiled code runs: a processor takes a hundred cycles for each.

They come with training: first moments of Adam that nothing feeds any more shrink through them. What is flushed is below
1e-38 in float32, far below what rounding does to a sum.
"""

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from mlpctl.engines.kernel.compiled.compiling import emitted

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_ON_X86 = platform.machine().lower() in ("x86_64", "amd64")
_ON_ARM = platform.machine().lower() in ("aarch64", "arm64")

FLUSH = 0x8040 if _ON_X86 else 1 << 24
"""Bits of the control register: x86's MXCSR (results, and what is read), Arm's FPCR (both)."""


@emitted
def flush_denormals(typing: Any) -> Any:
    """Make this thread flush denormals; return what its control register was."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        before = _read(builder)
        _write(builder, builder.or_(before, _I64(FLUSH)))
        return before

    return types.int64(), generate


@emitted
def set_control(typing: Any, before: Any) -> Any:
    """Set this thread's control register to what `flush_denormals` returned."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _write(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _read(builder: Any) -> Any:
    if _ON_X86:
        place = cgutils.alloca_once(builder, _I32)  # type: ignore[no-untyped-call]
        _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), place)
        return builder.zext(builder.load(place), _I64)
    return _call(builder, "llvm.aarch64.get.fpcr", _I64) if _ON_ARM else _I64(0)


def _write(builder: Any, value: Any) -> None:
    if _ON_X86:
        place = cgutils.alloca_once_value(builder, builder.trunc(value, _I32))  # type: ignore[no-untyped-call]
        _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), place)
    elif _ON_ARM:
        _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), value)


def _call(builder: Any, name: str, result: Any, *args: Any) -> Any:
    given = [builder.bitcast(arg, ir.IntType(8).as_pointer()) if arg.type.is_pointer else arg for arg in args]
    kind = ir.FunctionType(result, [arg.type for arg in given])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), given)  # type: ignore[no-untyped-call]
