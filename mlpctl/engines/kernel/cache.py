"""Find compiled code in the cache; imports no numba."""

import hashlib
import os
import stat
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mlpctl.engines.kernel.processor import processor_name
from mlpctl.errors import DeviceError
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
    own = [here / f"{name}.py" for name in ("arguments", "building", "layout", "processor")]
    for path in (*sorted((here / "compiled").glob("*.py")), *own, here.parents[1] / "rng.py"):
        digest.update(path.read_bytes())
    owner = f"-{os.getuid()}" if hasattr(os, "getuid") else ""  # a shared cache has a folder of each user
    return cache_folder() / f"kernel{owner}" / digest.hexdigest()[:16]


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


_found: set[tuple[Path, str]] = set()


def missing(names: Iterable[str]) -> list[str]:
    """Return those names of functions that are not in the cache; each is found once, since sweeps ask at each trial."""
    folder = kernel_folder()
    unknown = [name for name in names if (folder, name) not in _found]
    _found.update((folder, name) for name in unknown if path_of(name).is_file())
    return [name for name in unknown if (folder, name) not in _found]


def compiled() -> list[str]:
    """Return the names of the functions that are in the cache, for a processor as this one."""
    end = path_of("").name
    return [path.name.removesuffix(end) for path in sorted(kernel_folder().glob(f"*{end}"))]


def path_of(name: str) -> Path:
    """Return the file of a compiled function, one per kind of processor and width: folders may be shared."""
    return file_of(name, "o")


def file_of(name: str, kind: str) -> Path:
    """Return a file of what is compiled for this kind of processor."""
    return kernel_folder() / f"{name}-{processor_name()}.{kind}"


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
    """Return what a file of compiled code holds; nothing where there is none.

    Raises:
        DeviceError: where somebody else could have written the file: it is not run.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return b""
    except OSError as error:  # a link, or not ours to read
        raise DeviceError(f"{path} is not run: {error.strerror}; remove it") from error
    with os.fdopen(descriptor, "rb") as stream:
        check_own(path, os.fstat(descriptor))
        for folder in (path.parent, path.parent.parent):  # the cache's root may be shared: ours in it is ours
            check_own(folder, folder.lstat())
        return stream.read()


def check_own(path: Path, about: os.stat_result) -> None:
    """Check that only the user and root can have written a file or folder.

    Raises:
        DeviceError: with what to do.
    """
    if not hasattr(os, "getuid"):  # Windows, where the user's folders are the user's
        return
    if stat.S_ISLNK(about.st_mode):
        raise DeviceError(f"{path} is a link: compiled code behind it is not run; remove it, or set MLPCTL_DATA_DIR")
    if about.st_uid not in (0, os.getuid()):
        why = "belongs to another user"
    elif about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        why = "can be written by other users"
    else:
        return
    raise DeviceError(
        f"{path} {why}, so compiled code in it is not run: `chmod go-w` it if it is yours, or set MLPCTL_DATA_DIR to a "
        "folder of your own"
    )


def write(path: Path, content: bytes) -> None:
    """Keep what a compiler wrote, in one go.

    Raises:
        DataError: if the cache cannot be written.
    """
    own_folder(path.parent)
    replace_file(path, content)


def own_folder(folder: Path) -> None:
    """Make a folder of the cache, and those above it, for the user alone."""
    for path in (*reversed(folder.parents), folder):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)
