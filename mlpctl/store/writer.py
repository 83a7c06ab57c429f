"""Write a results folder: one writer at a time, whole rows appended; a kill leaves nothing to mend by hand.

The epoch rows of a trial are written before its trial row, so a row in `trials.csv` says that everything is there.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mlpctl.errors import DataError, UsageError
from mlpctl.store.csv_lines import COLUMNS_BY_FILE, CsvLine, block_lines, scan, to_lines
from mlpctl.store.environment import environment_id, joined
from mlpctl.store.experiment_keys import content_of, key_line, own_keys
from mlpctl.store.folder_files import read_json
from mlpctl.store.repair_rows import count_rows, keep_epochs_of, remove_lines, repair_file
from mlpctl.store.schema import (
    BEST_FOLDER,
    ENVIRONMENT_FILE,
    EPOCHS_FILE,
    EXPERIMENT_FILE,
    KEYS_FILE,
    SCHEMA_VERSION,
    TRIALS_FILE,
    WEIGHTS_FOLDER,
    Block,
    Row,
)
from mlpctl.store.weights import digest_of_weights
from mlpctl.system.files import left_over, make_folder, replace_file

if TYPE_CHECKING:
    from filelock import FileLock
    from numpy.typing import NDArray

LOCK_FILE = ".lock"


@dataclass
class Store:
    """Results folder opened for writing; a context manager.

    Attributes:
        folder: folder of the files.
        known: key -> status of the trials that are in the store.
        repairs: repairs made on opening, a line each.
        environment: id of the environment of this process; "" where it is not known.
        own: keys of the trials in the store that the experiment asked for.
    """

    folder: Path
    known: dict[str, str] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)
    environment: str = ""
    own: set[str] = field(default_factory=set)
    _lock: "FileLock | None" = None
    _files: dict[str, int] = field(default_factory=dict)
    _writing: Lock = field(default_factory=Lock)  # impossible trials are found, and written, on any thread

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
            for name in COLUMNS_BY_FILE:
                self.repairs += repair_file(self.folder / name)
            self._read()
            for path in list(left_over(self.folder)):  # nobody else writes here: their writers were killed
                path.unlink()
            for name in COLUMNS_BY_FILE:
                self._files[name] = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        while self._files:
            os.close(self._files.popitem()[1])
        if self._lock is not None:
            self._lock.release()

    def append(self, trial: Row, epochs: Block) -> None:
        """Append a trial and its epochs, which are columns: whole rows or nothing.

        Raises:
            DataError: if the disk is full or the file cannot be written; the files are as they were before.
        """
        version = {"schema_version": SCHEMA_VERSION, "key": trial["key"]}
        row = {**trial, **version, "environment": self.environment}
        lines = {
            EPOCHS_FILE: block_lines(epochs, version, COLUMNS_BY_FILE[EPOCHS_FILE]),
            TRIALS_FILE: to_lines([row], COLUMNS_BY_FILE[TRIALS_FILE]),
        }
        with self._writing:
            for name, content in lines.items():
                if content:
                    self._append(name, content)
            self.known[str(trial["key"])] = str(trial["status"])
        self.count_in(str(trial["key"]))

    def count_in(self, key: str) -> None:
        """Count a trial that is in the store among those of the experiment that `describe` has written.

        Raises:
            DataError: if that cannot be written.
        """
        with self._writing:
            if KEYS_FILE in self._files and key not in self.own:
                self._append(KEYS_FILE, key_line(key))
                self.own.add(key)

    def _append(self, name: str, content: bytes) -> None:
        descriptor = self._files[name]
        try:
            about = os.fstat(descriptor)
            if not about.st_nlink:
                where = self.folder / name
                raise DataError(f"{where} was removed while it was written: the same command begins it anew")
            try:
                written = 0
                while written < len(content):
                    written += os.write(descriptor, content[written:])
            except OSError:
                os.ftruncate(descriptor, about.st_size)
                raise
        except OSError as error:
            where, why = self.folder / name, error.strerror
            raise DataError(
                f"cannot write {where}: {why}; what had finished is safe, the same command goes on from there"
            ) from error

    def _read(self) -> None:
        """Read which trials there are; rows that are damaged are taken out, so that their trials run again."""
        path = self.folder / TRIALS_FILE
        damaged, epochs = list[CsvLine](), 0
        for line in scan(path):
            if line.problem:
                damaged += [] if line.is_newer else [line]
            else:
                self.known[line.row["key"]] = line.row["status"]
                epochs += int(line.row["epochs_done"] or 0)
        self.repairs += remove_lines(path, damaged)
        if count_rows(self.folder / EPOCHS_FILE) > epochs:
            keep_epochs_of(self.folder / EPOCHS_FILE, self.known)

    def describe(self, experiment: Mapping[str, Any], environment: Mapping[str, Any], *, counts: bool = False) -> None:
        """Write the experiment of the folder and the environment of this run; earlier environments stay there.

        Args:
            experiment: as `experiment.toml` has it.
            environment: facts of this process; {} for none.
            counts: from here on trials are counted among those of the experiment, which reports are about; else they
                are about all trials of the folder.

        Raises:
            DataError: if a file cannot be read or written.
        """
        import tomli_w

        path = self.folder / ENVIRONMENT_FILE
        try:
            before = read_json(path)
        except DataError:
            before = {}  # damaged: it is written anew, as the readers of the folder are told
        content = joined(environment, before)
        self.environment = environment_id(environment) if environment else ""
        asked = tomli_w.dumps(experiment).encode()
        replace_file(self.folder / EXPERIMENT_FILE, asked)
        if counts:
            self.own = {key for key in own_keys(self.folder) or () if key in self.known}
            replace_file(self.folder / KEYS_FILE, content_of(asked, self.own))
            self._files[KEYS_FILE] = os.open(self.folder / KEYS_FILE, os.O_WRONLY | os.O_APPEND)
        else:
            (self.folder / KEYS_FILE).unlink(missing_ok=True)
        replace_file(path, (json.dumps(content, indent=1) + "\n").encode())

    def weights_file(self, key: str) -> Path:
        """Return the file of the weights of a trial, which may not be there."""
        return self.folder / WEIGHTS_FOLDER / f"{key}.safetensors"

    def saved_weights(self, key: str) -> Path:
        """Return the file of the weights of a trial: asked for, or kept as the best; it may not be there."""
        asked = self.weights_file(key)
        return asked if asked.is_file() else self.folder / BEST_FOLDER / asked.name

    def remove_best_but(self, key: str) -> None:
        """Remove the weights that were kept as the best of trials, but those of one trial."""
        for path in (self.folder / BEST_FOLDER).glob("*.safetensors"):
            if path != self.saved_weights(key):
                path.unlink(missing_ok=True)

    def save_weights(
        self, key: str, weights: "Mapping[str, NDArray[Any]]", about: Mapping[str, str], *, best: bool = False
    ) -> str:
        """Write the weights of a trial as safetensors and return their digest.

        Args:
            key: of the trial.
            weights: by name.
            about: goes into the file's header.
            best: True for weights that are kept as the best, until others are better.

        Raises:
            DataError: if the disk is full or the file cannot be written.
        """
        from safetensors.numpy import save

        path = self.weights_file(key)
        path = self.folder / BEST_FOLDER / path.name if best else path
        make_folder(path.parent)
        replace_file(path, save(dict(weights), metadata=dict(about)))
        return digest_of_weights(weights)
