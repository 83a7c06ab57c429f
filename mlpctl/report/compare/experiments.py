"""Compare two experiments as their folders record them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mlpctl.display.tables import Cell

TABLES = {"axes": "axis", "search": "search", "select": "selection"}
"""Tables of `experiment.toml`, and the word for an entry of each. Its [spec] is not compared: the trained specs
say more, because they include defaults."""

PLAIN = ("seeds", "zip", "list")


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Cell]]:
    """Return a row for each entry of two `experiment.toml` that differs: part, what, A and B (None: it has none)."""
    one, other = dict(_entries(a)), dict(_entries(b))
    return [
        {"part": part, "what": what, "A": one.get((part, what)), "B": other.get((part, what))}
        for part, what in {**one, **other}
        if one.get((part, what)) != other.get((part, what))
    ]


def _entries(experiment: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    for name in PLAIN:
        if name in experiment:
            yield (name, name), _words(experiment[name])
    for table, part in TABLES.items():
        for name, value in experiment.get(table, {}).items():
            yield (part, name), _words(value)


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_words(item) if not isinstance(item, list) else json.dumps(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)
