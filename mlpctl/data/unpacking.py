"""Unpack a compressed file in memory, as far as there is memory for it."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from mlpctl.errors import DataError
from mlpctl.system.parsing import check_memory, parsing

CHUNK = 1 << 24
"""Bytes that are unpacked before memory is looked at again."""

OPENERS: dict[str, Callable[..., object]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def unpacked(path: Path) -> tuple[Path, bytes | None]:
    """Return (name, content): a file's name without .gz, .bz2, .xz or .zip, and what is in it; None if not packed.

    Raises:
        DataError: if it is damaged, larger than the memory, or a .zip of several files.
    """
    suffix = path.suffix.lower()
    if suffix == ".zip":
        with parsing(path, "zip"), zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not _is_extra(member)]
            if len(members) != 1:
                names = ", ".join(member.filename for member in members[:5])
                raise DataError(f"{path} must have one file, has {len(members)} ({names}): unpack it and name one")
            with archive.open(members[0]) as stream:
                return path.with_name(Path(members[0].filename).name), _read(path, cast(BinaryIO, stream))
    if suffix not in OPENERS:
        return path, None
    with parsing(path, suffix.removeprefix(".")), cast(BinaryIO, OPENERS[suffix](path)) as stream:
        return path.with_suffix(""), _read(path, stream)


def _is_extra(member: zipfile.ZipInfo) -> bool:
    """Return whether a member of a .zip is a folder, or what macOS adds to a file."""
    return member.is_dir() or member.filename.startswith("__MACOSX/")


def _read(path: Path, stream: BinaryIO) -> bytes:
    content = bytearray()
    while chunk := stream.read(CHUNK):
        check_memory(path, len(chunk) + len(content))
        content += chunk
    return bytes(content)
