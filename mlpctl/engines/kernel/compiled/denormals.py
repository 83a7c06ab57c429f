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
from mlpctl.engines.kernel.compiled.vectors import call_llvm

_I32, _I64, _BYTES = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()
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
        call_llvm(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), [builder.bitcast(place, _BYTES)])
        return builder.zext(builder.load(place), _I64)
    return call_llvm(builder, "llvm.aarch64.get.fpcr", _I64, []) if _ON_ARM else _I64(0)


def _write(builder: Any, value: Any) -> None:
    if _ON_X86:
        place = cgutils.alloca_once_value(builder, builder.trunc(value, _I32))  # type: ignore[no-untyped-call]
        call_llvm(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), [builder.bitcast(place, _BYTES)])
    elif _ON_ARM:
        call_llvm(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), [value])
