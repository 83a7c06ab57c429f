"""Files that are written in one go: whoever reads one sees the old or the new content, never a part of it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
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
        with suppress(OSError):  # a file system that cannot be written says so of what is not there, too
            temporary.unlink(missing_ok=True)


def left_over(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, and in those directly below it, that a killed `replace_file` has left.

    Those of a process that lives are none: reports are written into the folder without its lock.
    """
    for pattern in (".*.*.*", "*/.*.*.*"):
        numbered = ((path, path.suffix[1:]) for path in folder.glob(pattern))
        yield from (path for path, number in numbered if number.isdecimal() and not _lives(int(number)))


def _lives(process: int) -> bool:
    """Whether there is a process with a number; another one's, if it was given out again, costs nothing but time."""
    import psutil

    return bool(psutil.pid_exists(process))
