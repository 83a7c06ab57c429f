"""Show results folders in Python: DataFrames, conclusions, figures, comparisons."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.display.passages import Passage
from mlpctl.display.tables import Table, to_text
from mlpctl.errors import UsageError
from mlpctl.metrics import SelectOn
from mlpctl.report.comparable import with_options
from mlpctl.report.compare.comparison import ResultsComparison as FoldersComparison
from mlpctl.report.compare.folders import compare_results
from mlpctl.report.ending import best_passage, ending, notes_of, sure_passage
from mlpctl.report.figures.draw import draw
from mlpctl.report.notebook import as_html, as_text, frame, shown
from mlpctl.report.report import curve_drawings, effect_drawing, others_note, standard_tables
from mlpctl.report.run import Run
from mlpctl.report.statistics.importance import importance
from mlpctl.report.summary import Summary, summarize
from mlpctl.store import results as read

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TOP_CONFIGURATIONS = 5
"""Configurations that are shown of results."""


class Comparison:
    """Differences from results A to results B: what `Results.compare` returns.

    Attributes:
        worse: True if B is worse in something, beyond chance.
        sentences: conclusions, in words.
    """

    def __init__(self, compared: FoldersComparison) -> None:
        """Show a comparison."""
        self._compared = compared
        self.worse, self.sentences = compared.worse, compared.sentences

    @property
    def experiment(self) -> "pd.DataFrame":
        """A row per difference in what was asked: part, what, A, B."""
        return frame(self._table(0))

    @property
    def environment(self) -> "pd.DataFrame":
        """A row per difference in what it ran on: what, A, B."""
        return frame(self._table(1))

    @property
    def outcome(self) -> "pd.DataFrame":
        """A row per configuration: A, B, B − A with its 95 % interval, p, and what B is."""
        import pandas as pd

        return pd.concat([frame(table) for table in self._compared.outcome], ignore_index=True)

    def _table(self, number: int) -> Table:
        return self._compared.tables(people=False)[number]

    def __repr__(self) -> str:
        """Return the comparison in plain text."""
        return as_text(self._compared.tables())

    def _repr_html_(self) -> str:
        return as_html(self._compared.tables())


class Results:
    """Contents of results folders: what `mlpctl.load` and `mlpctl.sweep` return.

    Attributes:
        folders: results folders that were read.
        notes: notes on the training, where this came from `mlpctl.sweep`.
    """

    def __init__(
        self, folders: Sequence[Path], *, notes: Sequence[str] = (), every: bool = False, kept: object = None
    ) -> None:
        """Read the folders, see `mlpctl.load`; `kept` keeps a temporary one alive."""
        self._read = read.load(*folders, every=every)
        others = others_note(self._read.others).replace("--all", "mlpctl.load(…, every=True)")
        self.folders, self.notes, self._kept = tuple(folders), (*notes, *filter(None, [others])), kept

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """A row per trial: spec, status and scores, under the names of docs/columns.md; data.OPTION for options."""
        return with_options(self._read.rows).frame()

    @property
    def epochs(self) -> "pd.DataFrame":
        """A row per trial and epoch; `key` is the trial's."""
        return self._read.epochs

    @property
    def environments(self) -> tuple[Mapping[str, Any], ...]:
        """The environment of each folder's last run; earlier ones under `others`, by the id that trials name."""
        return self._read.environments

    def summaries(self, *, metric: str | None = None, on: SelectOn | None = None) -> list[Summary]:
        """Return the conclusions on each dataset in the results, as the report has them.

        Args:
            metric: what to compare; by default what the experiment says, else the task's.
            on: part to compare on; by default what the experiment says, else validation.

        Raises:
            UsageError: for a metric that the task does not have, or a part that was not scored.
        """
        return summarize(self._read, metric=metric, on=on)

    def summary(self, *, metric: str | None = None, on: SelectOn | None = None) -> "pd.DataFrame":
        """Return a row per configuration, best first: the fields that vary, n, failed, mean, sd, low, high, p.

        low and high are the 95 % interval of the mean over seeds; p is of the difference from the best, paired by seed
        and corrected. Of several datasets each row names its own.

        Args:
            metric: what to compare; by default what the experiment says, else the task's.
            on: part to compare on; by default what the experiment says, else validation.

        Raises:
            UsageError: for a metric that the task does not have, or a part that was not scored.
        """
        import pandas as pd

        several = self.summaries(metric=metric, on=on)
        tables = [summary.configurations for summary in several]
        if len(several) > 1:
            named = zip(several, tables, strict=True)
            tables = [table.assign(dataset=summary.title)[["dataset", *table.columns]] for summary, table in named]
        return pd.concat(tables, ignore_index=True)

    @property
    def best(self) -> "pd.Series[Any]":
        """The best configuration: its fields, the mean with its interval, `test_*`, and the `key` of one of its trials.

        Raises:
            UsageError: where no trial has a score, or the results have several datasets.
        """
        import pandas as pd

        summary = self._one()
        if summary.best is None:
            raise UsageError(f"no trial has a {summary.on} {summary.metric}: there is no best configuration")
        first = summary.configurations.iloc[0].to_dict()  # says what is missing as the other tables do
        best: dict[Any, Any] = {**summary.best, **first}
        return pd.Series(best, name="best", dtype=object)

    @property
    def verdict(self) -> str:
        """The conclusions in sentences: the best, whether that is sure, and what to know beside it."""
        sentences = []
        for summary in self.summaries():
            told = (best_passage(summary, stats=True), sure_passage(summary, self._read))
            sentences += [sentence for passage in told if passage is not None for sentence in passage.sentences]
            sentences += [*notes_of(summary), *summary.doubts]
        return "\n".join(dict.fromkeys(sentences))

    @property
    def importance(self) -> "pd.DataFrame":
        """The share of each axis in what differs between configurations, with its interval.

        `.attrs["notes"]` says what it rests on. Where the trials are no full grid a random forest is asked. No row
        where nothing can be said.
        """
        table = importance(self._one(), self._read.experiments, forest=True)
        return frame(Table(["axis", "share", "low", "high"], [], "") if table is None else table)

    def run(self, key: str | None = None) -> Run:
        """Return one trial: by the beginning of its key, or one of the best configuration.

        Raises:
            UsageError: where the key fits no trial, or several.
        """
        known = self.trials.set_index("key")["folder"]
        fits = known[known.index.str.startswith(str(self.best["key"]) if key is None else key)]
        if len(fits) != 1:
            raise UsageError(
                f"{len(fits)} trials have a key that begins with '{key}': give {'more' if len(fits) else 'one'}"
            )
        folder = next(folder for folder in self.folders if folder.name == fits.iloc[0])
        return Run(folder, str(fits.index[0]), kept=self._kept)

    def compare(self, other: "Results | str | PathLike[str]", *, margin: float = 0.0) -> Comparison:
        """Return what differs from these results (A) to others (B): the experiment, what it ran on, what came of it.

        Args:
            other: results, or their folder.
            margin: differences up to this count as equal.

        Raises:
            DataError: where there are no results.
            UsageError: where their scores cannot be compared.
        """
        others = other if isinstance(other, Results) else Results([Path(other)])
        return Comparison(compare_results(self._read, others._read, margin=margin))

    def plot(self, by: str | Sequence[str] = (), *, metric: str | None = None, on: SelectOn | None = None) -> "Figure":
        """Return the figure of one axis, or the heat map of two; without any, of the axis with most values.

        Raises:
            UsageError: for a field that trials do not have, or where nothing varies.
        """
        fields = [by] if isinstance(by, str) else list(by)
        if len(fields) > 2:
            raise UsageError(f"a figure has one or two axes, got {len(fields)}")
        return shown(draw(effect_drawing(self._one(metric=metric, on=on), fields)))

    def curves(self, *, metric: str | None = None, on: SelectOn | None = None) -> "Figure":
        """Return the figure of the learning curves, the best configurations in colour.

        Raises:
            UsageError: where no finished trial has epochs.
        """
        return shown(draw(*reversed(curve_drawings(self._one(metric=metric, on=on), self._read))))

    def report(self, *, top: int = 10) -> str:
        """Return the report as `mlpctl report` prints it."""
        return to_text(standard_tables(self.summaries(), self._read, top=top), "table")

    def _one(self, *, metric: str | None = None, on: SelectOn | None = None) -> Summary:
        several = self.summaries(metric=metric, on=on)
        if len(several) != 1:
            raise UsageError(f"these results have {len(several)} datasets, and only one can be asked about: load one")
        return several[0]

    def _parts(self) -> list[Table | Passage]:
        parts: list[Table | Passage] = []
        for summary in self.summaries():
            why = importance(summary, self._read.experiments)
            parts += map(_in_python, ending(summary, self._read, why, top=TOP_CONFIGURATIONS))
        return [*parts, *([Table((), (), "", self.notes)] if self.notes else [])]

    def __repr__(self) -> str:
        """Return the best configurations, in plain text."""
        return as_text(self._parts())

    def _repr_html_(self) -> str:
        return as_html(self._parts())


def _in_python(part: Table | Passage) -> Table | Passage:
    """Return a part of the report, its notes without options of the command line."""
    if isinstance(part, Passage):
        return part
    return replace(part, notes=[re.sub(r": --top .*", ": .summary() has all.", note) for note in part.notes])
