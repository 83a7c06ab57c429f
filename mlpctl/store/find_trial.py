"""Find a trial of a results folder: RESULTS, RESULTS#KEY or the best one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpctl.display.tables import as_chosen, for_people
from mlpctl.errors import DataError, UsageError
from mlpctl.metrics import best_of, column_of, metric_of, of_last_rung
from mlpctl.search.table import BY_EPOCHS
from mlpctl.spec import OPTION_FIELDS, SEED_FIELDS, Spec, option_of, with_option_names
from mlpctl.store import reader
from mlpctl.store.folder_files import read_experiment
from mlpctl.store.schema import EXPERIMENT_FILE, TRIALS_FILE, Row
from mlpctl.store.writer import Store

SHOWN_KEYS = 5
"""Keys that a message lists."""


@dataclass(frozen=True)
class StoredTrial:
    """A trial of a results folder.

    Attributes:
        folder: results folder.
        key: key of the trial.
        why: reason for taking this one, where the user named none of several; else "".
    """

    folder: Path
    key: str
    why: str = ""

    @property
    def file(self) -> Path:
        """The file of the trial's weights, which may not be there."""
        return Store(self.folder).saved_weights(self.key)

    def __str__(self) -> str:
        """Return the place as a user writes it."""
        return f"{self.folder}#{self.key}"


def find(where: str, *, needed: bool = True, failed: bool = False) -> StoredTrial:
    """Return the trial that RESULTS or RESULTS#TRIAL names.

    Args:
        where: text of the user's; of several trials the best is taken, by the selection of the folder.
        needed: take only a trial with saved weights.
        failed: take a trial that did not end well too.

    Raises:
        DataError: where there are no results, or no weights.
        UsageError: for a key that fits no trial or several, or where nothing chooses among the trials.
    """
    name, _, prefix = where.partition("#")
    folder = Path(name)
    if not (folder / TRIALS_FILE).is_file():
        raise DataError(f"no results in {folder}: {TRIALS_FILE} is missing; `mlpctl train --save` writes it")
    good = [key for key, status in reader.keys(folder).items() if failed or status == "ok"]
    keys = [key for key in good if key.startswith(prefix)]
    if not keys:
        known = f"some are {', '.join(good[:SHOWN_KEYS])}" if good else "it has none that ended well"
        raise UsageError(f"{folder} has no trial {prefix or 'to take'}: {known}")
    if prefix and len(keys) > 1:
        raise UsageError(f"{where} fits {len(keys)} trials, give more of the key: {', '.join(keys[:SHOWN_KEYS])}")
    saved = [key for key in keys if StoredTrial(folder, key).file.is_file()]
    if len(keys) > 1 and len(saved) == 1:
        return StoredTrial(folder, saved[0], f"the only one of {len(keys)} trials whose weights were kept")
    if needed and not saved:
        raise DataError(
            f"{where} has no saved weights: the command that made it keeps them with --save, "
            f"`mlpctl sweep {folder / EXPERIMENT_FILE} --save{_out(folder)}`"
        )
    return _best(folder, saved or keys)


def _out(folder: Path) -> str:
    return "" if folder.parent == Path("results") else f" --out {folder.parent}"


def _best(folder: Path, keys: list[str]) -> StoredTrial:
    """Return the best of some trials by the selection of the folder: the best seed of the best configuration."""
    if len(keys) == 1:
        return StoredTrial(folder, keys[0])
    known, rows, failed = set(keys), list[Row](), list[Row]()
    for row in reader.trials(folder).records():
        if row["key"] in known:
            rows.append(row)
        elif row["status"] != "ok":
            failed.append(row)  # a configuration with a failed seed comes after those without
    experiment = read_experiment(folder / EXPERIMENT_FILE)
    select = experiment.get("select", {})
    if experiment.get("search", {}).get("method") in BY_EPOCHS:
        rows = of_last_rung(rows)
    on, metric = select.get("on", "validation"), select.get("metric")
    best = best_of([*rows, *failed], on, metric) if _are_comparable(rows) else []
    if not best:
        raise UsageError(
            f"{folder} has {len(keys)} trials and nothing that chooses among them: name one as {folder}#KEY, of "
            f"{', '.join(_told_apart(rows)[:SHOWN_KEYS])}{', …' if len(keys) > SHOWN_KEYS else ''}"
        )
    chosen, metric = best[0], metric or metric_of(best[0]["task"])
    by = f"{on} {metric}, {for_people(float(chosen[column_of(on, metric)]))}"
    also = f" (of the {len(best)} seeds of the best configuration)" if len(best) > 1 else ""
    why = f"the best of {len(keys)} trials by {by}{also}; {folder}#KEY takes another"
    return StoredTrial(folder, str(chosen["key"]), why)


def _are_comparable(rows: Sequence[Row]) -> bool:
    """Return whether trials have one dataset and task, and data that differ by options of the dataset alone."""
    good = [row for row in rows if row["status"] == "ok"]
    sources = {
        (row["dataset"], row["task"], row["digest"] if "path" in json.loads(row["data"] or "{}") else None)
        for row in good
    }
    return len(sources) == 1 and len({(row["data"], row["digest"]) for row in good}) == len({r["data"] for r in good})


def _told_apart(rows: Sequence[Row]) -> list[str]:
    """Return the key of each trial with the values that tell it apart from the others."""
    wide = [
        with_option_names({**row, **{name: json.loads(row[name] or "{}") for name in OPTION_FIELDS}}) for row in rows
    ]
    options = sorted({name for row in wide for name in row if option_of(name)})
    fields = [name for name in Spec.model_fields if name not in {*SEED_FIELDS, *OPTION_FIELDS}]
    names = [name for name in (*fields, *options, "seed") if len({str(row.get(name)) for row in wide}) > 1]
    if "hidden_units" in names or "hidden_layers" in names:
        names = [name for name in names if name != "widths"]  # says the same
    return [
        f"{row['key']} ({', '.join(f'{name} {as_chosen(row[name])}' for name in names if row.get(name) is not None)})"
        for row in wide
    ]
