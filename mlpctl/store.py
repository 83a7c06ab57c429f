"""Step 6: the results folder. One writer at a time, whole rows appended; a kill leaves nothing to mend by hand.

The epoch rows of a trial are written before its trial row, so a row in `trials.csv` says that everything is there.
"""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mlpctl.errors import DataError, UsageError
from mlpctl.schema import (
    BEFORE,
    ENVIRONMENT_FILE,
    EPOCH_COLUMNS,
    EPOCHS_FILE,
    EXPERIMENT_FILE,
    SCHEMA_VERSION,
    TRIAL_COLUMNS,
    TRIALS_FILE,
    WEIGHTS_FOLDER,
)

if TYPE_CHECKING:
    from filelock import FileLock
    from numpy.typing import NDArray

Row = Mapping[str, Any]
LOCK_FILE = ".lock"


@dataclass
class Store:
    """A results folder opened for writing; a context manager.

    Attributes:
        folder: where the files lie.
        known: key -> status of the trials that are in the store.
        repairs: what was mended on opening, one line each.
    """

    folder: Path
    known: dict[str, str] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)
    _lock: "FileLock | None" = None

    def __enter__(self) -> Self:
        """Take the lock, mend what a killed writer left, read which trials are there.

        Raises:
            UsageError: if the folder cannot be written, or another process is writing it.
            DataError: if the files are not mlpctl's.
        """
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.folder / LOCK_FILE)  # the system frees it when the process dies
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"another mlpctl is writing {self.folder}: wait until it is done, or choose another --name"
            ) from None
        except OSError as error:
            raise UsageError(
                f"cannot write results to {self.folder}: {error.strerror}; choose another --out"
            ) from error
        try:
            for name, columns in ((EPOCHS_FILE, EPOCH_COLUMNS), (TRIALS_FILE, TRIAL_COLUMNS)):
                self._make_whole(self.folder / name, list(columns))
            self.known = read_keys(self.folder / TRIALS_FILE)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        if self._lock is not None:
            self._lock.release()

    def append(self, trial: Row, epochs: Sequence[Row]) -> None:
        """Append a trial and its epochs: whole rows or nothing.

        Raises:
            DataError: if the disk is full or the file cannot be written; the files are as they were before.
        """
        version = {"schema_version": SCHEMA_VERSION, "key": trial["key"]}
        _append(self.folder / EPOCHS_FILE, [{**row, **version} for row in epochs], list(EPOCH_COLUMNS))
        _append(self.folder / TRIALS_FILE, [{**trial, **version}], list(TRIAL_COLUMNS))
        self.known[str(trial["key"])] = str(trial["status"])

    def describe(self, experiment: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Write what the folder is for and what it runs on."""
        import tomli_w

        replace_file(self.folder / EXPERIMENT_FILE, tomli_w.dumps(experiment).encode())
        replace_file(self.folder / ENVIRONMENT_FILE, (json.dumps(environment, indent=1) + "\n").encode())

    def weights_file(self, key: str) -> Path:
        """Return where the weights of a trial are, or would be."""
        return self.folder / WEIGHTS_FOLDER / f"{key}.safetensors"

    def save_weights(self, key: str, weights: "Mapping[str, NDArray[Any]]", about: Mapping[str, str]) -> Path:
        """Write the weights of a trial as safetensors and return the file; `about` goes into its header."""
        from safetensors.numpy import save

        path = self.weights_file(key)
        path.parent.mkdir(exist_ok=True)
        replace_file(path, save(dict(weights), metadata=dict(about)))
        return path

    def _make_whole(self, path: Path, columns: list[str]) -> None:
        content = path.read_bytes() if path.is_file() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            _truncate(path, len(whole))
            self.repairs.append(f"{path.name}: a last row that was not fully written was removed; its trial runs again")
        header = whole.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r").split(",")
        if not whole:
            replace_file(path, (",".join(columns) + "\n").encode())
        elif header != columns:
            if "key" not in header or "schema_version" not in header:
                raise DataError(f"{path} is not a file of mlpctl: move it away, or choose another --name")
            rows = list(csv.DictReader(io.StringIO(whole.decode("utf-8"))))
            replace_file(path, _format([columns, *([row.get(c, BEFORE.get(c)) for c in columns] for row in rows)]))
            self.repairs.append(
                f"{path.name}: written by another version of mlpctl, its columns were brought up to date"
            )


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in one go: whoever reads it sees the old or the new content, never a part.

    Raises:
        DataError: if it cannot be written; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def _append(path: Path, rows: Sequence[Row], columns: list[str]) -> None:
    if not rows:
        return
    content = _format([_cell(row.get(column)) for column in columns] for row in rows)
    descriptor = None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        before = os.fstat(descriptor).st_size
        try:
            written = 0
            while written < len(content):
                written += os.write(descriptor, content[written:])
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror}; what had finished is safe, the same command goes on from there"
        ) from error
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _cell(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value  # a row is a line: no newlines in cells


def _format(rows: Any) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()


def _truncate(path: Path, size: int) -> None:
    try:
        os.truncate(path, size)
    except OSError as error:
        raise DataError(f"cannot mend {path}: {error.strerror}") from error


def read_keys(path: Path) -> dict[str, str]:
    """Return key -> status of the trials in a `trials.csv`; of a trial that was run twice the last; {} if no file."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader)
        key, status = header.index("key"), header.index("status")
        return {row[key]: row[status] for row in reader if len(row) == len(header)}
