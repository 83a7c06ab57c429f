"""The way through the house: specs -> trials not yet in the store -> plan -> engine -> store."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Protocol

from mlpctl.engine.base import Event, Session
from mlpctl.engine.choose import Choice, choose
from mlpctl.engine.initial import start_note
from mlpctl.errors import Interrupted, UsageError
from mlpctl.plan import Run, runs_of
from mlpctl.rows import Row, epoch_row, invalid_row, trial_row
from mlpctl.spec import Spec
from mlpctl.store import Store
from mlpctl.trial import Trial, trial_of

REDONE = ("interrupted",)
"""Statuses of trials that run again by themselves."""

RETRIED = ("out_of_memory", "timeout", "crashed")
"""Statuses that may turn out otherwise: they run again where the user asks; diverged and invalid never would."""


@dataclass(frozen=True)
class RunOptions:
    """How to run, which no trial's numbers depend on.

    Attributes:
        device: auto, or a device for the trials that name none.
        engine: auto, or an engine for the trials that name none.
        jobs: trials in training at a time.
        threads: of torch, in the engine reference.
        save: keep the weights of each trial.
        fit_each: score the training part too after each epoch.
        test_each: score the test part too after each epoch.
        force: run trials that are in the store again.
        retry: run failed trials again where that may help.
        expected: about how many trials there are to run; decides whether compiling for them pays.
    """

    device: str = "auto"
    engine: str = "auto"
    jobs: int = 1
    threads: int = 1
    save: bool = False
    fit_each: bool = False
    test_each: bool = False
    force: bool = False
    retry: bool = False
    expected: int = 1


class Watch(Protocol):
    """Who looks on: the screen, or nobody."""

    def epoch(self, trial: Trial, event: Event) -> None:
        """An epoch of a trial is over."""

    def finished(self, row: Row) -> None:
        """A trial was trained and is in the store now."""

    def stored(self) -> None:
        """A trial was found in the store."""

    def note(self, text: str) -> None:
        """Something the user should know."""


@dataclass
class Stop:
    """A request to stop, set from outside (Ctrl-C): nothing new is begun.

    Attributes:
        requested: whether to stop.
        midway: end the trials in training after their epoch too, instead of letting them finish.
    """

    requested: bool = False
    midway: bool = False


@dataclass
class Counts:
    """What became of the specs.

    Attributes:
        stored: trials found in the store.
        statuses: status -> trials run now.
    """

    stored: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


def pending(
    specs: Iterable[Spec],
    store: Store,
    options: RunOptions,
    *,
    invalid: Callable[[Row], None],
    stored: Callable[[], None],
) -> Iterator[Trial]:
    """Yield the trials of some specs that have to run; equal trials once.

    Combinations that cannot be trained go to `invalid` as rows; `stored` is called for each trial that is there.
    """
    begun: set[str] = set()
    for spec in specs:
        trial, row = None, {}
        try:
            trial = trial_of(spec)
        except UsageError as error:
            row = invalid_row(spec, str(error))
        key = trial.key if trial is not None else row["key"]
        if key in begun:
            continue
        begun.add(key)
        if trial is None and key not in store.known:
            invalid(row)
        elif trial is not None and has_to_run(store, key, options):
            yield trial
        else:
            stored()


def has_to_run(store: Store, key: str, options: RunOptions) -> bool:
    """Whether a trial has to run: it is not in the store, or what is there does not count."""
    status = store.known.get(key)
    if status is None or options.force or status in REDONE or (options.retry and status in RETRIED):
        return True
    return options.save and status == "ok" and not store.weights_file(key).is_file()


def run(specs: Iterable[Spec], store: Store, options: RunOptions, watch: Watch, stop: Stop) -> Counts:
    """Train what is not yet in the store and return the counts. Every finished trial is in the store at once.

    Raises:
        Interrupted: after a stop was requested and what ran was saved.
        MlpctlError: for a device that is not there, a full disk, missing data; what had finished is in the store.
    """
    counts = Counts()

    def record(row: Row, epochs: list[Row]) -> None:
        store.append(row, epochs)
        counts.statuses[row["status"]] += 1
        watch.finished(row)

    def found() -> None:
        counts.stored += 1
        watch.stored()

    noted: set[str] = set()

    def choice(trial: Trial) -> Choice:
        work = trial.work()
        chosen = choose(
            trial.spec, work.network, work.data, engine=options.engine, device=options.device, trials=options.expected
        )
        for note in (chosen.note, start_note(work.network, trial.spec)):
            if note and note not in noted:
                noted.add(note)
                watch.note(note)
        return chosen

    trials = pending(specs, store, options, invalid=lambda row: record(row, []), stored=found)
    chosen = ((run, choice(run.leader)) for run in runs_of(trials, share=not options.save))
    with ExitStack() as stack:
        sessions: dict[tuple[str, str], Session] = {}
        for (name, device), group in groupby(chosen, key=lambda item: (item[1].engine.name, item[1].device)):
            first = next(group)
            if (name, device) not in sessions:
                session = first[1].engine.open(device, options.jobs, options.threads)
                sessions[name, device] = stack.enter_context(closing(session))
            about = {
                "used_engine": name,
                "used_device": device,
                "jobs": options.jobs,
                "threads": options.threads,
            }
            runs = (item[0] for item in _chain(first, group))
            _advance(sessions[name, device], runs, about, store, options, watch, stop, record)
            if stop.requested:
                break
    if stop.requested:
        raise Interrupted("interrupted; what had finished is saved, the same command goes on from there")
    return counts


def check_named(trial: Trial, options: RunOptions) -> None:
    """Check that the engine and the device that the user named can train a trial, before anything is written.

    Raises:
        UsageError: if the engine cannot.
        DeviceError: if the device is not there.
    """
    if options.engine != "auto" or options.device != "auto":
        work = trial.work()
        chosen = choose(trial.spec, work.network, work.data, engine=options.engine, device=options.device, trials=1)
        chosen.engine.open(chosen.device, 1, options.threads).close()


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _advance(
    session: Session,
    runs: Iterator[Run],
    about: dict[str, Any],
    store: Store,
    options: RunOptions,
    watch: Watch,
    stop: Stop,
    record: Callable[[Row, list[Row]], None],
) -> None:
    active: dict[str, tuple[Run, list[Event]]] = {}

    def works() -> Iterator[Any]:
        for run in runs:
            active[run.leader.key] = (run, [])
            test_at = frozenset(run.milestones)
            yield run.leader.work(test_at=test_at, test_each=options.test_each, fit_each=options.fit_each)

    for event in session.advance(works()):
        run, events = active[event.key]
        events.append(event)
        watch.epoch(run.leader, event)
        if stop.requested:
            session.drain()
            if stop.midway:
                session.stop(event.key)
        for trial in _ended(run, event):
            status = event.status if event.status not in (None, "ok") else "ok"
            if options.save and status == "ok":
                spec = {name: str(value) for name, value in trial.spec.flat().items() if value is not None}
                store.save_weights(trial.key, session.weights(event.key), spec)
            seconds = sum(e.seconds or 0.0 for e in events)
            rows = [{**epoch_row(e), "key": trial.key} for e in events if e.scores]
            record(trial_row(trial, replace(event, status=status), seconds, about), rows)
        if event.status is not None:
            session.drop(event.key)
            del active[event.key]


def _ended(run: Run, event: Event) -> list[Trial]:
    """Return the trials that end with an event: one at its milestone, all that are left when the run ends early."""
    if event.status in (None, "ok"):
        return [run.milestones[event.epoch]] if event.epoch in run.milestones else []
    return [trial for epochs, trial in run.milestones.items() if epochs >= event.epoch]
