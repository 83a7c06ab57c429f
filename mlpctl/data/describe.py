"""Describe the registered datasets in tables: one row each, or all of one."""

from pathlib import Path

import numpy as np

from mlpctl.data import source_of
from mlpctl.data.base import Dataset, Source, options_of
from mlpctl.data.parts import SplitRule, doubts_of, sizes_told, split
from mlpctl.display.tables import Cell, Table
from mlpctl.registry import names
from mlpctl.spec import choices
from mlpctl.system.files import cache_folder


def list_datasets() -> Table:
    """Return the table of the registered datasets."""
    rows: list[dict[str, Cell]] = []
    for name in names("dataset"):
        source = source_of(name)
        task = source.task or "by its target"
        rows.append({"dataset": name, "task": task, "where": _where(source), "what it is": source.help})
    return Table(["dataset", "task", "where", "what it is"], rows, "Datasets", ["`mlpctl data show NAME` tells more."])


def _where(source: Source) -> str:
    """Return in a word the place that a dataset would be read from; `mlpctl data path` prints it in full."""
    if needs_options(source.name):
        return "your file"
    places = source.locate(options_of(source, {})) if source.locate else []
    if not places:
        return "built in"
    if places[0].startswith(("https://", "http://")):
        return "to be fetched"
    path = Path(places[0])
    if not path.is_file():
        return places[0]
    return "cache" if path.is_relative_to(cache_folder()) else str(path.parent)


def describe_dataset(dataset: Dataset, source: Source, rule: SplitRule) -> list[Table]:
    """Return the tables of a dataset: shapes, parts, classes and balance or the targets, options and defaults.

    Args:
        dataset: loaded.
        source: that it is from.
        rule: what decides its parts.
    """
    X, parts = dataset.X, split(dataset, rule)
    facts: dict[str, Cell] = {
        "source": dataset.source,
        "task": dataset.task,
        "examples": int(X.shape[0]),
        "inputs": int(X.shape[1]),
        "type": str(X.dtype)
        + ("" if isinstance(X, np.ndarray) else f", sparse, {X.nnz / max(X.shape[0], 1):.1f} a row"),
        "image": "×".join(map(str, dataset.image_shape)) if dataset.image_shape else None,
        "test set": _test_set(dataset),
        "parts": sizes_told(parts),
        "digest": dataset.digest,
    }
    features = ", ".join(dataset.features[:30]) + (" …" if len(dataset.features) > 30 else "")
    facts |= {"features": features or None}
    about = [{"what": name, "value": value} for name, value in facts.items() if value is not None]
    options: list[dict[str, Cell]] = [
        {
            "option": name,
            "default": "required" if info.is_required() else _text(info.default),
            "what it is": (info.description or "") + _one_of(choices(info)),
        }
        for name, info in source.options.model_fields.items()
    ]
    defaults = {**source.defaults, **dataset.defaults}
    notes = [*dataset.notes, *doubts_of(dataset, parts)]
    tables = [Table(["what", "value"], about, f"{dataset.name}: {source.help}", notes), _balance(dataset)]
    if options:
        tables.append(Table(["option", "default", "what it is"], options, "Options (--data KEY=VALUE)"))
    if defaults:
        lines: list[dict[str, Cell]] = [{"field": k, "default": _text(v)} for k, v in defaults.items()]
        tables.append(Table(["field", "default"], lines, "Defaults for training"))
    return tables


def _one_of(words: tuple[str, ...]) -> str:
    return f" One of: {', '.join(words)}." if words else ""


def _test_set(dataset: Dataset) -> str:
    if dataset.test_is_train:
        return "the table itself"
    if dataset.test_index is None:
        if dataset.is_ordered:
            return "none: the last rows are held out"
        whole = "" if dataset.groups is None else " of whole groups"
        return f"none: a part{whole} is held out"
    return f"{len(dataset.test_index):,} {'examples of its own' if dataset.notes else 'official examples'}"


def _balance(dataset: Dataset) -> Table:
    if dataset.task == "classification":
        counts = np.bincount(dataset.y, minlength=len(dataset.classes))
        rows: list[dict[str, Cell]] = [
            {"class": name, "examples": int(count), "share": float(count / counts.sum())}
            for name, count in zip(dataset.classes, counts, strict=True)
        ]
        return Table(["class", "examples", "share"], rows, "Classes")
    names_ = dataset.targets or tuple(f"y{k}" for k in range(dataset.y.shape[1]))
    rows = [
        {"target": name, "mean": float(y.mean()), "sd": float(y.std()), "min": float(y.min()), "max": float(y.max())}
        for name, y in zip(names_, dataset.y.T, strict=True)
    ]
    return Table(["target", "mean", "sd", "min", "max"], rows, "Targets")


def _text(value: object) -> str:
    if value is None:
        return "none"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def needs_options(name: str) -> bool:
    """Return whether a dataset cannot be loaded without options."""
    return any(info.is_required() for info in source_of(name).options.model_fields.values())
