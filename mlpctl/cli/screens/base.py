"""Show notes and bars on stderr, and handle Ctrl-C, for the commands that train."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Self

from mlpctl.errors import Interrupted, one_line
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.types import Stop
from mlpctl.store.schema import Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def set_offline(offline: bool) -> None:
    """Forbid the network for this process."""
    if offline:
        os.environ["MLPCTL_OFFLINE"] = "1"


def say(notes: Sequence[str], above: "Console | None" = None) -> None:
    """Print notes on stderr, a line each; through a console where something moves there, above it."""
    for note in notes:
        if above is None:
            print(f"note: {one_line(note)}", file=sys.stderr)
        else:
            above.print(f"note: {one_line(note)}", soft_wrap=True, markup=False)


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


def console() -> "Console":
    """Return stderr as rich writes to it, numbers as plain as the rest."""
    from rich.console import Console  # 20 ms: not for what is quiet

    return Console(stderr=True, highlight=False)


def progress_bar(console: "Console") -> "Progress":
    """Return a bar on a terminal; off a terminal it shows nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class Screen(Callback):
    """Callback that is shown while a block runs."""

    def start(self) -> None:
        """Show it."""

    def stop(self) -> None:
        """Take it away."""

    def __enter__(self) -> Self:
        """Show it for a block."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away at the end of the block."""
        self.stop()


class CountScreen(Screen):
    """Bar on stderr that counts trials, where that is a terminal."""

    def __init__(self, what: str, total: int, *, quiet: bool) -> None:
        """Show nothing if quiet."""
        self.quiet, self.err = quiet, console()
        self.bar = progress_bar(self.err)
        self.task = self.bar.add_task(what, total=total)

    def start(self) -> None:
        """Show the bar."""
        if not self.quiet:
            self.bar.start()

    def stop(self) -> None:
        """Take the bar away."""
        self.bar.stop()

    def on_trial(self, _row: Row) -> None:
        """Count a trial."""
        self.bar.advance(self.task)

    def on_stored(self) -> None:
        """Count a trial that was there."""
        self.bar.advance(self.task)

    def on_note(self, text: str) -> None:
        """Print something the user should know."""
        if not self.quiet:
            say([text], self.err)
