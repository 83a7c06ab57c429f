"""Read the TOML and JSON files of a results folder: its experiment and its environment."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlpctl.metrics import METRICS, PREFIX
from mlpctl.system.parsing import parsing

EXPERIMENT_KINDS = {
    "name": str, "spec": dict, "axes": dict, "seeds": list, "list": list, "zip": list, "search": dict, "select": dict,
}  # fmt: skip
"""Types of the parts of an experiment, as reports take them."""

AGAIN = "the sweep that wrote the folder writes it again"

KIND_NAMES: dict[type, str] = {str: "text", dict: "table", list: "list"}


def read_experiment(path: Path) -> dict[str, Any]:
    """Return the experiment in a TOML file, its parts of the types that reports take; {} if there is none.

    Raises:
        DataError: if it cannot be read.
    """
    import tomllib  # 2 ms

    if not path.is_file():
        return {}
    with parsing(path, "an experiment", advice=AGAIN):
        content = tomllib.loads(path.read_text("utf-8"))
        _check_experiment(content)
    return content


def _check_experiment(content: Mapping[str, Any]) -> None:
    for name, kind in EXPERIMENT_KINDS.items():
        if name in content and not isinstance(content[name], kind):
            raise ValueError(f"{name} must be a {KIND_NAMES[kind]}")
    select = content.get("select", {})
    for name, known in (("on", PREFIX), ("metric", METRICS)):
        if select.get(name) is not None and select[name] not in known:
            raise ValueError(f"select.{name} must be one of {', '.join(known)}")
    if not isinstance(content.get("search", {}).get("method", ""), str):
        raise ValueError("search.method must be a text")


def _object(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise TypeError(f"it must hold an object, not a {type(content).__name__}")
    return content


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file; {} if there is none.

    Raises:
        DataError: if it cannot be read.
    """
    with parsing(path, "JSON", advice=AGAIN):
        return _object(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
