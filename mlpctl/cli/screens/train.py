"""Show one trial in training: a line an epoch, its learning curve, its scores at the end."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.cli.screens.base import Screen, console, progress_bar, say
from mlpctl.display.tables import Cell, Format, Table, emit, for_people
from mlpctl.display.text import carries, sparkline
from mlpctl.engines.base import Event
from mlpctl.errors import TrialsFailed, one_line
from mlpctl.metrics import PRIMARY
from mlpctl.report.baseline import baseline_words
from mlpctl.runner.trial import Trial
from mlpctl.store.schema import Row

if TYPE_CHECKING:
    from mlpctl.runner.train import Trained

LEAST_CURVE = 10
"""Epochs from which a learning curve is drawn: fewer are seen at a glance in the lines above it."""


class TrainScreen(Screen):
    """Progress of one trial: a line an epoch on stdout, a bar on stderr where that is a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        """Show nothing if quiet."""
        self.quiet = quiet
        self.progress = None if quiet or not sys.stderr.isatty() else progress_bar(console())
        self.row: Row = {}
        self.epochs: list[Row] = []

    def start(self) -> None:
        """Show the bar."""
        if self.progress is not None:
            self.progress.start()

    def stop(self) -> None:
        """Take the bar away."""
        if self.progress is not None:
            self.progress.stop()

    def on_epoch(self, trial: Trial, event: Event) -> None:
        """Keep the scores of an epoch, and print its line."""
        if event.scores:
            self.epochs.append({"epoch": event.epoch, **event.scores})
        if self.quiet:
            return
        if self.progress is not None:
            if not self.progress.tasks:
                self.progress.add_task("training", total=trial.spec.epochs)
            self.progress.update(self.progress.task_ids[0], completed=event.epoch)
        if event.scores and not (event.status == "ok" and trial.spec.epochs == 0):
            self.print(epoch_line(event.epoch, trial.spec.epochs or 0, event.scores, event.seconds))

    def on_trial(self, row: Row) -> None:
        """Keep the row of the trial."""
        self.row = row

    def print(self, line: str) -> None:
        """Print a line of results; above the bar where both are the same terminal."""
        line = one_line(line)
        if self.progress is not None and sys.stdout.isatty():
            self.progress.console.print(line, soft_wrap=True, markup=False)
        else:
            print(line, flush=True)

    def on_note(self, text: str) -> None:
        """Print something the user should know."""
        say([text], None if self.progress is None else self.progress.console)

    def conclude(self, done: "Trained", format_: Format, output: Path | None) -> None:
        """Print the final line, or the trial and its epochs in a machine format.

        Raises:
            TrialsFailed: if the trial did not end well.
        """
        row, epochs, people = self.row, self.epochs, format_ == "table" and output is None
        if not row or not people:
            from mlpctl.store import reader  # 40 ms, with Arrow

            row, epochs = reader.trial(done.folder, done.trial.key)
        if not people:
            emit([_table("trial", [row]), _table("epochs", epochs)], format_, output)
        elif not self.quiet:
            if done.counts.stored:
                for epoch in epochs:
                    scores = {k: v for k, v in epoch.items() if isinstance(v, float)}
                    self.print(epoch_line(int(epoch["epoch"] or 0), done.trial.spec.epochs or 0, scores, None))
                self.on_note(f"read from {done.folder}, where this trial is already; --force trains it again")
            if carries(sys.stdout.encoding) and (curve := curve_line(str(row["task"]), epochs)):
                self.print(curve)
            self.print(final_line(row))
            self.on_note(f"saved in {done.folder} as {done.trial.key}")
        if done.weights is not None:
            self.on_note(f"weights in {done.weights}")
        if row["status"] != "ok":
            raise TrialsFailed(f"the trial {row['status']}: {row['error']}")


def _table(title: str, rows: Sequence[dict[str, Cell]]) -> Table:
    columns = list(dict.fromkeys(name for row in rows for name, value in row.items() if value is not None))
    return Table(columns, rows, title)


SCORE_HEADINGS = {
    "train_loss": "train loss",
    "train_accuracy": "train acc",
    "fit_loss": "fit loss",
    "fit_accuracy": "fit acc",
    "val_loss": "val loss",
    "val_accuracy": "val acc",
    "val_r2": "val R²",
    "test_loss": "test loss",
    "test_accuracy": "test acc",
}


def epoch_line(epoch: int, epochs: int, scores: dict[str, float], seconds: float | None) -> str:
    """Return the line of an epoch: losses, accuracies, seconds."""
    parts = [f"epoch {epoch:>{len(str(epochs))}}/{epochs}"]
    parts += [f"{label} {for_people(scores[name])}" for name, label in SCORE_HEADINGS.items() if name in scores]
    return "  ".join([*parts, lasting(seconds)] if seconds is not None else parts)


def lasting(seconds: float) -> str:
    """Return a time in the unit it is read in: 2 min 3 s, 1.03 s, 14.2 ms, 91 µs."""
    if seconds >= 100:
        return f"{seconds // 60:,.0f} min {seconds % 60:.0f} s"
    size, unit = next((pair for pair in ((1.0, "s"), (1e-3, "ms")) if seconds >= pair[0]), (1e-6, "µs"))
    return f"{seconds / size:.3g} {unit}"


def curve_line(task: str, epochs: Sequence[Mapping[str, Any]]) -> str:
    """Return the learning curve of the primary metric in a line, of the part that tells most; "" for a few epochs."""
    for column, part in (("val", "validation"), ("test", "test"), ("train", "training")):
        scores = [epoch.get(f"{column}_{PRIMARY[task]}") for epoch in epochs]
        values = [score for score in scores if score is not None and math.isfinite(score)]
        if len(values) >= LEAST_CURVE:
            first, last = for_people(values[0]), for_people(values[-1])
            return f"{part} {PRIMARY[task]} by epoch  {first} {sparkline(values)} {last}"
    return ""


def final_line(row: dict[str, Any]) -> str:
    """Return what a trial came to: its primary metric on the parts that were scored, and their sizes."""
    metric = PRIMARY[str(row["task"])]
    scores = [
        f"{part} {metric} {for_people(row[f'{column}_{metric}'])}"
        + (f" ({count:,} examples)" if (count := row.get(f"{column}_examples")) else "")
        for part, column in (("test", "test"), ("validation", "val"), ("training", "train"))
        if row.get(f"{column}_{metric}") is not None
    ]
    told = [", ".join(scores) or "no score", *([words] if scores and (words := baseline_words([row], metric)) else [])]
    spec = f"{row['dataset']} {str(row['model']).partition('@')[0]}"
    took = f"{row['epochs_done']} epochs in {lasting(row['seconds'])}" if row.get("seconds") is not None else ""
    took = f"best epoch {row['best_epoch']} of {took}" if row.get("best_epoch") else took
    return f"{spec}: {'; '.join(told)} ({took}, {row['parameters']:,} parameters)"
