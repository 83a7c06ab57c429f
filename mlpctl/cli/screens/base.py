"""What the commands that train have in common: notes and bars on stderr, who looks on, what Ctrl-C does."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

from mlpctl.engines.base import Event
from mlpctl.errors import Interrupted
from mlpctl.runner.loop import Stop, Watch
from mlpctl.runner.rows import Row
from mlpctl.runner.trial import Trial

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TextColumn


def set_offline(offline: bool) -> None:
    """Forbid the network for this process."""
    if offline:
        os.environ["MLPCTL_OFFLINE"] = "1"


def say(notes: Sequence[str], above: "Console | None" = None) -> None:
    """Print notes on stderr, a line each; through a console where something moves there, above it."""
    for note in notes:
        if above is None:
            print(f"note: {note}", file=sys.stderr)
        else:
            above.print(f"note: {note}", soft_wrap=True, markup=False)


@contextmanager
def handle_interrupts(stop: Stop, until: str) -> Iterator[None]:
    """Turn the first Ctrl-C into a request to stop; the second ends the process at once.

    At once means without waiting for threads in compiled code. The store is made for being killed at any moment.
    """

    def second(_number: int, _frame: FrameType | None) -> None:
        os._exit(Interrupted.exit_code)

    def first(_number: int, _frame: FrameType | None) -> None:
        stop.requested = True
        signal.signal(signal.SIGINT, second)
        print(f"\nstopping {until}; press Ctrl-C again to stop now", file=sys.stderr)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def tracked(screen: Watch, board: Path | None, mlflow: str | None, folder: Path) -> Iterator[Watch]:
    """Give the screen, or one that also writes for TensorBoard into a folder, or for MLflow.

    Args:
        screen: that looks on in any case.
        board: folder for TensorBoard.
        mlflow: tracking URI or folder of MLflow.
        folder: of the results.

    Raises:
        UsageError: where one of them is not installed, or cannot be written.
    """
    with ExitStack() as stack:
        watch = screen
        if board is not None:
            from mlpctl.runner.callbacks.tensorboard import TensorBoard

            watch = stack.enter_context(closing(TensorBoard(board, watch)))
        if mlflow is not None:
            from mlpctl.runner.callbacks.mlflow import Mlflow

            watch = stack.enter_context(closing(Mlflow(mlflow, folder, watch)))
        yield watch


def console() -> "Console":
    """Return stderr as rich writes to it, numbers as plain as the rest."""
    from rich.console import Console  # 20 ms: not for what is quiet

    return Console(stderr=True, highlight=False)


def progress_bar(console: "Console", *columns: "TextColumn") -> "Progress":
    """Return a bar on a terminal; off a terminal it shows nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class CountScreen:
    """How many trials of some are done: a bar on stderr where that is a terminal."""

    def __init__(self, what: str, total: int, *, quiet: bool) -> None:
        """Show nothing if quiet."""
        self.quiet, self.err = quiet, console()
        self.bar = progress_bar(self.err)
        self.task = self.bar.add_task(what, total=total)

    def __enter__(self) -> Self:
        """Show the bar."""
        if not self.quiet:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self.bar.stop()

    def epoch(self, trial: Trial, event: Event) -> None:
        """Nothing: trials are counted."""

    def finished(self, _row: Row) -> None:
        """Count a trial."""
        self.bar.advance(self.task)

    def stored(self) -> None:
        """Count a trial that was there."""
        self.bar.advance(self.task)

    def note(self, text: str) -> None:
        """Print something the user should know."""
        if not self.quiet:
            say([text], self.err)
