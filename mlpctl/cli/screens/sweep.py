"""Show the progress of a sweep: a live view on a terminal, a plain line now and then off it."""

import sys
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.cli.screens.base import Screen, console, say
from mlpctl.cli.screens.time_left import clock, seconds_left
from mlpctl.display.tables import as_chosen, for_people
from mlpctl.display.text import sparkline
from mlpctl.engines.base import Event
from mlpctl.errors import one_line
from mlpctl.report.statistics.student import t95
from mlpctl.runner.callbacks.progress import Leader, Progress
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.sweep import trial_count
from mlpctl.runner.trial import Trial
from mlpctl.search.table import BY_EPOCHS
from mlpctl.store import reader
from mlpctl.store.experiment_keys import own_keys
from mlpctl.store.folder_files import read_experiment
from mlpctl.store.schema import EXPERIMENT_FILE, Row

if TYPE_CHECKING:  # rich takes 25 ms, which a quiet sweep has no use for
    from rich.console import Console, RenderableType
    from rich.live import Live

SECONDS_BETWEEN_LINES = 10.0
"""Off a terminal, progress is a plain line now and then."""

REFRESHES = 4
"""Redraws of the live view a second."""


class SweepScreen(Screen):
    """Progress of a sweep, on stderr."""

    def __init__(
        self,
        experiment: Experiment,
        *,
        jobs: int,
        quiet: bool,
        folder: Path | None = None,
        total: int | None = None,
        streams: bool = True,
    ) -> None:
        """Expect the trials of an experiment, or `total` of them; who leads in the folder, leads from the start.

        Args:
            experiment: to watch.
            jobs: trials in training at a time.
            quiet: show nothing.
            folder: of trials that are there already.
            total: of the trials, where these are not all of the experiment.
            streams: epochs are told as they end, and not when their trial is over.
        """
        select, seeds = experiment.select, len(experiment.seeds)
        by_epochs = experiment.search.method in BY_EPOCHS
        self.progress = Progress(
            total or trial_count(experiment), experiment.varied, select.on, select.metric, seeds, by_epochs
        )
        self.experiment, self.folder, self.jobs, self.quiet = experiment, folder, jobs, quiet
        self.since = self.printed = time.monotonic()
        self.is_begun = not streams
        self.is_live = not quiet and sys.stderr.isatty() and not self.err.is_dumb_terminal

    @cached_property
    def err(self) -> "Console":
        """Console on stderr."""
        return console()

    @cached_property
    def live(self) -> "Live":
        """The live view."""
        from rich.live import Live

        return Live(
            console=self.err, get_renderable=self.view, refresh_per_second=REFRESHES, transient=True,
            redirect_stdout=False,
        )  # fmt: skip

    def start(self) -> None:
        """Show the view."""
        if self.is_live:
            for row in self._known_rows():
                self.progress.learn(row)
            self.live.start()

    def _known_rows(self) -> Iterator[Row]:
        """Yield the rows of this experiment that are in the folder, where it is the folder's last one."""
        if self.folder is None or read_experiment(self.folder / EXPERIMENT_FILE) != self.experiment.as_toml():
            return
        own = own_keys(self.folder)
        for row in reader.scores(self.folder, (*self.progress.varied, "epochs")):
            if own is None or row["key"] in own:
                yield row

    def stop(self) -> None:
        """Take the view away."""
        if self.is_live:
            self.live.stop()

    def on_epochs(self, trial: Trial, event: Event) -> None:
        """Add epochs to the progress; time is counted from the first on, as compiling is done once."""
        if not self.is_begun:
            self.since = time.monotonic() - (event.seconds or event.group_seconds or 0.0)
            self.is_begun = True
        self.progress.on_epochs(trial, event)

    def on_stored(self) -> None:
        """Count a trial that is there already."""
        self.progress.on_stored()

    def on_trial(self, row: Row) -> None:
        """Count a trial; off a terminal print a line now and then."""
        self.progress.on_trial(row)
        now = time.monotonic()
        if not self.quiet and not self.is_live and now - self.printed > SECONDS_BETWEEN_LINES:
            self.printed = now
            print(plain_line(self.progress, now - self.since), file=sys.stderr, flush=True)

    def on_note(self, text: str) -> None:
        """Print something the user should know."""
        say([text], self.err if self.is_live else None)

    def view(self) -> "RenderableType":
        """Return the live view of this moment."""
        return view(self.progress, self.jobs, time.monotonic() - self.since, plain=self.err.options.ascii_only)


def view(progress: Progress, jobs: int, seconds: float, *, plain: bool = False) -> "RenderableType":
    """Return a bar with what is left, the counts, the best with its interval, and the leader's learning curve.

    Args:
        progress: of the sweep.
        jobs: trials in training at a time.
        seconds: since training began.
        plain: use no characters beyond ASCII.
    """
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table as Grid
    from rich.text import Text

    bar = Grid.grid(padding=(0, 1), expand=True)
    bar.add_column()
    bar.add_column(ratio=1)
    bar.add_column()
    left = seconds_left(progress, seconds)
    bar.add_row(
        f"{progress.over} of {progress.total}",
        ProgressBar(total=max(progress.total, 1), completed=progress.over),
        "" if left is None else f"{clock(left)} left",
    )
    counts = Text(", ").join(
        Text(f"{count:,} {what}", style="red" if what == "failed" else "")
        for what, count in counts_of(progress, jobs).items()
        if count
    )
    lines: list[RenderableType] = [bar, counts]
    leader = progress.leader()
    if leader is not None:
        lines.append(Text(leader_line(leader), overflow="ellipsis", no_wrap=True))
        if len(leader.curve) > 1 and not plain:
            first, last = for_people(leader.curve[0]), for_people(leader.curve[-1])
            lines.append(Text(f"     {first} {sparkline(leader.curve)} {last} in its last trial"))
    return Group(*lines)


def plain_line(progress: Progress, seconds: float) -> str:
    """Return all of it in one line, for a file."""
    left, leader = seconds_left(progress, seconds), progress.leader()
    counts = ", ".join(f"{count} {what}" for what, count in counts_of(progress, 0).items() if count)
    parts = [f"{progress.over} of {progress.total} trials ({counts})"]
    parts += [] if leader is None else [leader_line(leader)]
    parts += [] if left is None else [f"{clock(left)} left"]
    return "; ".join(parts)


def counts_of(progress: Progress, jobs: int) -> Mapping[str, int]:
    """Return what became of how many trials; failed ones are not among those trained."""
    return {
        "trained": progress.trained - progress.failed,
        "in the store before": progress.stored,
        "failed": progress.failed,
        "running": progress.running(jobs) if jobs else 0,
    }


def leader_line(leader: Leader) -> str:
    """Return the best in words: mean, interval, seeds, what it is."""
    around = "(one seed)"
    if leader.error is not None:
        half = t95(leader.seeds - 1) * leader.error
        around = f"± {for_people(half)} (95 %, {leader.seeds} seeds)"
    return f"best {leader.column} {for_people(leader.mean)} {around}: {where(leader.where)}".removesuffix(": ")


def where(fields: Mapping[str, Any]) -> str:
    """Return fields as "lr 0.1, hidden_units 32"."""
    return one_line(", ".join(f"{name} {as_chosen(value)}" for name, value in fields.items() if value is not None))
