"""Write files whole, so that a reader sees the old or the new content; find the cache folder."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from mlpctl.errors import DataError, UsageError

STORE_FILES = ("trials.csv", "epochs.csv", "experiment.toml", "environment.json", "experiment.keys")
"""Files of a results folder."""

STORE_FOLDERS = ("weights", "states", "best", "logs")
"""Folders in a results folder."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error codes of a full disk, a quota, and a limit on the size of a file."""


def replace_file(path: Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a file whole, from its content or from parts of it, which are taken one at a time.

    Raises:
        DataError: if it cannot be written; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.{os.getpid()}")
    try:
        with temporary.open("xb") as stream:
            stream.writelines([content] if isinstance(content, bytes) else content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):  # a file system that cannot be written says so of what is not there, too
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder of a results folder where it is not there.

    Raises:
        DataError: if it cannot be made.
    """
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the folder {path}: {error.strerror}") from error


def write_output(path: Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a file that the user named, whole; a device or a pipe, such as /dev/stdout, is written to.

    Raises:
        UsageError: for a link, a file of a results folder, and what cannot be written.
        DataError: if the disk is full; the old file is as it was.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as stream:
                stream.writelines([content] if isinstance(content, bytes) else content)
            return
        _check_output(path)
        replace_file(path, content)
    except (OSError, DataError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else str(error)
        kind = DataError if isinstance(cause, OSError) and cause.errno in FULL else UsageError
        raise kind(f"cannot write {path}: {reason}") from error


def _check_output(path: Path) -> None:
    """Check that an output file is no link and no file of a results folder.

    Raises:
        UsageError: if it is.
    """
    if path.is_symlink():
        raise UsageError(f"an output must be a file of its own, and {path} is a link: name the file itself")
    parent = path.parent.resolve()
    folder, is_inside = (parent.parent, True) if parent.name in STORE_FOLDERS else (parent, path.name in STORE_FILES)
    if is_inside and any((folder / name).exists() for name in STORE_FILES):
        raise UsageError(f"an output must not replace a file of a results folder, got {path}: choose another name")


def left_over(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, and in those directly below it, that a killed `replace_file` has left.

    Those of a living process are passed over: reports are written into the folder without its lock. A process that was
    given the number of a killed one delays the removal, no more.
    """
    for pattern in (".*.*.*", "*/.*.*.*"):
        for path in folder.glob(pattern):
            if path.suffix[1:].isdecimal():
                import psutil

                if not psutil.pid_exists(int(path.suffix[1:])):
                    yield path


def cache_folder() -> Path:
    """Return the folder for what can be made again: MLPCTL_DATA_DIR, else the user's cache folder (XDG)."""
    given = os.environ.get("MLPCTL_DATA_DIR")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("mlpctl", appauthor=False)
