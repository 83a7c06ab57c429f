"""Results folders as tidy tables: what everything that looks at results reads; writes nothing, imports no torch."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.errors import DataError
from mlpctl.lines import foreign, header_of, is_ours
from mlpctl.schema import (
    BEFORE,
    ENVIRONMENT_FILE,
    EPOCH_COLUMNS,
    EPOCHS_FILE,
    EXPERIMENT_FILE,
    PRIMARY,
    SCHEMA_VERSION,
    TRIAL_COLUMNS,
    TRIALS_FILE,
    Kind,
)

if TYPE_CHECKING:
    import pandas as pd

_DTYPES = {"text": "object", "int": "Int64", "float": "float64"}


@dataclass(frozen=True, eq=False)
class Results:
    """One or several results folders, read.

    Attributes:
        folders: where they were read from.
        trials: a row per trial, the columns of the schema, and `folder`.
        epochs: a row per trial and epoch.
        experiments: the resolved experiment of each folder, {} where none was written.
        environments: what each folder's trials ran on.
    """

    folders: tuple[Path, ...]
    trials: "pd.DataFrame"
    epochs: "pd.DataFrame"
    experiments: tuple[dict[str, Any], ...]
    environments: tuple[dict[str, Any], ...]


def load(*folders: str | Path) -> Results:
    """Return the results in the given folders, finished or not.

    Rows of trials that were begun and never finished are left out; of a trial that was run twice the last counts.

    Raises:
        DataError: where a folder holds no results or a file cannot be read.
    """
    import pandas as pd

    paths = tuple(Path(folder) for folder in folders)
    trials = [read_table(path / TRIALS_FILE, TRIAL_COLUMNS).assign(folder=path.name) for path in paths]
    epochs = [read_table(path / EPOCHS_FILE, EPOCH_COLUMNS, missing_ok=True) for path in paths]
    all_trials = pd.concat(trials, ignore_index=True).drop_duplicates("key", keep="last", ignore_index=True)
    all_epochs = pd.concat(epochs, ignore_index=True).drop_duplicates(["key", "epoch"], keep="last", ignore_index=True)
    known = all_epochs["key"].isin(all_trials["key"])
    return Results(
        paths,
        all_trials,
        all_epochs[known].reset_index(drop=True),
        tuple(read_toml(path / EXPERIMENT_FILE) for path in paths),
        tuple(read_json(path / ENVIRONMENT_FILE) for path in paths),
    )


def read_table(path: Path, columns: Mapping[str, Kind], *, missing_ok: bool = False) -> "pd.DataFrame":
    """Return a CSV file with exactly `columns`, typed; a torn last row is left out, columns not there yet by default.

    Raises:
        DataError: if there is no such file, or it is no CSV of this schema.
    """
    import pandas as pd

    if not path.is_file():
        if not missing_ok:
            raise DataError(f"no results in {path.parent}: {path.name} is missing; `mlpctl sweep` or `train` writes it")
        return _typed(pd.DataFrame(columns=list(columns)), columns)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    whole = raw[: raw.rfind(b"\n") + 1]  # the writer ends every row with a newline: what follows the last is torn
    header = header_of(whole.split(b"\n", 1)[0])
    if not whole:
        return _typed(pd.DataFrame(columns=list(columns)), columns)
    if not is_ours(header):
        raise foreign(path)
    from io import BytesIO

    text = [name for name in header if columns.get(name, "text") == "text"]
    try:
        table = pd.read_csv(
            BytesIO(whole),
            dtype=dict.fromkeys(text, "object"),
            keep_default_na=False,
            na_values=["", "nan"],
        )
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; `mlpctl results repair {path.parent}` mends it") from error
    newest = pd.to_numeric(table["schema_version"], errors="coerce").max()
    if newest > SCHEMA_VERSION:
        raise DataError(f"{path} was written by a newer mlpctl (schema {newest:.0f}, this one reads {SCHEMA_VERSION})")
    if len(unknown := set(table.get("task", pd.Series(dtype=object)).dropna()) - set(PRIMARY)):
        raise DataError(
            f"{path} has trials with a task '{unknown.pop()}': `mlpctl results repair {path.parent}` mends it"
        )
    added = {name: value for name, value in BEFORE.items() if name in columns and name not in header}
    try:
        return _typed(table.reindex(columns=list(columns)).assign(**added), columns)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path} has a cell of the wrong type: {error}; `mlpctl results repair {path.parent}` mends it"
        ) from error


def _typed(table: "pd.DataFrame", columns: Mapping[str, Kind]) -> "pd.DataFrame":
    import pandas as pd

    numeric: Sequence[str] = [name for name, kind in columns.items() if kind != "text"]
    for name in numeric:
        table[name] = pd.to_numeric(table[name])
    return table.astype({name: _DTYPES[kind] for name, kind in columns.items()})


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file says; {} if there is none.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}; the sweep that wrote the folder writes it again") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file; {} if there is none.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
    except (ValueError, TypeError) as error:  # what is no JSON, no UTF-8 or no object
        raise DataError(f"{path} cannot be read: {error}; the sweep that wrote the folder writes it again") from error
