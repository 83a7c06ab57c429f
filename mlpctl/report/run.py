"""Show one trained trial in Python: its row, epochs, weights, predictions, learning curve."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlpctl.display.tables import Table, for_people
from mlpctl.metrics import METRICS, PREFIX, PRIMARY
from mlpctl.report.dataframes import frame_cell
from mlpctl.report.notebook import as_html, as_text, frame, shown
from mlpctl.report.summary import summarize
from mlpctl.store.results import ResultsFolders, load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from mlpctl.metrics import SelectOn

LAST = 5
"""Epochs that are shown of a trial."""


class Run:
    """A trained network: what `mlpctl.train` returns, and `Results.run` for any trial of a folder.

    Attributes:
        folder: the results folder.
        key: of the trial.
        notes: notes on its training.
    """

    def __init__(self, folder: Path, key: str, *, notes: Sequence[str] = (), kept: object = None) -> None:
        """Point at a trial of a results folder; `kept` keeps a temporary folder alive."""
        self.folder, self.key, self.notes, self._kept = folder, key, tuple(notes), kept

    @cached_property
    def _results(self) -> ResultsFolders:
        from dataclasses import replace

        results = load(self.folder, every=True)
        return replace(results, rows=results.rows.rows(results.rows["key"] == self.key))

    @cached_property
    def trial(self) -> "pd.Series[Any]":
        """The row of the trial: its spec and its scores at the end, under the names of docs/columns.md."""
        row = self._results.trials.iloc[0].dropna()
        return row.rename(self.key)

    @cached_property
    def epochs(self) -> "pd.DataFrame":
        """A row per epoch: losses and scores; columns that are empty are left out."""
        return self._results.epochs.drop(columns=["schema_version", "key"]).dropna(axis="columns", how="all")

    @property
    def status(self) -> str:
        """The status of the trial: ok, diverged, …; see docs/columns.md."""
        return str(self.trial["status"])

    @cached_property
    def weights(self) -> "dict[str, NDArray[Any]] | None":
        """The trained weights by name, as safetensors has them; None where they were not kept (`save=True` does)."""
        from mlpctl.store.find_trial import StoredTrial
        from mlpctl.store.weights import read_weights

        path = StoredTrial(self.folder, self.key).file
        return read_weights(path) if path.is_file() else None

    def predict(
        self,
        X: "ArrayLike | None" = None,
        *,
        index: Sequence[int] = (),
        part: "SelectOn" = "test",
        texts: Sequence[str] = (),
    ) -> "pd.DataFrame":
        """Return a row per example: the prediction, and the probability of each class where the loss gives any.

        Args:
            X: examples of your own (B, D), inputs as the dataset has them, before scaling.
            index: examples of the dataset, counted from 0 in `part`; the truth is beside the prediction.
            part: that `index` counts in: test, train or validation.
            texts: sentences, for langid.

        Raises:
            DataError: where no weights were kept, or the data are not those any more.
            UsageError: unless there is one kind of example, which the dataset has.
        """
        import numpy as np

        from mlpctl.inspection.loader import load_saved
        from mlpctl.inspection.predict import predict

        rows = None if X is None else np.asarray(X)
        saved = load_saved(f"{self.folder}#{self.key}")
        tables, _ = predict(saved, rows=rows, index=index, part=part, texts=texts, people=False)
        return frame(tables[0])

    def plot(self, *, on: "SelectOn" = "validation", metric: str | None = None) -> "Figure":
        """Return the learning curve.

        Raises:
            UsageError: where there is none.
        """
        from mlpctl.report.figures.draw import draw
        from mlpctl.report.report import curve_drawings

        (summary,) = summarize(self._results, on=on, metric=metric)
        return shown(draw(*reversed(curve_drawings(summary, self._results))))

    def _tables(self) -> list[Table]:
        row = self.trial
        task: Literal["classification", "regression"] = row.get("task", "classification")
        scores = [
            f"{part} {PRIMARY[task]} {for_people(float(row[f'{prefix}_{PRIMARY[task]}']))}"
            for part, prefix in (("test", "test"), ("validation", PREFIX["validation"]), ("training", "train"))
            if f"{prefix}_{PRIMARY[task]}" in row
        ]
        title = f"{row['dataset']} {row.get('model', '')}: {self.status.replace('_', ' ')}"
        said = [", ".join(scores)] if scores else []
        said += [str(row["error"])] if row.get("error") else []
        last = self.epochs.tail(LAST)
        columns = [name for name in last if name == "epoch" or str(name).endswith(METRICS)]
        rows = [{str(k): frame_cell(v) for k, v in line.items()} for line in last[columns].to_dict("records")]
        more = f"The last {LAST} of {len(self.epochs)} epochs." if len(self.epochs) > LAST else ""
        notes = [*([more] if more else []), *self.notes, f"Trial {self.key} of {self.folder.name}."]
        return [Table((), (), title, said), Table([str(name) for name in columns], rows, "", notes)]

    def __repr__(self) -> str:
        """Return what the trial came to, in plain text."""
        return as_text(self._tables())

    def _repr_html_(self) -> str:
        return as_html(self._tables())
