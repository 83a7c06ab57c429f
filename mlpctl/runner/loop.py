"""The way through the house: specs -> trials not yet in the store -> plan -> engine -> store."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import chain, groupby, islice
from typing import Any

from mlpctl.data.prepare import preparation
from mlpctl.engines.base import Session, Work
from mlpctl.engines.choose import Choice, choose
from mlpctl.engines.expected_time import Load, Pace, load_of
from mlpctl.engines.initial_weights import start_note
from mlpctl.engines.kernel.compilation import BACKGROUND, begin, compile_mode, first_time
from mlpctl.engines.schedule import is_prefix
from mlpctl.engines.time_limit import Clock
from mlpctl.errors import Interrupted
from mlpctl.runner.budget import Budget
from mlpctl.runner.ended_trials import ended, rows_of
from mlpctl.runner.failure_policy import Patience
from mlpctl.runner.pending import identify, pending
from mlpctl.runner.recorder import Recording
from mlpctl.runner.rows import Row, epoch_row, trial_row, wall_time
from mlpctl.runner.run_groups import Run, lineage, runs_of
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import Counts, RunOptions, Stop, Watch
from mlpctl.spec import Spec
from mlpctl.store.checkpoints import Checkpoint, Checkpoints
from mlpctl.store.writer import Store
from mlpctl.system.devices import devices_of

LOOKED_AT = 64
"""Specs that decide for a batch what trains it, 0.1 ms each, where the kernel is not compiled or there is a GPU."""

LOOKS = 0.05
"""Seconds between two looks at whether the compiler is done."""

__all__ = ["Counts", "RunOptions", "Stop", "Watch", "run"]


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
    recording = Recording(
        store, watch, stop, Budget(options.limits), Patience(options.patience, options.fail_fast), learn
    )
    counts, budget = recording.counts, recording.budget

    noted: set[str] = set()
    pace = Pace()

    def choice(trial: Trial, first: list[Spec], loads: list[Load]) -> Choice:
        work = trial.work()

        def load() -> Load:
            if not loads:  # the first says it for its batch, so that all of it is trained alike
                loads.append(load_of(list(_like(trial, first)) or [work], options.expected))
            done = (counts.stored + counts.statuses.total()) / max(options.expected, 1)
            return pace.left(loads[0], max(0.0, 1.0 - done))

        def note(text: str, once: bool) -> None:
            if text and text not in noted:
                noted.add(text)
                if not once or first_time(text):
                    watch.note(text)

        chosen = _decided(work, load, options, stop, note)
        note(start_note(work.network, trial.spec), False)
        return chosen

    states = Checkpoints(store.folder)
    if options.force:
        states.forget()
    share = not options.save and not options.most_epochs
    with ExitStack() as stack:
        sessions: dict[tuple[str, str], Session] = {}
        for specs in batches:
            ahead = iter(specs)
            first, loads = list(islice(ahead, LOOKED_AT)), list[Load]()
            trials = pending(chain(first, ahead), store, options, invalid=recording.impossible, stored=recording.found)
            chosen = ((run, choice(run.leader, first, loads)) for run in runs_of(trials, share=share))
            for (name, device), group in groupby(chosen, key=lambda item: (item[1].engine.name, item[1].device)):
                begun = next(group)
                if (name, device) not in sessions:
                    session = open_session(begun[1], options, watch.note)
                    sessions[name, device] = stack.enter_context(closing(session))
                about = {
                    "used_engine": name,
                    "used_device": device,
                    "used_precision": options.precision if name == "lanes" else None,
                    "jobs": options.jobs,
                    "threads": options.threads,
                }
                runs = (item[0] for item in chain([begun], group))
                _advance(sessions[name, device], runs, about, store, states, options, watch, stop, recording, pace)
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


def _decided(
    work: Work, load: Callable[[], Load], options: RunOptions, stop: Stop, note: Callable[[str, bool], None]
) -> Choice:
    """Return what trains a trial that is next; have the kernel compiled, and wait for it, where that is chosen.

    Args:
        work: the trial.
        load: about what the run takes that is left.
        options: how to run.
        stop: ends the wait.
        note: called with what the user should know, and whether only once on a machine.
    """
    while True:
        chosen = choose(work, engine=options.engine, device=options.device, load=load, precision=options.precision)
        note(chosen.note, chosen.once)
        if not chosen.missing or options.cluster is not None:
            return chosen
        waits = chosen.engine.name == "kernel"
        begin(chosen.missing, nice=0 if waits else BACKGROUND)
        if not waits or stop.requested:
            return chosen
        time.sleep(LOOKS)  # and choose again: the compiler may be done, or have failed, or be late


def _like(trial: Trial, specs: Iterable[Spec]) -> Iterator[Work]:
    """Yield the works of some specs, of those alone whose data are prepared already as those of a trial."""
    for spec in specs:
        if (spec.dataset, spec.data) == (trial.spec.dataset, trial.spec.data):
            other, _ = identify(spec)
            if other is not None and preparation(other.spec) == preparation(trial.spec):
                yield other.work()


def check_named(trial: Trial, options: RunOptions) -> None:
    """Check that what the user named can train a trial, before anything is written.

    Raises:
        UsageError: if the engine cannot, or MLPCTL_COMPILE is no word that it knows.
        DeviceError: if the device is not there.
    """
    compile_mode()
    if options.engine != "auto" or options.device != "auto" or options.precision != "fp32":
        work = trial.work()
        chosen = choose(
            work, engine=options.engine, device=options.device, load=lambda: load_of([work], 1),
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
        from mlpctl.engines.distributed.processes import ProcessesSession

        below = options.most_epochs
        return ProcessesSession(choice.engine, devices, options.jobs, options.threads, options.save, below, note)
    from mlpctl.engines.distributed import ray

    return ray.open_session(
        options.cluster, choice.engine, choice.device, options.threads, weights=options.save,
        below=options.most_epochs, note=note,
    )  # fmt: skip


def _advance(
    session: Session,
    runs: Iterator[Run],
    about: dict[str, Any],
    store: Store,
    states: Checkpoints,
    options: RunOptions,
    watch: Watch,
    stop: Stop,
    recording: Recording,
    pace: Pace,
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
            if not recording.budget.take(len(run.milestones), max(run.milestones) - (kept.epochs if kept else 0)):
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
            row = trial_row(trial, last, wall_time(rows), about)
            recording.record(row, rows_of(trial, rows, test_each=options.test_each))
            if last.status == "ok" and event.epoch < options.most_epochs and is_prefix(trial.spec):
                kept = Checkpoint(event.epoch, session.save(event.key), rows)
                states.keep(lineage(trial), about["used_engine"], kept)
        if event.status is not None:
            if about["used_engine"] == "reference":
                pace.ended(run.leader.work(), wall_time(rows)["seconds"] / options.jobs)
            session.drop(event.key)
            del active[event.key]
