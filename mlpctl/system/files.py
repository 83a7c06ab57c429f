"""Write files whole, so that a reader sees the old or the new content; find the cache folder."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from mlpctl.errors import DataError


def replace_file(path: Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a file whole, from its content or from parts of it, which are taken one at a time.

    Raises:
        DataError: if it cannot be written; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.{os.getpid()}")
    try:
        with temporary.open("xb") as stream:
            stream.writelines([content] if isinstance(content, bytes) else content)
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):  # a file system that cannot be written says so of what is not there, too
            temporary.unlink(missing_ok=True)


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
