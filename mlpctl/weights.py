"""Trained weights: which trial of a results folder they are of, where their file is, and the hash of what is in it.

A place is written RESULTS (the best of its trials that have weights), RESULTS#TRIAL (the beginning of its key will
do) or FILE.safetensors. Pinned, as a resolved spec has it, `@` and the hash of the weights follow: the hash decides a
trial's key, so a moved file is the same start, and a changed one is another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from re import fullmatch
from typing import Any

from numpy.typing import NDArray

from mlpctl.data.base import digest_of
from mlpctl.errors import DataError, UsageError
from mlpctl.render import as_chosen, for_people
from mlpctl.schema import EXPERIMENT_FILE, TRIALS_FILE
from mlpctl.store import Store, read_keys

Weights = dict[str, NDArray[Any]]
SUFFIX = ".safetensors"
SHOWN = 5
"""Keys that a message lists."""


@dataclass(frozen=True)
class Place:
    """A trial of a results folder.

    Attributes:
        folder: the results folder.
        key: of the trial.
        why: why this one, where the user named none of several; else "".
    """

    folder: Path
    key: str
    why: str = ""

    @property
    def file(self) -> Path:
        """Where the trial's weights are, or would be."""
        return Store(self.folder).weights_file(self.key)

    def __str__(self) -> str:
        """Return the place as a user writes it."""
        return f"{self.folder}#{self.key}"


def find(where: str, *, needed: bool = True, failed: bool = False) -> Place:
    """Return the trial that RESULTS or RESULTS#TRIAL names.

    Args:
        where: as the user wrote it; of several trials the best is taken, by the selection of the folder.
        needed: whether only a trial with saved weights will do.
        failed: whether a trial that did not end well will do too.

    Raises:
        DataError: where there are no results, or no weights.
        UsageError: for a key that fits no trial or several, or where nothing chooses among the trials.
    """
    name, _, prefix = where.partition("#")
    folder = Path(name)
    if not (folder / TRIALS_FILE).is_file():
        raise DataError(f"no results in {folder}: {TRIALS_FILE} is missing; `mlpctl train --save` writes it")
    good = [key for key, status in read_keys(folder / TRIALS_FILE).items() if failed or status == "ok"]
    keys = [key for key in good if key.startswith(prefix)]
    if not keys:
        known = f"some are {', '.join(good[:SHOWN])}" if good else "it has none that ended well"
        raise UsageError(f"{folder} has no trial {prefix or 'to take'}: {known}")
    if prefix and len(keys) > 1:
        raise UsageError(f"{where} fits {len(keys)} trials, give more of the key: {', '.join(keys[:SHOWN])}")
    saved = [key for key in keys if Place(folder, key).file.is_file()]
    if needed and not saved:
        raise DataError(
            f"{where} has no saved weights: the command that made it keeps them with --save, "
            f"`mlpctl sweep {folder / EXPERIMENT_FILE} --save{_out(folder)}`"
        )
    return _best(folder, saved or keys)


def _out(folder: Path) -> str:
    return "" if folder.parent == Path("results") else f" --out {folder.parent}"


def _best(folder: Path, keys: list[str]) -> Place:
    if len(keys) == 1:
        return Place(folder, keys[0])
    from mlpctl.columns import distinct, is_in
    from mlpctl.report.datasets import with_options
    from mlpctl.report.summary import summarize, varied_fields
    from mlpctl.report.tables import rows_of
    from mlpctl.results import load

    results = load(folder)
    results = replace(results, rows=results.rows.rows(is_in(results.rows["key"], keys)))
    try:
        summaries = summarize(results)
    except UsageError:
        summaries = []  # the part that would choose was not scored
    best = summaries[0].best if len(summaries) == 1 else None
    if best is None:
        trials = with_options(results.rows)
        varied = [*varied_fields(trials), *(["seed"] if len(distinct(trials["seed"])) > 1 else [])]
        told = [
            f"{row['key']} ({', '.join(f'{name} {as_chosen(row[name])}' for name in varied if row[name] is not None)})"
            for row in rows_of(trials)
        ]
        raise UsageError(
            f"{folder} has {len(keys)} trials and nothing that chooses among them: name one as {folder}#KEY, of "
            f"{', '.join(told[:SHOWN])}{', …' if len(keys) > SHOWN else ''}"
        )
    summary = summaries[0]
    seeds = summary.trials[summary.trials["config"] == best["config"]].dropna(subset=summary.column)
    seeds = seeds.sort_values(summary.column, ascending=summary.better == "low", kind="stable")
    chosen = seeds.iloc[0]
    by = f"{summary.on} {summary.metric}, {for_people(float(chosen[summary.column]))}"
    also = f" (of the {len(seeds)} seeds of the best configuration)" if len(seeds) > 1 else ""
    why = f"the best of {len(keys)} trials by {by}{also}; {folder}#KEY takes another"
    return Place(folder, str(chosen["key"]), why)


def read_weights(path: Path) -> Weights:
    """Return the arrays of a safetensors file by name.

    Raises:
        DataError: if there is no such file, or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read the weights {path}: {error.strerror}") from error
    except (SafetensorError, TypeError, KeyError, ValueError) as error:  # the last three: a type that numpy has not
        raise DataError(f"{path} cannot be read as safetensors: {error}") from error


def digest_of_weights(weights: Mapping[str, NDArray[Any]]) -> str:
    """Return the hash (16 hex digits) of names and contents, whatever else the file says."""
    return digest_of(*(part for name in sorted(weights) for part in (name, weights[name])))


@lru_cache(maxsize=64)  # a place means the same weights for all trials of a command, whatever it writes meanwhile
def pinned(where: str) -> str:
    """Return a place with the trial and the hash of its weights in it; what is pinned already stays as it is.

    Raises:
        DataError: where there are no weights.
        UsageError: for a trial that is not there.
    """
    if split_pin(where)[1]:
        return where
    if where.endswith(SUFFIX):
        return f"{where}@{digest_of_weights(read_weights(Path(where)))}"
    place = find(where)
    return f"{place}@{digest_of_weights(read_weights(place.file))}"


def split_pin(where: str) -> tuple[str, str]:
    """Return (place, hash) of a place, hash "" where it is not pinned."""
    match = fullmatch(r"(.+)@([0-9a-f]{16})", where)
    return (match[1], match[2]) if match else (where, "")


@lru_cache(maxsize=8)  # an axis over seeds or over starts comes back to each of them
def weights_at(where: str) -> Weights:
    """Return the weights of a pinned place.

    Raises:
        DataError: if they are missing, or not those any more that were pinned.
    """
    place, digest = split_pin(pinned(where))
    weights = read_weights(Path(place) if place.endswith(SUFFIX) else find(place).file)
    if digest_of_weights(weights) != digest:
        raise DataError(f"the weights of {place} have changed while they were in use: run the same command again")
    return weights
