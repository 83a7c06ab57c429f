"""List failures: alike ones in one row, each with the command that trains one of them again."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from mlpctl.metrics import NO_FAILURES
from mlpctl.report.grouping import codes_of, is_in
from mlpctl.runner.failure_policy import RETRIED, alike
from mlpctl.spec import OPTION_FIELDS, Spec
from mlpctl.store.columns import Columns, objects
from mlpctl.store.schema import LOGS_FOLDER

AGAIN = "failed"
"""Name of the results folder for a trial that is looked at again: nothing is added to the sweep's own."""


def failures(trials: Columns, experiments: Mapping[str, Mapping[str, Any]]) -> Columns:
    """Return a row per kind of failure, the most frequent first: status, error, trials, example, again.

    `error` and `example` (a key) are those of the first; `again` is the command that trains it.

    Args:
        trials: of a dataset.
        experiments: name of a results folder -> its experiment.
    """
    failed = trials.rows(~is_in(trials["status"], NO_FAILURES))
    errors = [error or "" for error in failed["error"]]
    kinds = [alike(status, error) for status, error in zip(failed["status"], errors, strict=True)]
    codes, firsts = codes_of(objects(kinds))
    counts = np.bincount(codes, minlength=len(firsts))
    order = np.argsort(-counts, kind="stable")
    first = failed.plus({"error": objects(errors)}).rows(firsts[order])
    again = [command(row, experiments) for row in first.records()]
    columns = {"status": first["status"], "error": first["error"], "trials": counts[order], "example": first["key"]}
    return Columns({**columns, "again": objects(again)}, len(first))


def first_notes(failed: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence per kind of failure: how the first is trained again, or where the output of its program is."""
    return [
        f"The first {str(row['status']).replace('_', ' ')} again: {row['again']}"
        if row["again"]
        else f"The first {str(row['status']).replace('_', ' ')} has left its output in {LOGS_FOLDER}/{row['example']}"
        for row in failed
    ]


def retry_note(trials: Columns) -> list[str]:
    """Return the sentence on those that may turn out otherwise; nothing where there are none."""
    count = int(is_in(trials["status"], RETRIED).sum())
    if not count:
        return []
    return [f"{count} of them may turn out otherwise: --retry-failed on the same sweep trains such trials again."]


def command(row: Mapping[str, Any], experiments: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the `mlpctl train` command of a trial: what its experiment fixes and varies, with the trial's values.

    "" for a trial of a program: what a results folder says is no command to type.
    """
    if row.get("command"):
        return ""
    experiment = experiments.get(str(row.get("folder")), {})
    named = {*experiment.get("spec", {}), *experiment.get("axes", {}), "dataset", "seed", "epochs"}
    named |= {name for listed in experiment.get("list", ()) for name in listed}
    fields = {name.partition(".")[0] for name in named} if experiment else set(Spec.model_fields)
    words = ["mlpctl", "train", *(word for name in Spec.model_fields if name in fields for word in _option(name, row))]
    if row["status"] == "crashed" and "engine" not in fields and row.get("used_engine"):
        words += ["--engine", str(row["used_engine"])]
    return shlex.join([*words, "--name", AGAIN])


def _option(name: str, row: Mapping[str, Any]) -> Iterator[str]:
    value = row.get(name)
    if value in (None, ""):
        return
    if name in OPTION_FIELDS:
        for option, given in json.loads(str(value)).items():
            yield f"--{name}"
            yield f"{option}={','.join(map(str, given)) if isinstance(given, list) else given}"
        return
    yield f"--{name.replace('_', '-')}"
    yield str(value)
