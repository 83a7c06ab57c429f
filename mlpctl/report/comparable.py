"""Group the trials that may be compared: of the same data, or of data that differ by an option."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlpctl.report.grouping import codes_of, distinct_values
from mlpctl.spec import OPTION_FIELDS
from mlpctl.store.columns import Array, Columns, objects, values_of

PATH_OPTION = "data.path"
"""The option of every dataset that lies in a file of the user's."""


def with_options(trials: Columns) -> Columns:
    """Return the trials with a column data.OPTION, params.OPTION for each option that was set."""
    columns = {}
    for field in OPTION_FIELDS:
        options = {text: json.loads(text) for text in distinct_values(trials[field]) if text is not None}
        for name in sorted({name for option in options.values() for name in option}):
            known = {text: _number(option[name]) for text, option in options.items() if name in option}
            columns[f"{field}.{name}"] = _mapped(trials[field], known)
    return trials.plus(columns)


def _mapped(values: Array, known: dict[Any, Any]) -> Array:
    """Return what each value stands for: a column of numbers where all are numbers."""
    found = [known.get(value) for value in values]
    is_number = all(isinstance(value, float) for value in known.values())
    return np.array(found, dtype=np.float64) if is_number else objects(found)


def _number(value: object) -> object:
    try:
        return float(str(value))
    except ValueError:
        return ",".join(map(str, value)) if isinstance(value, list) else value


def split_by_data(trials: Columns) -> Iterator[tuple[str, Columns]]:
    """Yield (name, trials) of what may be ranked together: one dataset, one task, and one source of its data.

    An option such as `noise` may be an axis: it changes the data and is what is asked about. Another file is another
    question, and so is a file that was changed between two runs; a copy under another name is the same. Trials that
    never got to their data (invalid ones) go with the others of their dataset.

    Args:
        trials: with their options, see `with_options`.
    """
    dataset, data = trials["dataset"], trials["data"]
    task = _filled(trials["task"], [dataset], "classification")
    path = _paths(trials)
    digest = _filled(trials["digest"], [dataset, task, path], "")
    codes, firsts = codes_of(dataset, task, path, data)
    pairs = codes_of(codes, digest)[1]  # a row for each digest of each
    changed = set(path[firsts[np.bincount(codes[pairs], minlength=len(firsts)) > 1]].tolist())
    version = objects([d if p in changed else "" for d, p in zip(digest.tolist(), path.tolist(), strict=True)])
    kept = [name for name in trials.names if name != PATH_OPTION]  # in one group it says nothing that matters
    told = trials.plus({"task": task}).only(kept)
    codes, firsts = codes_of(dataset, task, path, version)
    groups = [tuple(str(column[row]) for column in (dataset, task, path, version)) for row in firsts]
    for number, group in enumerate(groups):
        if dataset[firsts[number]] is None:
            continue
        alike = [other[1:] for other in groups if other[0] == group[0]]
        words = (group[1], group[2], f"digest {group[3]}")
        shown = [word for place, word in enumerate(words) if len({other[place] for other in alike}) > 1]
        yield " ".join([group[0], *shown]), told.rows(codes == number) if len(groups) > 1 else told


def _paths(trials: Columns) -> Array:
    """Return the file of each trial, "" where there is none; of files with equal contents the first."""
    if PATH_OPTION not in trials:
        return objects([""] * len(trials))
    paths = ["" if value is None else str(value) for value in values_of(trials[PATH_OPTION])]
    digests = trials["digest"].tolist()  # None where no data were read
    first: dict[str, str] = {}
    for digest, path in zip(digests, paths, strict=True):
        first.setdefault(digest, path)
    return objects([path if d is None else first[d] for d, path in zip(digests, paths, strict=True)])


def _filled(values: Array, by: list[Array], otherwise: str) -> Array:
    """Return a column, what is missing filled from the first row of the same group that says something."""
    codes = codes_of(*by)[0].tolist()
    known: dict[int, Any] = {}
    for code, value in zip(codes, values.tolist(), strict=True):
        if value is not None:
            known.setdefault(code, value)
    return objects([known.get(c, otherwise) if v is None else v for c, v in zip(codes, values.tolist(), strict=True)])
