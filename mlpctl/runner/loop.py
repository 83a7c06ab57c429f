"""Run an experiment: specs -> trials that are not in the store -> training runs -> an engine -> rows in the store."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby, islice
from typing import Any

from mlpctl.engines.base import Session, Work
from mlpctl.engines.final_scores import final_scores
from mlpctl.engines.schedule import is_prefix
from mlpctl.engines.time_limit import Clock
from mlpctl.errors import Interrupted
from mlpctl.runner.best_weights import BestWeights, described
from mlpctl.runner.budget import Budget
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.engine_choice import EngineChoice, open_chosen_session
from mlpctl.runner.failure_policy import FailurePolicy
from mlpctl.runner.pending import pending
from mlpctl.runner.recorder import Recorder
from mlpctl.runner.rows import Curve, trial_row
from mlpctl.runner.run_groups import RunGroup, ended, key_without_epochs, run_groups, trial_epochs
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import Counts, RunOptions, Stop
from mlpctl.spec import Spec
from mlpctl.store.checkpoints import Checkpoint, Checkpoints
from mlpctl.store.schema import Row
from mlpctl.store.writer import Store

SPECS_ESTIMATED = 64
"""Specs at the start of a batch that its load is estimated from, to choose its engine; 0.1 ms each."""


@dataclass(frozen=True)
class Batch:
    """A batch of training runs.

    Attributes:
        first: its first specs, those in the store among them.
        runs: training runs that are not in the store, lazily found.
    """

    first: list[Spec]
    runs: Iterator[RunGroup]


def to_train(
    batches: Iterable[Iterable[Spec]],
    store: Store,
    options: RunOptions,
    *,
    on_invalid: Callable[[Row], None],
    on_stored: Callable[[str], None],
) -> Iterator[Batch]:
    """Yield the training runs of an experiment, batch by batch: `run` trains them, a dry run counts them.

    Args:
        batches: specs, lazily taken.
        store: trials that are in it are not trained again.
        options: of the run.
        on_invalid: called with the row of a combination that cannot be trained.
        on_stored: gets the status of each trial that is in the store.
    """
    share = not options.needs_weights and not options.most_epochs
    for specs in batches:
        ahead = iter(specs)
        first = list(islice(ahead, SPECS_ESTIMATED))
        trials = pending(chain(first, ahead), store, options, on_invalid=on_invalid, on_stored=on_stored)
        yield Batch(first, run_groups(trials, share=share))


def run(
    batches: Iterable[Iterable[Spec]],
    store: Store,
    options: RunOptions,
    callback: Callback,
    stop: Stop,
    best: BestWeights | None = None,
) -> Counts:
    """Train what is not yet in the store and return the counts. Every finished trial is in the store at once.

    Args:
        batches: lazily taken: a batch after everything of those before it is in the store.
        store: opened.
        options: of the run.
        callback: told of epochs and trials.
        stop: set from outside to end.
        best: is offered the weights of every trial; None where no best is kept.

    Raises:
        Interrupted: after a stop was requested and what ran was saved.
        MlpctlError: for a device that is not there, a full disk, missing data; what had finished is in the store.
    """
    policy = FailurePolicy(options.failures_in_a_row, options.fail_fast)
    recorder = Recorder(store, callback, stop, Budget(options.limits), policy)
    counts, engines = recorder.counts, EngineChoice(options, recorder.counts, stop, callback.on_note)
    training = _Training(options, callback, stop, recorder, Checkpoints(store.folder), engines, best)
    if options.force:
        training.states.forget()
    with ExitStack() as stack:
        sessions: dict[tuple[str, str], Session] = {}
        for batch in to_train(batches, store, options, on_invalid=recorder.on_invalid, on_stored=recorder.on_stored):
            engines.begin_batch(batch.first)
            chosen = ((one, engines.choose(one.leader)) for one in batch.runs)
            for (name, device), group in groupby(chosen, key=lambda item: (item[1].engine.name, item[1].device)):
                begun = next(group)
                if (name, device) not in sessions:
                    session = open_chosen_session(begun[1], options, callback.on_note)
                    sessions[name, device] = stack.enter_context(closing(session))
                runs = (item[0] for item in chain([begun], group))
                training.train(sessions[name, device], runs, name, device)
                if recorder.is_over:
                    break
            if recorder.is_over:
                break
        else:
            training.states.forget()
    if stop.requested and not stop.why:
        raise Interrupted("interrupted; what had finished is saved, the same command goes on from there")
    counts.cut, counts.halted = recorder.budget.cut, stop.why
    return counts


@dataclass(frozen=True)
class _Training:
    options: RunOptions
    callback: Callback
    stop: Stop
    recorder: Recorder
    states: Checkpoints
    engines: EngineChoice
    best: BestWeights | None

    def train(self, session: Session, runs: Iterator[RunGroup], engine: str, device: str) -> None:
        """Train some runs in a session of an engine on a device, and record the trials that are read off them."""
        options, stop = self.options, self.stop
        about: dict[str, Any] = {
            "used_engine": engine,
            "used_device": device or None,
            "used_precision": options.precision if engine == "lanes" else None,
            "jobs": options.jobs,
            "threads": options.threads,
        }
        active: dict[str, tuple[RunGroup, Curve, dict[int, Trial]]] = {}  # with the trials that have not ended yet
        clock = Clock()

        def works() -> Iterator[Work]:
            for run in runs:
                if stop.requested:
                    return
                kept = None
                if options.most_epochs:
                    name, least = key_without_epochs(run.leader), min(run.milestones)
                    kept = self.states.find(name, engine, least, self.callback.on_note)
                epochs = max(run.milestones) - (kept.epochs if kept else 0)
                if not self.recorder.budget.take(len(run.milestones), epochs):
                    return
                work = run.leader.work(
                    test_at=frozenset(run.milestones), fit_each=options.fit_each, limit=options.timeout,
                    test_each=options.test_each or run.leader.spec.patience is not None,  # any epoch may be the best
                )  # fmt: skip
                if kept is not None:
                    session.restore(work, kept.state)
                curve = Curve() if kept is None else Curve(kept.curve)
                active[run.leader.key] = (run, curve, dict(run.milestones))
                clock.start(work)
                yield work

        for event in clock.watch(session.advance(works()), session.stop):
            run, curve, left = active[event.key]
            curve.add(event)
            is_told = options.test_each or run.leader.spec.patience is None
            self.callback.on_epochs(run.leader, event if is_told else event.untested())
            if stop.requested:
                session.drain()
                if stop.midway:
                    session.stop(event.key)
            for trial, last in ended(left, curve, event):
                saved: dict[str, Any] = {}
                if options.by_class and last.status == "ok":
                    saved |= final_scores(trial.work(), session.weights(event.key))
                if options.save and last.status == "ok":
                    weights, about_them = session.weights(event.key), described(trial.spec)
                    digest = self.recorder.store.save_weights(trial.key, weights, about_them)
                    saved |= {"weights_digest": digest}
                own = curve.upto(last.epoch)
                row = trial_row(trial, last, own, {**about, **saved})
                tested = row["best_epoch"] or last.epoch
                self.recorder.record(row, trial_epochs(own, None if options.test_each else tested))
                if self.best is not None and last.status == "ok":
                    at_end = last.epoch == event.epoch
                    self.best.offer(row, trial.spec, partial(session.weights, event.key) if at_end else None)
                if last.status == "ok" and event.epoch < options.most_epochs and is_prefix(trial.spec):
                    kept = Checkpoint(event.epoch, session.save(event.key), curve.block)
                    self.states.keep(key_without_epochs(trial), engine, kept)
            if event.status is not None:
                if engine == "reference":
                    self.engines.pace.ended(run.leader.work(), curve.wall_time()["seconds"] / options.jobs)
                session.drop(event.key)
                del active[event.key]
