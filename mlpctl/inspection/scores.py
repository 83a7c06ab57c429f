"""Score a trained trial on rows of its data, by the engine that trained it: the same numbers to the last bit."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.new_inputs import NewExamples
from mlpctl.data.prepare import Data
from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.engines.base import Engine, Work
from mlpctl.errors import DataError
from mlpctl.inspection.loader import Saved
from mlpctl.registry import import_registered

PART_NAMES = {"train": "training", "val": "validation", "test": "test"}

NO_ROWS = np.empty(0, np.int64)


def parts_of(saved: Saved, new: NewExamples) -> dict[str, NDArray[np.int64]]:
    """Return the parts that the examples of a file are scored in: name -> places of examples.

    A file that has exactly the examples of the training data has their parts: it would say little to score what was
    learned together with what was held out. Any other is one part; a file without a target has none.
    """
    dataset, data = saved.trial.dataset, saved.trial.data
    if _is_same(dataset.X, new.X) and (new.beside.y is None or np.array_equal(dataset.y, new.beside.y)):
        return {PART_NAMES[part]: rows for part, rows in data.parts.items() if len(rows)}
    return {} if new.beside.y is None else {"all": np.arange(new.X.shape[0], dtype=np.int64)}


def _is_same(a: Any, b: Any) -> bool:
    if a.shape != b.shape:
        return False
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return int((a != b).sum()) == 0


def scores_table(saved: Saved, data: Data, parts: Mapping[str, NDArray[np.int64]]) -> Table:
    """Return the scores of examples whose target is known, a row for each part."""
    rows: list[dict[str, Cell]] = [
        {"part": name, "examples": len(parts[name]), **scores} for name, scores in scores_on(saved, data, parts).items()
    ]
    same = "The file has the examples of the training run." if len(rows) > 1 else ""
    return Table(list(rows[0]), rows, "Scores", [same] if same else [])


def scores_line(row: Mapping[str, Cell]) -> str:
    """Return the scores of a part in a line."""
    numbers = ", ".join(f"{name} {for_people(row[name])}" for name in row if name not in ("part", "examples"))
    return f"scores of {row['examples']:,} examples ({row['part']}): {numbers}"


def scores_on(saved: Saved, data: Data, parts: Mapping[str, NDArray[np.int64]]) -> dict[str, dict[str, float]]:
    """Return for each part the metrics of the task with the trial's weights.

    Args:
        saved: a trial with weights.
        data: prepared for its spec.
        parts: name -> rows of the data, in the order in which the engine is to add them up.
    """
    spec, weights = saved.trial.spec, saved.weights
    assert weights is not None
    start = spec.model_copy(update={"init_from": "the saved weights"})
    engine = _engine(saved, data)
    found: dict[str, dict[str, float]] = {}
    for name, rows in parts.items():
        own = replace(data, parts={**data.parts, "val": NO_ROWS, "test": rows})
        work = Work(name, start, saved.trial.network, own, 0, test_at=frozenset((0,)), start=dict(weights))
        session = engine.open("cpu", 1, int(str(saved.row.get("threads") or 1)))
        try:
            (event,) = session.advance([work])
        finally:
            session.close()
        if event.status != "ok":
            raise DataError(f"the weights of {saved.place} give no scores: {event.error or event.status}")
        found[name] = {column.removeprefix("test_"): score for column, score in event.scores.items()}
    return found


def _engine(saved: Saved, data: Data) -> Engine:
    """Return the engine that trained a trial; reference where it is not ready on this machine."""
    name: Any = saved.row.get("used_engine")
    reference: Engine = import_registered("engine", "reference")
    if name not in ("kernel", "lanes"):
        return reference
    if name == "kernel":
        from mlpctl.engines.kernel.cache import functions_for, missing

        if missing(functions_for(data.X.dtype.name, saved.trial.spec.dtype)):
            return reference
    engine: Engine = import_registered("engine", str(name))
    return reference if engine.why_not(saved.trial.spec, data) else engine
