"""Compare what trials ran on: one flat list of facts for each side."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlpctl.display.tables import Cell
from mlpctl.store.environment import environments_of, facts_of

Flat = dict[str, str]
"""Fact -> its value in words."""

OF_ROW = ("numerics", "used_engine", "used_device", "used_precision", "threads")
"""Columns of a trial's row that say what trained it."""

FIELD_WORDS = {"used_engine": "engine", "used_device": "device", "used_precision": "precision"}

LEFT_OUT = ("id", "date", "memory_bytes", "cores", "precision")
"""Facts that decide no number; the precision is in the rows."""


BLAS = "blas "
"""Beginning of the names of BLAS libraries: there are more of them where more was imported."""


def flat(facts: Mapping[str, Any]) -> Flat:
    """Return the facts of an environment, a library's version under its own name."""
    return dict(_flat(facts))


def _flat(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        if name in LEFT_OUT or value in (None, [], {}):
            continue
        if name == "libraries":
            yield from value.items()
        elif name == "blas":
            for kind in sorted({str(library.get("internal_api")) for library in value}):
                told = {_words_of(one, ("version", "architecture")) for one in value if one["internal_api"] == kind}
                yield f"{BLAS}{kind}", ", ".join(sorted(told))  # numpy and scipy bring one each
        elif name == "gpus":
            for number, gpu in enumerate(value):
                yield f"gpu {number}", _words_of(gpu, ("name", "driver", "cuda"))
        elif name == "git":
            yield "git commit", f"{value['commit'][:12]}{' with changes' if value.get('dirty') else ''}"
        else:
            yield name, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _words_of(facts: Mapping[str, Any], parts: Iterable[str]) -> str:
    return " ".join(str(facts[part]) for part in parts if facts.get(part))


def of_row(row: Mapping[str, Any]) -> Flat:
    """Return what a trial's row says of what trained it."""
    return {FIELD_WORDS.get(name, name): str(row[name]) for name in OF_ROW if row.get(name) not in (None, "")}


def of_trial(content: Mapping[str, Any], row: Mapping[str, Any]) -> Flat:
    """Return all that is recorded of what a trial ran on.

    Args:
        content: content of its folder's `environment.json`.
        row: row of `trials.csv`, typed.
    """
    return {**flat(facts_of(content, row) or {}), **of_row(row)}


def of_trials(content: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return fact -> its different values among the trials of a folder, in the order of their first appearance."""
    known = {name: flat(facts) for name, facts in environments_of(content).items()}
    seen: dict[str, dict[str, None]] = {}
    found: dict[str, Flat] = {}
    for row in rows:
        name = str(row.get("environment"))
        if name not in found:
            found[name] = known.get(name) or flat(facts_of(content, row) or {})
        for fact, value in {**found[name], **of_row(row)}.items():
            seen.setdefault(fact, {})[value] = None
    return {fact: tuple(values) for fact, values in seen.items()}


def differing(a: Mapping[str, Any], b: Mapping[str, Any], *, sides: tuple[str, str]) -> list[dict[str, Cell]]:
    """Return a row for each fact that both sides know and tell otherwise: what, and each side's value.

    What one side alone knows is no difference: a library that is not loaded is not told.
    """
    return [
        {"what": name, sides[0]: _words(a[name]), sides[1]: _words(b[name])}
        for name in a
        if name in b and _apart(name, _values(a[name]), _values(b[name]))
    ]


def _values(value: object) -> set[str]:
    return {part for text in (value if isinstance(value, tuple) else [value]) for part in str(text).split(", ")}


def _apart(name: str, a: set[str], b: set[str]) -> bool:
    return not (a <= b or b <= a) if name.startswith(BLAS) else a != b


def _words(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
