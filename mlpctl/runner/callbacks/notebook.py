"""Show progress in a notebook, one line once it takes longer than a second, and handle interrupts without a loss."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import Any

from mlpctl.engines.base import Event
from mlpctl.errors import Interrupted
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import Stop
from mlpctl.store.schema import Row

FIRST_SECONDS, UPDATE_SECONDS = 1.0, 0.25
"""Seconds before anything is shown, and between two updates."""

MARK = {"mlpctl": "progress"}
"""Metadata of the output, so that who keeps a notebook can leave it out."""


class StatusLine:
    """Place for one line that is shown and replaced; this one shows nothing."""

    def show(self, text: str) -> None:
        """Show a text in place of the one before."""

    def end(self) -> None:
        """Leave the place."""


class Terminal(StatusLine):
    """Last line of a terminal."""

    def show(self, text: str) -> None:
        """Write over the line."""
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    def end(self) -> None:
        """Clear the line."""
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


class Notebook(StatusLine):
    """Output of the cell that runs."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._handle: Any = None

    def show(self, text: str) -> None:
        """Show the text, or replace the one that is there."""
        ipython: Any = import_module("IPython.display")
        content = {"text/plain": text}
        if self._handle is None:
            self._handle = ipython.display(content, raw=True, display_id=True, metadata=MARK)
        else:
            self._handle.update(content, raw=True, metadata=MARK)


def line_place() -> StatusLine:
    """Return where progress can be shown: the cell of a notebook, a terminal, or nowhere."""
    if (shell := notebook_shell()) is not None and hasattr(shell, "kernel"):
        return Notebook()
    return Terminal() if sys.stderr.isatty() else StatusLine()


def notebook_shell() -> Any:
    """Return the IPython that runs this; None outside of one. Imports nothing."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


class LineProgress(Callback):
    """Callback that counts trials, and shows them in one line once that takes more than a second.

    Attributes:
        notes: notes for the user, shown with the results.
    """

    def __init__(self, total: int, line: StatusLine) -> None:
        """Expect `total` trials."""
        self.total, self.line = total, line
        self.notes: list[str] = []
        self._trained = self._stored = self._failed = 0
        self._started = self._shown = time.monotonic()

    def on_epoch(self, trial: Trial, event: Event) -> None:
        """Show how far the trial is, where there is one; else how far the trials are."""
        self._show(f"epoch {event.epoch} of {trial.spec.epochs}" if self.total == 1 else self._counted())

    def on_trial(self, row: Row) -> None:
        """Count a trial that was trained."""
        self._trained += 1
        self._failed += row["status"] != "ok"
        self._show(self._counted())

    def on_stored(self) -> None:
        """Count a trial that was there."""
        self._stored += 1

    def on_note(self, text: str) -> None:
        """Keep a note, and show it: it may say why nothing moves."""
        self.notes.append(text)
        self.line.show(text)

    def _counted(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._trained + self._stored} of {self.total} trials{failed}"

    def _show(self, text: str) -> None:
        now = time.monotonic()
        if now - self._started > FIRST_SECONDS and now - self._shown > UPDATE_SECONDS:
            self._shown = now
            self.line.show(text)


@contextmanager
def shown_progress(total: int, *, progress: bool) -> Iterator[tuple[LineProgress, Stop]]:
    """Give the callback and what stops the run; an interrupt ends the trials after their epoch.

    Raises:
        KeyboardInterrupt: after an interrupt, when what had finished is saved. A second one does not wait.
    """
    stop = Stop(midway=True)
    progress_line = LineProgress(total, line_place() if progress else StatusLine())
    with _interrupts(stop):
        try:
            yield progress_line, stop
        except Interrupted as interrupted:
            raise KeyboardInterrupt(str(interrupted).replace("command", "call")) from None
        finally:
            progress_line.line.end()


@contextmanager
def _interrupts(stop: Stop) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # the system sends interrupts to the main thread alone
        return

    def first(_number: int, _frame: FrameType | None) -> None:
        stop.requested = True
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT) or signal.default_int_handler
    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, before)
