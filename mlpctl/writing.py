"""Files that are written in one go: whoever reads one sees the old or the new content, never a part of it."""

import os
from collections.abc import Iterable
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


def is_left_over(path: Path) -> bool:
    """Whether a file is what `replace_file` leaves when it is killed."""
    name, _, process = path.name.rpartition(".")
    return name.startswith(".") and name.count(".") > 1 and process.isdecimal()
