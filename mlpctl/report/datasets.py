"""Which trials may be compared: those that were trained on the same data, or on data that differ by an option."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

PATH = "data.path"
"""The option of every dataset that lies in a file of the user's."""


def with_options(trials: "pd.DataFrame") -> "pd.DataFrame":
    """Return the trials with a column data.OPTION for each option of the dataset that was set."""
    import pandas as pd

    texts = trials["data"].dropna().unique()
    options = {text: json.loads(text) for text in texts}
    names = sorted({name for option in options.values() for name in option})
    columns = {
        f"data.{name}": trials["data"].map(
            {t: _number(o[name]) for t, o in options.items() if name in o}, na_action="ignore"
        )
        for name in names
    }
    return pd.concat([trials, pd.DataFrame(columns, index=trials.index)], axis=1)


def _number(value: object) -> object:
    try:
        return float(str(value))
    except ValueError:
        return ",".join(map(str, value)) if isinstance(value, list) else value


def split_by_data(trials: "pd.DataFrame") -> "Iterator[tuple[str, pd.DataFrame]]":
    """Yield (name, trials) of what may be ranked together: one dataset, one task, and one source of its data.

    An option such as `noise` may be an axis: it changes the data and is what is asked about. Another file is another
    question, and so is a file that was changed between two runs; a copy under another name is the same. Trials that
    never got to their data (invalid ones) go with the others of their dataset.

    Args:
        trials: with their options, see `with_options`.
    """
    told = trials.assign(_task=_filled(trials, "task", ["dataset"], "classification"))
    told["_path"] = _paths(told)
    told["_digest"] = _filled(told, "digest", ["dataset", "_task", "_path"], "")
    of_one = told.groupby(["dataset", "_task", "_path", "data"], dropna=False)["_digest"].nunique().reset_index()
    changed = set(of_one.loc[of_one["_digest"] > 1, "_path"])
    told["_version"] = told["_digest"].where(told["_path"].isin(changed), "")
    groups = [
        (str(dataset), str(task), str(path), str(version), some)
        for (dataset, task, path, version), some in told.groupby(["dataset", "_task", "_path", "_version"], sort=False)
    ]
    for dataset, task, path, version, some in groups:
        alike = [group[1:4] for group in groups if group[0] == dataset]
        shown = [
            value
            for number, value in enumerate((task, path, f"digest {version}"))
            if len({group[number] for group in alike}) > 1
        ]
        columns = [name for name in trials.columns if name != PATH]  # in one group it says nothing that matters
        yield " ".join([dataset, *shown]), some.assign(task=some["_task"])[columns].reset_index(drop=True)


def _paths(trials: "pd.DataFrame") -> "pd.Series[str]":
    """Return the file of each trial, "" where there is none; of files with equal contents the first."""
    if PATH not in trials:
        return trials["dataset"].map(lambda _: "")
    paths = trials[PATH].fillna("").astype(str)
    first = paths.groupby(trials["digest"]).transform("first")  # NaN where no data were read
    return first.where(trials["digest"].notna(), paths)


def _filled(trials: "pd.DataFrame", name: str, by: list[str], otherwise: str) -> "pd.Series[str]":
    known = trials.groupby(by, dropna=False)[name].transform("first")
    return trials[name].fillna(known).fillna(otherwise)
