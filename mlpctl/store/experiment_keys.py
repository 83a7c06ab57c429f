"""Keep which trials of a results folder its experiment asked for: trials of other experiments may be there too.

The first line of the file is the digest of the `experiment.toml` that the keys below belong to, then comes a line for
each key, with its checksum. A key may be of a trial that was lost since: it runs again.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from zlib import crc32

from mlpctl.errors import DataError
from mlpctl.store.schema import EXPERIMENT_FILE, KEYS_FILE


def key_line(key: str) -> bytes:
    """Return the line of a key."""
    return f"{key} {crc32(key.encode()):08x}\n".encode()


def content_of(experiment: bytes, keys: Iterable[str]) -> bytes:
    """Return the file of the keys of an experiment, which is given as `experiment.toml` has it."""
    return b"".join([sha256(experiment).hexdigest().encode(), b"\n", *map(key_line, sorted(keys))])


def own_keys(folder: Path) -> frozenset[str] | None:
    """Return the keys of the trials that the folder's experiment asked for; None where nothing says it.

    Raises:
        DataError: if a file cannot be read.
    """
    lines = _lines(folder)
    return None if lines is None else frozenset(key for line in lines if key_line(key := _key(line)) == line)


def keys_problem(folder: Path) -> str:
    """Return what is wrong with the keys of a folder's experiment; "" for nothing, and where there are none.

    Raises:
        DataError: if a file cannot be read.
    """
    if not (folder / KEYS_FILE).is_file():
        return ""
    if (lines := _lines(folder)) is None:
        return f"its keys are not of the experiment in {EXPERIMENT_FILE}"
    damaged = sum(line.endswith(b"\n") and key_line(_key(line)) != line for line in lines)
    return f"{damaged} lines were changed" if damaged else ""


def _key(line: bytes) -> str:
    return line.partition(b" ")[0].decode("ascii", "replace")


def _lines(folder: Path) -> list[bytes] | None:
    """Return the lines of the keys; None where there are none for the experiment that the folder has now."""
    path = folder / KEYS_FILE
    try:
        first, *lines = path.read_bytes().splitlines(keepends=True) or [b""]
        return lines if first == content_of((folder / EXPERIMENT_FILE).read_bytes(), ()) else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
