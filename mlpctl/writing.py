"""Files that are written in one go: whoever reads one sees the old or the new content, never a part of it."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlpctl.errors import DataError


def replace_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file in one go, from its content or from parts of it, which are taken one at a time.

    Raises:
        DataError: if it cannot be written; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            stream.writelines([content] if isinstance(content, bytes) else content)
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def left_over(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, and in those directly below it, that a killed `replace_file` has left."""
    for pattern in (".*.*.*", "*/.*.*.*"):
        yield from (path for path in folder.glob(pattern) if path.suffix[1:].isdecimal())
