"""Describe what the trials of a results folder ran on: each environment once, under an id that their rows name.

`environment.json` says what the last run into the folder ran on, with its id, and below `others` (id -> facts) what
runs before it did, where that was something else. Files from before ids had the last run alone; rows from then name no
environment, and `unnamed` says which theirs was, as far as the folder knew.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Facts = dict[str, Any]

PASSING = ("date", "memory_bytes", "blas")
"""Facts that move no number, or that differ from run to run on one and the same machine: which BLAS libraries are
loaded depends on what was imported before, and their versions follow from those of the packages."""

CLOCKS = ("sm_clock_hz", "memory_clock_hz")
"""Of a GPU, as they were at that moment."""

_OTHERS, _UNNAMED, _MERGED = "others", "unnamed", "merged"


def environment_id(facts: Mapping[str, Any]) -> str:
    """Return the id (8 hex digits) of an environment: the hash of its facts but for those of the moment."""
    lasting = {name: value for name, value in facts.items() if name not in PASSING}
    if gpus := lasting.get("gpus"):
        lasting["gpus"] = [{name: value for name, value in gpu.items() if name not in CLOCKS} for gpu in gpus]
    return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()[:8]


def environments_of(content: Mapping[str, Any]) -> dict[str, Facts]:
    """Return id -> facts of the environments in an `environment.json` of any age, that of the last run first."""
    return dict(_listed(content))


def _listed(content: Mapping[str, Any]) -> Iterator[tuple[str, Facts]]:
    own = {name: value for name, value in content.items() if name not in ("id", _OTHERS, _UNNAMED, _MERGED)}
    if own:
        yield content.get("id") or environment_id(own), own
    for merged in content.get(_MERGED, {}).values():  # as a merged folder was described before
        yield from environments_of(merged).items()
    yield from content.get(_OTHERS, {}).items()


def unnamed_in(content: Mapping[str, Any]) -> str:
    """Return the id of the environment of rows that name none; "" where the folder cannot tell."""
    if _UNNAMED in content or "id" in content:
        return str(content.get(_UNNAMED, ""))
    known = environments_of(content)
    return next(iter(known)) if len(known) == 1 else ""


def joined(facts: Mapping[str, Any], before: Mapping[str, Any]) -> Facts:
    """Return the content of `environment.json` for a run on `facts` in a folder that has a file already.

    Args:
        facts: of this run; empty where nothing is known.
        before: what the file says; {} where there is none.
    """
    if not facts:
        return dict(before)
    name = environment_id(facts)
    others = {key: value for key, value in environments_of(before).items() if key != name}
    unnamed = unnamed_in(before)
    return {"id": name, **facts, **({_OTHERS: others} if others else {}), **({_UNNAMED: unnamed} if unnamed else {})}


def united(contents: Sequence[Mapping[str, Any]]) -> Facts:
    """Return the content of `environment.json` for the rows of several folders, each of which names its own.

    Args:
        contents: what the folders' files say; the first that says anything comes first.
    """
    known = {name: facts for content in reversed(contents) for name, facts in environments_of(content).items()}
    names = list(dict.fromkeys(name for content in contents for name in environments_of(content)))
    if not names:
        return {}
    others = {name: known[name] for name in names[1:]}
    return {"id": names[0], **known[names[0]], **({_OTHERS: others} if others else {})}


def facts_of(content: Mapping[str, Any], row: Mapping[str, Any]) -> Facts | None:
    """Return the environment of a trial by its row; None where the folder does not know it."""
    name = row.get("environment")
    return environments_of(content).get(str(name) if isinstance(name, str) and name else unnamed_in(content))
