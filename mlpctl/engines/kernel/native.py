"""Load compiled functions as machine code from the cache, or compile them where they are not there.

numba takes 0.8 s to be imported and to load a function of its own cache; machine code takes 2 ms.
"""

import ctypes
import threading
from array import array
from collections.abc import Callable
from typing import Any

from mlpctl.engines.kernel.cache import compiled_with, path_of, stored_bytes, unpacked
from mlpctl.engines.kernel.compilation import finish

Native = Callable[..., int]

_functions: dict[str, Native] = {}
_engines: list[Any] = []
_loading = threading.Lock()


def native_function(name: str) -> Native:
    """Return a compiled function by name: `orders`, or as `cache` names them; it takes the entries of its block.

    Raises:
        DeviceError: if it is not in the cache and cannot be compiled.
    """
    known = _functions.get(name)
    if known is None:
        with _loading:
            known = _functions.get(name) or _functions.setdefault(name, _loaded(name))
    return known


def _loaded(name: str) -> Native:
    path = path_of(name)
    kept = unpacked(stored_bytes(path))
    if kept is None:
        path.unlink(missing_ok=True)
        finish(compiled_with(name))
        kept = unpacked(stored_bytes(path))
        assert kept is not None, "the compiler's output is not whole"
    return _callable(_address(*kept))


def _address(symbol: str, code: bytes) -> int:
    """Return the address of a function of an object file, loaded by LLVM for good."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if not _engines:
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        _engines.append(llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine))
    engine = _engines[0]
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    where: int = engine.get_function_address(symbol)
    return where


def _callable(where: int) -> Native:
    """Return the function at an address; numba's functions return a status, and their value through a pointer."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    bare = kind(where)

    def call(*entries: int) -> int:
        block = array("q", (*entries, 0))  # the last is for the value
        where, n = block.buffer_info()
        status = bare(where + 8 * (n - 1), None, where)
        assert status == 0, f"compiled code ended with status {status}"
        return block[-1]

    return call
