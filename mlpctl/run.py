"""The way through the house: specs -> trials not yet in the store -> plan -> engine -> store."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from mlpctl.budget import Budget, Limits
from mlpctl.devices import devices_of
from mlpctl.ends import ended, rows_of
from mlpctl.engine.base import Event, Session
from mlpctl.engine.choose import Choice, choose
from mlpctl.engine.initial import start_note
from mlpctl.engine.precision import Precision
from mlpctl.engine.schedule import is_prefix
from mlpctl.errors import Interrupted
from mlpctl.failures import IN_A_ROW, Clock, Patience
from mlpctl.pending import pending
from mlpctl.plan import Run, lineage, runs_of
from mlpctl.rows import Row, epoch_row, trial_row, wall_time
from mlpctl.shard import Shard
from mlpctl.spec import Spec
from mlpctl.states import Kept, States
from mlpctl.store import Store
from mlpctl.trial import Trial

if TYPE_CHECKING:
    from mlpctl.cluster.connect import Cluster
    from mlpctl.reached import Rung


@dataclass(frozen=True)
class RunOptions:
    """How to run, which no trial's numbers depend on.

    Attributes:
        device: auto, or a device for the trials that name none.
        engine: auto, or an engine for the trials that name none.
        jobs: trials in training at a time.
        threads: of torch, in the engines reference and lanes.
        precision: of products of float32 matrices, in the engine lanes.
        save: keep the weights of each trial.
        fit_each: score the training part too after each epoch.
        test_each: score the test part too after each epoch.
        force: run trials that are in the store again.
        retry: run failed trials again where that may help.
        expected: about how many trials there are to run; decides whether compiling for them pays.
        most_epochs: trials with fewer epochs may be continued, so their states are kept.
        limits: what may be spent.
        cluster: connected, where other machines train; None for this one.
        timeout: seconds that a trial may take in training, wherever it trains.
        patience: failures that are alike, one after the other, that end the run.
        fail_fast: the first failure ends it.
        shard: the part of the trials to run; None for all.
    """

    device: str = "auto"
    engine: str = "auto"
    jobs: int = 1
    threads: int = 1
    precision: Precision = "fp32"
    save: bool = False
    fit_each: bool = False
    test_each: bool = False
    force: bool = False
    retry: bool = False
    expected: int = 1
    most_epochs: int = 0
    limits: Limits = Limits()
    cluster: "Cluster | None" = None
    timeout: float = float("inf")
    patience: float = IN_A_ROW
    fail_fast: bool = False
    shard: Shard | None = None


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
    """A request to stop, set from outside (Ctrl-C) or after too many failures: nothing new is begun.

    Attributes:
        requested: whether to stop.
        why: what was seen that stops the run; "" where the user did.
        midway: end the trials in training after their epoch too, instead of letting them finish.
    """

    requested: bool = False
    midway: bool = False
    why: str = ""


@dataclass
class Counts:
    """What became of the specs.

    Attributes:
        stored: trials found in the store.
        statuses: status -> trials run now.
        cut: which limit ended the run before all was done; "" for none.
        halted: which failures did; "" for none.
        left: of a search that learns and was cut, trials that it asked for and did not get.
        rungs: of such a search, how many configurations it did not get to.
    """

    stored: int = 0
    cut: str = ""
    halted: str = ""
    statuses: Counter[str] = field(default_factory=Counter)
    left: list[Trial] = field(default_factory=list)
    rungs: "list[Rung]" = field(default_factory=list)


def run(
    batches: Iterable[Iterable[Spec]],
    store: Store,
    options: RunOptions,
    watch: Watch,
    stop: Stop,
    learn: Callable[[Row], None] | None = None,
) -> Counts:
    """Train what is not yet in the store and return the counts. Every finished trial is in the store at once.

    Args:
        batches: lazily taken: a batch after everything of those before it is in the store.
        store: opened.
        options: how to run.
        watch: who looks on.
        stop: set from outside to end.
        learn: is given the row of every trial that was run.

    Raises:
        Interrupted: after a stop was requested and what ran was saved.
        MlpctlError: for a device that is not there, a full disk, missing data; what had finished is in the store.
    """
    counts = Counts()
    budget = Budget(options.limits)
    patience = Patience(options.patience, options.fail_fast)

    def record(row: Row, epochs: list[Row]) -> None:
        store.append(row, epochs)
        counts.statuses[row["status"]] += 1
        if learn is not None:
            learn(row)
        watch.finished(row)
        if (why := patience.over(row)) and not stop.requested:
            stop.requested, stop.why = True, why

    def found() -> None:
        counts.stored += 1
        budget.found()
        watch.stored()

    def impossible(row: Row) -> None:
        budget.found()
        record(row, [])

    noted: set[str] = set()

    def choice(trial: Trial) -> Choice:
        work = trial.work()
        chosen = choose(
            trial.spec, work.network, work.data, engine=options.engine, device=options.device, trials=options.expected,
            precision=options.precision,
        )  # fmt: skip
        for note in (chosen.note, start_note(work.network, trial.spec)):
            if note and note not in noted:
                noted.add(note)
                watch.note(note)
        return chosen

    states = States(store.folder)
    if options.force:
        states.forget()
    share = not options.save and not options.most_epochs
    with ExitStack() as stack:
        sessions: dict[tuple[str, str], Session] = {}
        for specs in batches:
            trials = pending(specs, store, options, invalid=impossible, stored=found)
            chosen = ((run, choice(run.leader)) for run in runs_of(trials, share=share))
            for (name, device), group in groupby(chosen, key=lambda item: (item[1].engine.name, item[1].device)):
                first = next(group)
                if (name, device) not in sessions:
                    session = open_session(first[1], options, watch.note)
                    sessions[name, device] = stack.enter_context(closing(session))
                about = {
                    "used_engine": name,
                    "used_device": device,
                    "used_precision": options.precision if name == "lanes" else None,
                    "jobs": options.jobs,
                    "threads": options.threads,
                }
                runs = (item[0] for item in _chain(first, group))
                _advance(sessions[name, device], runs, about, store, states, options, budget, watch, stop, record)
                if stop.requested or budget.cut:
                    break
            if stop.requested or budget.cut:
                break
        else:
            states.forget()
    if stop.requested and not stop.why:
        raise Interrupted("interrupted; what had finished is saved, the same command goes on from there")
    counts.cut, counts.halted = budget.cut, stop.why
    return counts


def check_named(trial: Trial, options: RunOptions) -> None:
    """Check that the engine and the device that the user named can train a trial, before anything is written.

    Raises:
        UsageError: if the engine cannot.
        DeviceError: if the device is not there.
    """
    if options.engine != "auto" or options.device != "auto" or options.precision != "fp32":
        work = trial.work()
        chosen = choose(
            trial.spec, work.network, work.data, engine=options.engine, device=options.device, trials=1,
            precision=options.precision,
        )  # fmt: skip
        open_session(chosen, replace(options, jobs=1), lambda _: None).close()


def open_session(choice: Choice, options: RunOptions, note: Callable[[str], None]) -> Session:
    """Return a session of the chosen engine: in this process, in one for each of several devices, or on a cluster.

    Args:
        choice: engine and device.
        options: how to run.
        note: called with what the user should know while the session lives.

    Raises:
        DeviceError: if the device is not there.
    """
    if options.cluster is None:
        devices = devices_of(choice.device, options.expected)
        if len(devices) == 1:
            return choice.engine.open(choice.device, options.jobs, options.threads)
        from mlpctl.engine.several.session import SeveralSession

        below = options.most_epochs
        return SeveralSession(choice.engine, devices, options.jobs, options.threads, options.save, below, note)
    return options.cluster.open(
        choice.engine, choice.device, options.threads, weights=options.save, below=options.most_epochs, note=note
    )


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _advance(
    session: Session,
    runs: Iterator[Run],
    about: dict[str, Any],
    store: Store,
    states: States,
    options: RunOptions,
    budget: Budget,
    watch: Watch,
    stop: Stop,
    record: Callable[[Row, list[Row]], None],
) -> None:
    active: dict[str, tuple[Run, list[Row], dict[int, Trial]]] = {}  # with the trials that have not ended yet
    clock = Clock()

    def works() -> Iterator[Any]:
        for run in runs:
            if stop.requested:
                return
            trial = run.leader
            kept = None
            if options.most_epochs:
                kept = states.find(lineage(trial), about["used_engine"], min(run.milestones))
            if not budget.take(len(run.milestones), max(run.milestones) - (kept.epochs if kept else 0)):
                return
            work = trial.work(
                test_at=frozenset(run.milestones), test_each=options.test_each, fit_each=options.fit_each,
                limit=options.timeout,
            )  # fmt: skip
            if kept is not None:
                session.restore(work, kept.state)
            active[trial.key] = (run, [] if kept is None else kept.rows, dict(run.milestones))
            clock.start(work)
            yield work

    for event in clock.watch(session.advance(works()), session.stop):
        run, rows, left = active[event.key]
        rows.append(epoch_row(event))
        watch.epoch(run.leader, event)
        if stop.requested:
            session.drain()
            if stop.midway:
                session.stop(event.key)
        for trial, last in ended(left, rows, event):
            if options.save and last.status == "ok":
                spec = {name: str(value) for name, value in trial.spec.flat().items() if value is not None}
                store.save_weights(trial.key, session.weights(event.key), spec)
            record(trial_row(trial, last, wall_time(rows), about), rows_of(trial, rows, test_each=options.test_each))
            if last.status == "ok" and event.epoch < options.most_epochs and is_prefix(trial.spec):
                kept = Kept(event.epoch, session.save(event.key), rows)
                states.keep(lineage(trial), about["used_engine"], kept)
        if event.status is not None:
            session.drop(event.key)
            del active[event.key]
