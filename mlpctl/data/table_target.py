"""Decide what the target of a table asks for: classes or numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.base import Task
from mlpctl.data.cells import Cells, as_texts
from mlpctl.data.columns import Column, Reading, understood
from mlpctl.data.encoding import check_whole, encoded
from mlpctl.errors import DataError

AskedTask = Literal["auto", "classification", "regression"]

FEW_VALUES, SEVERAL = 20, 3
"""Distinct whole numbers up to which a target is taken for classes, and rows that there are for each on average."""

MOST_IMAGE_CLASSES = 1000
"""Distinct whole numbers up to which a target beside images is taken for classes."""

DEFAULTS: Mapping[Task, Mapping[str, Any]] = {"classification": {}, "regression": {"lr": 0.01}}
"""Values of Spec fields that the user leaves open. At lr 0.1 the squared error of a few far examples ends training."""


@dataclass(frozen=True, eq=False)
class Target:
    """Target of a table.

    Attributes:
        task: classification or regression.
        y: classes (N,) int32, or numbers (N, M).
        classes: names of the classes; () for regression.
        told: task and why, in words.
        columns: what its columns were understood as.
        is_new: it reads otherwise than by the first rules, so its digest is another.
    """

    task: Task
    y: NDArray[Any]
    classes: tuple[str, ...]
    told: str
    columns: tuple[Column, ...] = ()
    is_new: bool = False


def encode_target(
    target: Mapping[str, Cells], path: Path, asked: AskedTask, reading: Reading, most: int = FEW_VALUES
) -> Target:
    """Return the target of a table, and the task that follows from it.

    Words are classes. So are whole numbers of few distinct values with several rows each, and columns of 0 and 1 of
    which each row has one 1. All else is a regression.

    Args:
        target: its cells by column.
        path: file, for messages.
        asked: task that the user named, or auto.
        reading: what the user says of how numbers are written.
        most: distinct whole numbers that are classes at most.

    Raises:
        DataError: for empty or infinite cells, words where numbers are needed, a target that is neither task.
    """
    columns, values = list[Column](), list[NDArray[np.float64]]()
    for name, cells in target.items():
        if isinstance(cells, list):
            column = understood(name, cells, reading, str(path))
            columns.append(column)
            values.append(encoded(column, cells, str(path))[0])
        else:
            check_whole(cells, name, str(path))
            values.append(cells)
    names, first = tuple(target), values[0]
    is_numeric = all(column.kind != "category" for column in columns)
    if len(values) > 1:
        return _several(names, values, path, asked, tuple(columns), is_numeric=is_numeric)
    if not is_numeric:
        if asked == "regression":
            raise DataError(f"{path}: a regression needs numbers, and the target has words: set task=classification")
        y = first.astype(np.int32)
        return _classes(y, columns[0].words, names[0], path, "words", tuple(columns))
    distinct, codes_ = np.unique(first, return_inverse=True)
    whole = bool((distinct % 1 == 0).all())
    several = len(first) >= SEVERAL * len(distinct)
    is_classes = whole and len(distinct) <= most and several
    was_whole = _was_whole(target[names[0]])
    was_classes = whole and len(distinct) <= FEW_VALUES and was_whole
    is_new = asked == "auto" and is_classes != was_classes
    if asked == "classification" or (asked == "auto" and is_classes):
        labels = tuple(f"{value:.15g}" for value in distinct.tolist())
        why = "whole numbers with several rows each" if asked == "auto" else "as --data task says"
        return _classes(codes_.astype(np.int32), labels, names[0], path, why, tuple(columns), is_new=is_new)
    why = (
        "as --data task says"
        if asked == "regression"
        else ("numbers" if not whole else f"{len(distinct)} different whole numbers in {len(first)} rows")
    )
    told = f"regression ({why}; --data task=classification says otherwise)"
    return Target("regression", first[:, None], (), told, tuple(columns), is_new)


def target_of(
    found: Target, cells: Mapping[str, Cells], path: Path, reading: Reading
) -> NDArray[np.int32] | NDArray[np.float64]:
    """Return the target of new examples, understood as in training.

    Args:
        found: target of the table that was trained on.
        cells: its columns in the new file.
        path: new file, for messages.
        reading: what the user says of how numbers are written.

    Raises:
        DataError: for an empty cell, or a class that training did not have.
    """
    known = {column.name: column for column in found.columns}
    values, unseen, is_word = list[NDArray[np.float64]](), list[str](), False
    for name, own in cells.items():
        column = known.get(name)
        if not isinstance(own, list) and (column is None or column.kind != "category"):
            check_whole(own, name, str(path))
            values.append(own)
            continue
        texts = own if isinstance(own, list) else as_texts(own)
        column = column or understood(name, texts, reading, str(path))
        codes, unseen = encoded(column, texts, str(path))
        values.append(codes)
        is_word = column.kind == "category"
    if found.task == "regression":
        return np.stack(values, axis=1)
    if len(values) > 1:  # a column of 0 and 1 for each class
        codes = np.stack(values, axis=1).argmax(axis=1)
    elif is_word:
        codes = values[0]
    else:
        labels, place = as_texts(values[0]), {label: k for k, label in enumerate(found.classes)}
        unseen = [label for label in labels if label not in place]
        codes = np.array([place.get(label, -1) for label in labels])
    if unseen:
        raise DataError(f"{path} has '{unseen[0]}' in {', '.join(cells)}, which is no class of the training data")
    return np.asarray(codes, np.int32)


def _was_whole(cells: Cells) -> bool:
    """Return whether the first rules took numbers for whole: 1 and not 1.0."""
    return all("." not in cell and "e" not in cell.lower() for cell in cells) if isinstance(cells, list) else False


def _classes(
    y: NDArray[Any], classes: tuple[str, ...], name: str, path: Path, why: str, columns: tuple[Column, ...],
    *, is_new: bool = False,
) -> Target:  # fmt: skip
    if len(classes) < 2:
        raise DataError(f"{path}: the target '{name}' has one value only: two classes at least are needed")
    otherwise = "" if why == "words" else "; --data task=regression says otherwise"
    told = f"classification, {len(classes)} classes ({why}{otherwise})"
    return Target("classification", y, classes, told, columns, is_new)


def _several(
    names: tuple[str, ...], numbers: Sequence[NDArray[np.float64]], path: Path, asked: AskedTask,
    columns: tuple[Column, ...], *, is_numeric: bool,
) -> Target:  # fmt: skip
    """Return the target of several columns: numbers, or classes of which each row has one."""
    if asked == "classification" and not is_numeric:
        raise DataError(f"{path}: a classification has one target, got {', '.join(names)}")
    if not is_numeric:
        raise DataError(f"{path}: a target of several columns has numbers, and one of {', '.join(names)} has words")
    y = np.stack(numbers, axis=1)
    if asked == "regression" or not np.isin(y, (0.0, 1.0)).all():
        if asked == "classification":
            raise DataError(f"{path}: a classification has one target, got {', '.join(names)}")
        return Target("regression", y, (), f"regression, {len(names)} numbers a row", columns)
    if (y.sum(axis=1) == 1).all():
        return Target(
            "classification", y.argmax(axis=1).astype(np.int32), names,
            f"classification, {len(names)} classes (one column each)", columns, is_new=True,
        )  # fmt: skip
    raise DataError(
        f"{path}: the target columns {', '.join(names)} have 0 and 1 alone, and rows with none or several of them: "
        "name one column, or set --data task=regression"
    )
