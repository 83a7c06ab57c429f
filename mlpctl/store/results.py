"""Load results folders as tables for reports and the Python API; writes nothing, imports no torch."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.store import reader
from mlpctl.store.columns import Columns, concatenated, last_of_each, objects
from mlpctl.store.experiment_keys import own_keys
from mlpctl.store.folder_files import read_experiment, read_json
from mlpctl.store.schema import ENVIRONMENT_FILE, EXPERIMENT_FILE

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ResultsFolders:
    """One or several results folders, read.

    Attributes:
        folders: folders that were read.
        rows: a row per trial, the columns of the schema, and `folder`.
        experiments: resolved experiment of each folder, {} where none was written.
        environments: content of each folder's `environment.json`.
        is_all: True if the trials of other experiments in these folders are among `rows`.
        others: number of trials of other experiments in these folders, which `rows` does not have.
    """

    folders: tuple[Path, ...]
    rows: Columns
    experiments: tuple[dict[str, Any], ...]
    environments: tuple[dict[str, Any], ...]
    others: int = 0
    is_all: bool = False

    @cached_property
    def epoch_rows(self) -> Columns:
        """A row per epoch of these trials, read when it is first asked for; of an epoch run twice the last counts.

        Raises:
            DataError: where a file cannot be read.
        """
        keys = self.rows["key"].tolist()
        return last_of_each(concatenated([reader.epochs(folder, keys) for folder in self.folders]), "key", "epoch")

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """The trials as a DataFrame."""
        return self.rows.frame()

    @cached_property
    def epochs(self) -> "pd.DataFrame":
        """The epochs as a DataFrame, see `epoch_rows`."""
        return self.epoch_rows.frame()


def load(*folders: str | Path, every: bool = False) -> ResultsFolders:
    """Return the results in the given folders, finished or not: the trials that their experiments asked for.

    Rows of trials that were begun and never finished are left out; of a trial that was run twice the last counts.

    Args:
        *folders: results folders.
        every: return the trials of other experiments in these folders too.

    Raises:
        DataError: where a folder holds no results or a file cannot be read.
    """
    paths = tuple(Path(folder) for folder in folders)
    tables = [reader.trials(path) for path in paths]
    own = [None if every else own_keys(path) for path in paths]
    wanted = {
        key
        for table, keys in zip(tables, own, strict=True)
        for key in (table["key"].tolist() if keys is None else keys)
    }
    named = [
        table.plus({"folder": objects([path.name] * len(table))}) for table, path in zip(tables, paths, strict=True)
    ]
    rows = last_of_each(concatenated(named), "key")
    is_own = np.fromiter((key in wanted for key in rows["key"].tolist()), dtype=bool, count=len(rows))
    return ResultsFolders(
        paths,
        rows.rows(is_own),
        tuple(read_experiment(path / EXPERIMENT_FILE) for path in paths),
        tuple(read_json(path / ENVIRONMENT_FILE) for path in paths),
        len(rows) - int(is_own.sum()),
        every,
    )
