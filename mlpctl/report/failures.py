"""What failed: alike failures in one row, each with the command that trains one of them again."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlpctl.failures import RETRIED, alike
from mlpctl.spec import Spec

if TYPE_CHECKING:
    import pandas as pd

NO_FAILURES = ("ok", "interrupted")
"""Statuses that tell nothing against a configuration: an interrupted trial is trained again by the same command."""

AGAIN = "failed"
"""Name of the results folder for a trial that is looked at again: nothing is added to the sweep's own."""


def failures(trials: "pd.DataFrame", experiments: Mapping[str, Mapping[str, Any]]) -> "pd.DataFrame":
    """Return a row per kind of failure, the most frequent first: status, error, trials, example, again.

    `error` and `example` (a key) are those of the first; `again` is the command that trains it.

    Args:
        trials: of a dataset.
        experiments: name of a results folder -> its experiment.
    """
    failed = trials[~trials["status"].isin(NO_FAILURES)].fillna({"error": ""})
    kind = [alike(status, error) for status, error in zip(failed["status"], failed["error"], strict=True)]
    groups = failed.assign(_kind=kind).groupby("_kind", sort=False)
    table = groups.agg(
        status=("status", "first"), error=("error", "first"), trials=("key", "size"), example=("key", "first")
    )
    first = failed.drop_duplicates("key").set_index("key")
    table["again"] = [command(first.loc[key].to_dict(), experiments) for key in table["example"]]
    return table.sort_values("trials", ascending=False, kind="stable").reset_index(drop=True)


def retry_note(trials: "pd.DataFrame") -> list[str]:
    """Return the sentence on those that may turn out otherwise; nothing where there are none."""
    count = int(trials["status"].isin(RETRIED).sum())
    if not count:
        return []
    return [f"{count} of them may turn out otherwise: --retry-failed on the same sweep trains such trials again."]


def command(row: Mapping[str, Any], experiments: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the `mlpctl train` command of a trial: what its experiment fixes and varies, with the trial's values."""
    experiment = experiments.get(str(row.get("folder")), {})
    named = {*experiment.get("spec", {}), *experiment.get("axes", {}), "dataset", "seed", "epochs"}
    named |= {name for listed in experiment.get("list", ()) for name in listed}
    fields = {name.partition(".")[0] for name in named} if experiment else set(Spec.model_fields)
    words = ["mlpctl", "train", *(word for name in Spec.model_fields if name in fields for word in _option(name, row))]
    if row["status"] == "crashed" and "engine" not in fields and _is_there(row.get("used_engine")):
        words += ["--engine", str(row["used_engine"])]
    return shlex.join([*words, "--name", AGAIN])


def _option(name: str, row: Mapping[str, Any]) -> Iterator[str]:
    value = row.get(name)
    if not _is_there(value):
        return
    if name == "data":
        for option, given in json.loads(str(value)).items():
            yield "--data"
            yield f"{option}={','.join(map(str, given)) if isinstance(given, list) else given}"
        return
    yield f"--{name.replace('_', '-')}"
    yield str(value)


def _is_there(value: Any) -> bool:
    import pandas as pd

    return value is not None and not pd.isna(value) and value != ""
