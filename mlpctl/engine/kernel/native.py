"""Compiled functions: loaded as machine code from the cache, compiled where they are not there.

numba takes 0.8 s to be imported and to load a function of its own cache; machine code takes 0.05 s.
"""

import ctypes
import os
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlpctl.engine.kernel.cache import path_of, read, unpacked, write
from mlpctl.errors import DeviceError

Native = Callable[..., int]

_functions: dict[str, Native] = {}
_engines: list[Any] = []
_loading = threading.Lock()


def function(name: str) -> Native:
    """Return a compiled function by name: `orders`, or as `cache` names them; it takes the entries of its block."""
    known = _functions.get(name)
    if known is None:
        with _loading:
            known = _functions.get(name) or _functions.setdefault(name, _loaded(name))
    return known


def _loaded(name: str) -> Native:
    path = path_of(name)
    kept = unpacked(read(path))
    if kept is None:
        content = _compiled(name)
        kept = unpacked(content)
        assert kept is not None, "the compiler's output is not whole"
        write(path, content)
    return _callable(_address(*kept))


def _compiled(name: str) -> bytes:
    """Return what `building` writes in a process of its own; it goes on at an interrupt, as a trial in training does.

    Raises:
        DeviceError: if it fails.
    """
    search = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mlpctl.engine.kernel.building", name],
        env={**os.environ, "PYTHONPATH": search}, capture_output=True, check=False, start_new_session=True,
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"its process ended with {done.returncode}"
        raise DeviceError(f"the training loop cannot be compiled: {why}; --engine reference trains without it")
    return done.stdout


def _address(symbol: str, code: bytes) -> int:
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
