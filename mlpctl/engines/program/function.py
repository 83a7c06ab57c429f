"""Run the trials of a function of the user's, in this process."""

import hashlib
import inspect
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from mlpctl.engines.base import Event, Session, Work
from mlpctl.engines.program.command import FUNCTION
from mlpctl.engines.program.events import Held, ended_well
from mlpctl.engines.program.scores import Epochs, columns_of, not_finite, number_of
from mlpctl.engines.threads import on_threads
from mlpctl.engines.user_code import own_file, user_line
from mlpctl.errors import UsageError, did_you_mean, one_line

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.metrics import Status
    from mlpctl.models.learner import State
    from mlpctl.spec import Spec

OWN_ARGUMENTS = ("seed", "epochs")
"""Parameters of a function that no axis needs to name: it gets those of the trial."""


def name_of(function: Callable[..., Any]) -> str:
    """Return what stands for a function in the key of a trial: its name, and a hash of its source.

    Raises:
        UsageError: for what is no function.
    """
    if not inspect.isfunction(function):
        raise UsageError(f"objective must be a function, got {type(function).__name__}: def it, or wrap it in a lambda")
    try:
        source = textwrap.dedent(inspect.getsource(function)).encode()
    except (OSError, TypeError):  # typed at a prompt
        source = function.__code__.co_code + repr(function.__code__.co_consts).encode()
    return f"{FUNCTION}{function.__module__}.{function.__qualname__}@{hashlib.sha256(source).hexdigest()[:16]}"


def check_arguments(function: Callable[..., Any], names: Iterable[str]) -> None:
    """Check that a function takes the parameters of an experiment, and needs no others.

    Raises:
        UsageError: every problem at once.
    """
    taken = inspect.signature(function).parameters.values()
    given = {*names}
    by_name = {p.name: p for p in taken if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    problems = [
        f"{function.__qualname__} has no parameter '{name}': {did_you_mean(name, by_name)}"
        for name in sorted(given - by_name.keys())
        if not any(p.kind is p.VAR_KEYWORD for p in taken)
    ]
    problems += [
        f"{function.__qualname__} needs {p.name}, which neither varies nor is set: give it an axis or a value"
        for p in by_name.values()
        if p.default is p.empty and p.name not in given and p.name != "seed"
    ]
    if problems:
        raise UsageError(problems)


@dataclass(frozen=True, eq=False)
class FunctionEngine:
    """Engine of one function; see `mlpctl.engines.base.Engine`.

    Attributes:
        function: takes the parameters of a trial, and returns a number or a mapping of numbers, or yields a mapping per
            epoch.
        command: see `name_of`.
        name: of the engine in the results.
    """

    function: Callable[..., Any]
    command: str
    name: str = "function"

    def why_not(self, spec: "Spec", data: "Data") -> str | None:  # noqa: ARG002
        """Return why it cannot run a spec: another function."""
        return None if spec.command == self.command else f"it runs {self.command}, and not {spec.command}"

    def open(self, device: str, jobs: int, threads: int) -> Session:  # noqa: ARG002
        """Return a session that has `jobs` calls running at a time, on threads."""
        return FunctionSession(self.function, jobs)


@dataclass
class FunctionSession:
    """See `mlpctl.engines.base.Session`. Calls have no state that could be saved, and no weights."""

    function: Callable[..., Any]
    jobs: int
    _stopped: set[str] = field(default_factory=set)
    _draining: threading.Event = field(default_factory=threading.Event)

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Call the function for each work, `jobs` at a time."""
        yield from on_threads(works, self._run, self.jobs, self._draining)

    def stop(self, key: str) -> None:
        """End a trial after the epoch it is in."""
        self._stopped.add(key)

    def drain(self) -> None:
        """Begin no more calls."""
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
        """Begin no more calls."""
        self._draining.set()

    def _run(self, work: Work) -> Iterator[list[Event]]:
        held, numbers = Held(work.key, time.perf_counter()), Epochs(work.epochs)
        until = held.since + work.limit
        last: dict[str, Any] | None = None
        try:
            found = self.function(**self._arguments(work.spec))
            if not inspect.isgenerator(found):
                last = _named(found, work.spec)
            else:
                for each in found:
                    last = _named(each, work.spec)
                    held.take(Event(work.key, numbers.number(last.get("epoch")), columns_of(last, work.spec)))
                    if ending := self._ending(work, held, until):
                        found.close()
                        yield [held.end(*ending)]
                        return
                    yield held.due()
            late = time.perf_counter() > until
            yield [held.end("timeout", f"not done after {work.limit:g} s") if late else ended_well(work, held, last)]
        except MemoryError as error:
            yield [held.end("out_of_memory", told(error, self.function))]
        except Exception as error:  # noqa: BLE001  a foreign function may raise anything
            yield [held.end("crashed", told(error, self.function))]

    def _ending(self, work: Work, held: Held, until: float) -> "tuple[Status, str] | None":
        """Return why a trial has to end after its epoch; None if it may go on."""
        epoch = held.epochs[-1]
        if wrong := not_finite(epoch.scores):
            return "diverged", f"{wrong} in epoch {epoch.epoch}"
        if time.perf_counter() > until:
            return "timeout", f"not done after {work.limit:g} s"
        return ("interrupted", "stopped") if work.key in self._stopped else None

    def _arguments(self, spec: "Spec") -> dict[str, Any]:
        """Return the arguments of a trial: its parameters, and of its own those that the function takes."""
        taken = inspect.signature(self.function).parameters
        own = {name: getattr(spec, name) for name in OWN_ARGUMENTS if name in taken and getattr(spec, name) is not None}
        own = {name: value for name, value in own.items() if name == "seed" or value}
        return {**own, **spec.params}


def _named(found: Any, spec: "Spec") -> dict[str, Any]:
    """Return what a function gave as numbers by name; a number alone has the name of the score.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(found, Mapping):
        return {str(name): value.item() if hasattr(value, "item") else value for name, value in found.items()}
    number = number_of(found.item() if hasattr(found, "item") else found)
    if number is None or isinstance(found, str):
        raise ValueError(f"an objective gives a number, or numbers by name, not {type(found).__name__}")
    return {spec.maximize or spec.minimize or "score": number}


def told(error: BaseException, function: Callable[..., Any]) -> str:
    """Return an error in a line, with the place in the user's own code."""
    return one_line(f"{type(error).__name__}: {error}{user_line(error, own_file(function))}")
