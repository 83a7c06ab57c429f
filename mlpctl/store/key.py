"""Compute the key of a trial: the hash of all that decides its numbers up to rounding."""

import hashlib
import json
from collections.abc import Mapping
from re import fullmatch
from typing import Any

from mlpctl.errors import UsageError
from mlpctl.spec import RUN_FIELDS, Spec, is_own_model

NUMERICS = 2
"""Version of the arithmetic that all engines share. Raise it when a change moves numbers, see `numerics_of`."""

CHANGED_IN_2 = ("adam", "adamw", "rmsprop")
"""Optimizers whose coefficients 1 - β and 1 - β^t were rounded too early in float32 before version 2."""

UNCHANGED = {"bias": True, "shuffle": True, "target_scaling": "none", "decay_biases": True, "l1": 0.0}
"""Values that are what mlpctl did before there was the field: left out, so that older trials keep their keys."""

_SORTED = json.JSONEncoder(sort_keys=True)


def numerics_of(spec: Spec) -> int:
    """Return the version of the arithmetic that last changed the numbers of a spec: others keep their keys."""
    return 2 if spec.dtype == "float32" and spec.optimizer in CHANGED_IN_2 else 1


def key_of(spec: Spec, digest: str, numerics: int | None = None) -> str:
    """Return the hash (16 hex digits) of a resolved spec, its dataset's digest and the numerics version.

    The dataset and the weights that training starts from count by their digests, not by name, options or path; device,
    engine and implementation only where the experiment names them.
    """
    fields = vars(spec).items()  # iterating over a pydantic model takes three times as long
    decides = {name: value for name, value in fields if value is not None and name not in ("dataset", "data")}
    for name in RUN_FIELDS:
        if decides[name] == "auto":
            del decides[name]
    if spec.init_from is not None:
        decides["init_from"] = split_pin(spec.init_from)[1] or spec.init_from
    if not spec.params:
        del decides["params"]
    if spec.model is not None and is_own_model(spec.model):
        decides["model"] = spec.model.rpartition(":")[2]  # the file may move
    for name, value in UNCHANGED.items():
        if decides.get(name) == value:
            del decides[name]
    text = _SORTED.encode({**decides, "digest": digest, "numerics": numerics or numerics_of(spec)})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def key_problem(row: Mapping[str, Any]) -> str:
    """Return what is wrong if a row's cells, typed or as texts, are not those that its key was made of; else "".

    Rows of combinations that could not be trained do not say enough to tell.
    """
    if not row.get("numerics") or not row.get("digest"):
        return ""
    numerics = int(row["numerics"])
    try:
        spec = Spec.from_flat(row)
    except UsageError as error:
        return f"no spec can be read from the row: {error}"
    if [key_of(one, row["digest"], numerics) for one in (spec, spec.configuration())] == [
        row["key"],
        row.get("config"),
    ]:
        return ""
    return f"its cells are not those of trial {row['key']}: they were changed"


def split_pin(where: str) -> tuple[str, str]:
    """Return (place, hash) of a place of trained weights, hash "" where it is not pinned."""
    match = fullmatch(r"(.+)@([0-9a-f]{16})", where)
    return (match[1], match[2]) if match else (where, "")
