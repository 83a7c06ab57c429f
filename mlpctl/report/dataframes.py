"""The statistics of a report for those who compute with DataFrames: converted at this border, computed elsewhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.display.tables import Cell
from mlpctl.report import summary, tables
from mlpctl.report.statistics import significance
from mlpctl.store.columns import Array, Columns, objects

if TYPE_CHECKING:
    import pandas as pd


def of_frame(frame: "pd.DataFrame") -> Columns:
    """Return the columns of a DataFrame."""
    return Columns({str(name): _array(frame[name]) for name in frame.columns}, len(frame))


def _array(series: "pd.Series[Any]") -> Array:
    there = series.notna()
    if series.dtype == "Int64" and there.all():
        return series.to_numpy(dtype=np.int64)
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return series.to_numpy()
    return objects([value if known else None for value, known in zip(series.tolist(), there, strict=True)])


def summary_frame(trials: "pd.DataFrame", by: Sequence[str], column: str) -> "pd.DataFrame":
    """Return a row per value of `by`, see `mlpctl.report.summary.over`."""
    table = summary.over(of_frame(trials), by, column).frame()
    return table.astype({name: trials[name].dtype for name in by})


def score_frame(trials: "pd.DataFrame", by: str | Sequence[str], column: str) -> "pd.DataFrame":
    """Return the scores of good trials: a row per seed, a column per value of `by` that has any."""
    import pandas as pd

    scores = significance.by_seed(of_frame(trials), by, column)
    if isinstance(by, str):
        names = pd.Index(pd.Series(scores.names, dtype=trials[by].dtype))
        return pd.DataFrame(scores.values, columns=names)
    return pd.DataFrame(scores.values, columns=pd.MultiIndex.from_tuples(scores.names, names=list(by)))


def frame_rows(table: "pd.DataFrame") -> list[dict[str, Cell]]:
    """Return the rows as plain values; what is missing as None, whole numbers as such."""
    return [{str(name): frame_cell(value) for name, value in row.items()} for row in table.to_dict("records")]


def frame_cell(value: Any) -> Cell:
    """Return a cell of a DataFrame as a plain value: None for what is missing, whole floats as whole numbers."""
    import pandas as pd

    if value is None or pd.isna(value):
        return None
    return tables.plain_cell(value.item() if hasattr(value, "item") else value)
