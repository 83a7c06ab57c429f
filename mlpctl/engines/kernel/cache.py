"""Find compiled code in the cache; imports no numba."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from mlpctl.system.facts import library_version
from mlpctl.system.files import cache_folder, replace_file

MAGIC = b"mlpctl kernel"

LOOP = "epochs-"
"""Beginning of the names of training loops."""


@cache
def kernel_folder() -> Path:
    """Return where the compiled code is: a folder per source text and compiler.

    The text is that of all files that are compiled in, not only of the function's own.
    """
    digest = hashlib.sha256(f"{library_version('numba')}{library_version('llvmlite')}".encode())
    here = Path(__file__).parent
    others = [here / "arguments.py", here / "building.py", here / "layout.py", here.parents[1] / "rng.py"]
    for path in (*sorted((here / "compiled").glob("*.py")), *others):
        digest.update(path.read_bytes())
    return cache_folder() / "kernel" / digest.hexdigest()[:16]


def loop_name(inputs: np.dtype[Any], dtype: str) -> str:
    """Return what the training loop is called for a type of inputs and of arithmetic."""
    return f"{LOOP}{inputs.name}-{dtype}"


def assist_name(dtype: str) -> str:
    """Return the name of the helpers' loop for a type of arithmetic."""
    return f"assist-{dtype}"


def start_name(dtype: str) -> str:
    """Return what the function that sets initial weights is called for a type of arithmetic."""
    return f"start-{dtype}"


def functions_for(inputs: str, dtype: str) -> list[str]:
    """Return the names of all functions that training takes for a type of inputs and of arithmetic."""
    return ["orders", start_name(dtype), f"{LOOP}{inputs}-{dtype}", assist_name(dtype)]


def compiled_with(name: str) -> list[str]:
    """Return the names of the functions that are compiled with one: of a training loop all that training takes."""
    return functions_for(*name.removeprefix(LOOP).split("-")) if name.startswith(LOOP) else [name]


def usual() -> list[str]:
    """Return the names of the functions that the datasets take, in float32 and float64; sparse inputs are of it."""
    kinds = [(inputs, dtype) for dtype in ("float32", "float64") for inputs in (dtype, "uint8")]
    return list(dict.fromkeys(name for kind in kinds for name in functions_for(*kind)))


def missing(names: Iterable[str]) -> list[str]:
    """Return those names of functions that are not in the cache."""
    return [name for name in names if not path_of(name).is_file()]


def compiled() -> list[str]:
    """Return the names of the functions that are in the cache, for a processor as this one."""
    end = path_of("").name
    return [path.name.removesuffix(end) for path in sorted(kernel_folder().glob(f"*{end}"))]


def path_of(name: str) -> Path:
    """Return the file of a compiled function, one per kind of processor: folders may be shared by machines."""
    return file_of(name, "o")


def file_of(name: str, kind: str) -> Path:
    """Return a file of what is compiled for this kind of processor."""
    return kernel_folder() / f"{name}-{_processor()}.{kind}"


def packed(symbol: str, code: bytes) -> bytes:
    """Return a compiled function's symbol and machine code as a file holds them."""
    return b"%s: %s %s\n" % (MAGIC, symbol.encode(), hashlib.sha256(code).hexdigest().encode()) + code


def unpacked(content: bytes) -> tuple[str, bytes] | None:
    """Return what was packed; None where it is not whole."""
    head, _, code = content.partition(b"\n")
    magic, _, rest = head.partition(b": ")
    symbol, _, digest = rest.partition(b" ")
    if magic != MAGIC or hashlib.sha256(code).hexdigest().encode() != digest:
        return None
    return symbol.decode(), code


def stored_bytes(path: Path) -> bytes:
    """Return what a file holds; nothing where there is none."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def write(path: Path, content: bytes) -> None:
    """Keep what a compiler wrote, in one go.

    Raises:
        DataError: if the cache cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


@cache
def _processor() -> str:
    return hashlib.sha256((_instructions() or _instructions_by_llvm()).encode()).hexdigest()[:12]


def _instructions() -> str:
    """Return what Linux tells of an x86 processor; "" elsewhere."""
    with suppress(OSError), Path("/proc/cpuinfo").open() as lines:
        first = dict(line.split(":", 1) for line in takewhile(str.strip, lines))
        told = {name.strip(): value.strip() for name, value in first.items()}
        if "flags" in told:
            return " ".join(told.get(name, "") for name in ("vendor_id", "cpu family", "model", "flags"))
    return ""


def _instructions_by_llvm() -> str:
    import llvmlite.binding as llvm  # 40 ms

    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
