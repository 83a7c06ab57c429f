"""Find, open, hash and keep data files; nothing here knows of a dataset."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from mlpctl.errors import DataError, UsageError
from mlpctl.system.files import cache_folder, replace_file

GZIP_MAGIC = b"\x1f\x8b"

DAMAGED_GZIP = (gzip.BadGzipFile, EOFError, zlib.error)
"""Errors of reading a damaged .gz; BadGzipFile is an OSError, so catch these first."""


INSTALLED = Path("usr/share/datasets")
"""Folder of the folder NAME of Debian's package dataset-NAME, in the package and, from the root, on the system."""

DEBIAN = Path("/") / INSTALLED


@dataclass(frozen=True)
class Published:
    """Files of a dataset as their authors published them.

    Attributes:
        name: name of the dataset, of its folder in the cache, and of Debian's package after `dataset-`.
        sha256: file, without .gz -> hash (hex) of its content.
        mirrors: addresses below which FILE.gz is asked for, in this order; only the sha256 is believed.
    """

    name: str
    sha256: Mapping[str, str]
    mirrors: tuple[str, ...]

    @property
    def cache(self) -> Path:
        """Return the folder of the files in the cache, gunzipped: that is read ten times as fast."""
        return cache_folder() / self.name

    @property
    def installed(self) -> Path:
        """Return the folder of Debian's package."""
        return DEBIAN / self.name

    def places(self, file: str, folder: Path | None = None) -> Iterator[Path]:
        """Yield the places of a file on this machine, the best first; a user's folder is the only one."""
        for place in [folder.expanduser()] if folder is not None else [self.cache, self.installed]:
            yield from stored_files(place, file)

    def addresses(self) -> tuple[str, ...]:
        """Return the mirrors: MLPCTL_MIRROR, else the public ones.

        Raises:
            UsageError: if MLPCTL_MIRROR is no web address.
        """
        given = os.environ.get("MLPCTL_MIRROR")
        if not given:
            return self.mirrors
        if not given.startswith(("https://", "http://")):
            raise UsageError(f"MLPCTL_MIRROR must begin with https:// or http://, got '{given}'")
        return (given.rstrip("/"),)


def offline() -> bool:
    """Return whether the network must not be touched (MLPCTL_OFFLINE=1)."""
    return os.environ.get("MLPCTL_OFFLINE", "0") not in ("", "0")


def gunzipped(stream: BinaryIO) -> BinaryIO:
    """Return the content of a .gz as a stream, or the stream itself; told apart by content, as names can lie."""
    start = stream.read(2)
    stream.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if start == GZIP_MAGIC else stream


def sha256_of(path: Path) -> str:
    """Return the sha256 (hex) of a file's content, gunzipped if it is a .gz; streamed.

    Raises:
        DataError: if the file is missing or cannot be read.
    """
    try:
        digest = hashlib.sha256()
        with path.open("rb") as raw, gunzipped(raw) as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()
    except DAMAGED_GZIP as error:
        raise DataError(f"{path} is a damaged gzip file ({error}): get it again") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def keep(path: Path, chunks: Iterable[bytes | memoryview]) -> bool:
    """Write a file of the cache whole; return whether it was written: a read-only cache is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, chunks)
    except (OSError, DataError):
        return False
    return True


def stored_files(folder: Path, file: str) -> Iterator[Path]:
    """Yield a file of a folder and its .gz, as far as they exist."""
    yield from (path for path in (folder / file, folder / f"{file}.gz") if path.is_file())


def existing_file(path: Path, what: str) -> Path:
    """Return `path` if a file is there.

    Raises:
        DataError: with the folder that was searched.
    """
    if path.is_file():
        return path
    if path.is_dir():
        raise DataError(f"{what} must be a file, got the folder {path}: name the file in it")
    raise DataError(f"{what}: no file {path}" + ("" if path.is_absolute() else f" under {Path.cwd()}"))


def guess_separator(line: str) -> str:
    """Return the separator of a table by its first line: a tab if there is one, else the commonest of , ; and |."""
    return "\t" if "\t" in line else max(",;|", key=line.count)
