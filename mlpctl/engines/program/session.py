"""Run the trials of a command: the engine that starts a program for each."""

import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mlpctl.engines.base import Event, Session, Work
from mlpctl.engines.program.command import filled, values_of, words_of
from mlpctl.engines.program.events import Held, ended_well
from mlpctl.engines.program.process import Guard, ending_of, start
from mlpctl.engines.program.scores import Told, not_finite
from mlpctl.engines.threads import on_threads
from mlpctl.errors import one_line

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.metrics import Status
    from mlpctl.models.learner import State
    from mlpctl.spec import Spec

LOOK_SECONDS = 0.1
"""Seconds between two looks at the epochs of a program that runs."""


@dataclass(frozen=True)
class CommandEngine:
    """Engine of one command; see `mlpctl.engines.base.Engine`.

    Attributes:
        command: that it may run, and no other.
        logs: folder with a folder for each trial.
        name: of the engine in the results.
    """

    command: str
    logs: Path
    name: str = "command"

    def why_not(self, spec: "Spec", data: "Data") -> str | None:  # noqa: ARG002
        """Return why it cannot run a spec: another command."""
        return None if spec.command == self.command else f"it runs {self.command}, and not {spec.command}"

    def open(self, device: str, jobs: int, threads: int) -> Session:  # noqa: ARG002
        """Return a session that has `jobs` programs running at a time."""
        return CommandSession(self.command, self.logs, jobs)


@dataclass
class CommandSession:
    """See `mlpctl.engines.base.Session`. Programs have no state that could be saved, and no weights."""

    command: str
    logs: Path
    jobs: int
    _stopped: set[str] = field(default_factory=set)
    _draining: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Take the command apart once."""
        self._words = words_of(self.command)
        self._guard = Guard()
        self._environment = dict(os.environ)
        self.logs.mkdir(parents=True, exist_ok=True)

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Run the works, `jobs` at a time."""
        yield from on_threads(works, self._run, self.jobs, self._draining)

    def stop(self, key: str) -> None:
        """End a program at the next look at it."""
        self._stopped.add(key)

    def drain(self) -> None:
        """Start no more programs."""
        self._draining.set()

    def save(self, key: str) -> NoReturn:
        """Raise a KeyError: no state is held."""
        raise KeyError(key)

    def restore(self, work: Work, state: "State") -> NoReturn:  # noqa: ARG002
        """Raise a KeyError: no state can be held."""
        raise KeyError(work.key)

    def weights(self, key: str) -> NoReturn:
        """Raise a KeyError: no weights are held."""
        raise KeyError(key)

    def drop(self, key: str) -> None:
        """Forget a trial."""
        self._stopped.discard(key)

    def close(self) -> None:
        """Kill the programs that run."""
        self._draining.set()
        self._guard.close()

    def _run(self, work: Work) -> Iterator[list[Event]]:
        folder = (self.logs / work.key).absolute()
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
        began = time.perf_counter()
        try:
            folder.mkdir()
            words = filled(self._words, values_of(work.spec, folder))
            output, errors = folder / "stdout.txt", folder / "stderr.txt"
            program = start(words, output, errors, self._variables(work.spec, folder), self._guard)
        except (OSError, ValueError) as error:
            yield [Event(work.key, 0, seconds=0.0, status="crashed", error=one_line(f"it cannot be started: {error}"))]
            return
        told, held = Told(work.spec, folder, output), Held(work.key, began)
        while not program.wait(max(0.0, min(LOOK_SECONDS, began + work.limit - time.perf_counter()))):
            status, why = self._look(work, told, held, began)
            yield held.due()
            if status is not None:
                program.kill()
                yield [held.end(status, why)]
                return
        status, why = self._look(work, told, held, began, ended=True)
        yield held.due()
        if status is None and program.code:
            status, why = "crashed", ending_of(program.code, errors)
        yield [ended_well(work, held, told.last) if status is None else held.end(status, why)]

    def _variables(self, spec: "Spec", folder: Path) -> dict[str, str]:
        """Return the environment of a program: this process's, with what the trial is about."""
        own = {"MLPCTL_SEED": str(spec.seed), "MLPCTL_FOLDER": str(folder)}
        return {**self._environment, **own, **({"MLPCTL_EPOCHS": str(spec.epochs)} if spec.epochs else {})}

    def _look(
        self, work: Work, told: Told, held: Held, began: float, *, ended: bool = False
    ) -> "tuple[Status | None, str]":
        """Take in the epochs that are new; return why the program has to end, status None if it may go on."""
        try:
            for epoch, scores, lr in told.epochs(ended=ended):
                held.take(Event(work.key, epoch, scores, lr))
                if wrong := not_finite(scores):
                    return "diverged", f"{wrong} in epoch {epoch}"
        except ValueError as error:
            return "crashed", str(error)
        if ended:
            return None, ""
        if time.perf_counter() - began > work.limit:
            return "timeout", f"not done after {work.limit:g} s"
        return ("interrupted", "stopped") if work.key in self._stopped else (None, "")
