"""Choose what trains a trial, and open its session."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mlpctl.data.prepare import preparation
from mlpctl.engines.base import Session, Work
from mlpctl.engines.choose import Choice, choose
from mlpctl.engines.expected_time import Load, Pace, load_of
from mlpctl.engines.initial_weights import start_note
from mlpctl.engines.kernel.compilation import BACKGROUND, begin, compile_mode, first_time
from mlpctl.errors import UsageError
from mlpctl.models.own import OwnNetwork
from mlpctl.models.resolution import decisive_fields
from mlpctl.runner.pending import identify
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import Counts, RunOptions, Stop
from mlpctl.spec import Spec
from mlpctl.system.devices import devices_of

LOOK_SECONDS = 0.05
"""Seconds between two looks at whether the compiler is done."""


@dataclass
class EngineChoice:
    """Chooses an engine and a device for each trial of a run, by what is left to train.

    Attributes:
        options: of the run.
        counts: of the run so far.
        stop: ends the wait for the compiler.
        note: shows a note to the user; equal notes are shown once.
        pace: ratio of the time that trials took to the time expected.
    """

    options: RunOptions
    counts: Counts
    stop: Stop
    note: Callable[[str], None]
    pace: Pace = field(default_factory=Pace)
    _settled: dict[tuple[object, ...], Choice] = field(default_factory=dict)
    _noted: set[str] = field(default_factory=set)
    _first: Sequence[Spec] = ()
    _load: Load | None = None

    def begin_batch(self, first: Sequence[Spec]) -> None:
        """Forget the load of the batch before; `first` are specs of the one that begins."""
        self._first, self._load = first, None
        self._settled.clear()

    def choose(self, trial: Trial) -> Choice:
        """Return what trains a trial of the batch; wait for the compiler where that is faster.

        Raises:
            MlpctlError: see `mlpctl.engines.choose.choose`.
        """
        if trial.is_program:
            return program_choice(trial, self.options)
        alike = (trial.dataset.digest, *decisive_fields(vars(trial.spec)))
        if (settled := self._settled.get(alike)) is None:
            settled = self._choose(trial)
            if not settled.missing:
                self._settled[alike] = settled
        return settled

    def _choose(self, trial: Trial) -> Choice:
        options, work = self.options, trial.work()

        def load() -> Load:
            if self._load is None:  # the first trial decides it for its batch, so that all are trained alike
                self._load = load_of(list(_like(trial, self._first)) or [work], options.expected)
            done = (self.counts.stored.total() + self.counts.statuses.total()) / max(options.expected, 1)
            return self.pace.left(self._load, max(0.0, 1.0 - done))

        while True:
            chosen = choose(work, engine=options.engine, device=options.device, load=load, precision=options.precision)
            self._tell(chosen.note, once=chosen.once)
            if not chosen.missing or options.cluster is not None:
                break
            by_kernel = chosen.engine.name == "kernel"
            begin(chosen.missing, nice=0 if by_kernel else BACKGROUND)
            if not by_kernel or self.stop.requested:
                break
            time.sleep(LOOK_SECONDS)  # and choose again: the compiler may be done, or have failed, or be late
        self._tell(start_note(work.network, trial.spec))
        return chosen

    def _tell(self, text: str, *, once: bool = False) -> None:
        if text and text not in self._noted:
            self._noted.add(text)
            if not once or first_time(text):
                self.note(text)


def program_choice(trial: Trial, options: RunOptions) -> Choice:
    """Return what runs a trial of a program.

    Raises:
        UsageError: where the user has not named this program: a results folder runs nothing.
    """
    engine = options.program
    if engine is None or engine.why_not(trial.spec, trial.data):
        raise UsageError(
            f"a results folder runs nothing: trial {trial.key} is of the command '{trial.spec.command}', which "
            "`mlpctl sweep --command` runs"
        )
    return Choice(engine, "")


def _like(trial: Trial, specs: Iterable[Spec]) -> Iterator[Work]:
    """Yield the works of the specs whose data are prepared already, as those of a trial."""
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
    if trial.is_program:
        program_choice(trial, options)
        return
    compile_mode()
    if isinstance(trial.network, OwnNetwork) and options.cluster is not None:
        raise UsageError("a model of your own trains on this machine: leave --cluster out; --shard I/N splits a sweep")
    if options.engine != "auto" or options.device != "auto" or options.precision != "fp32":
        work = trial.work()
        chosen = choose(
            work, engine=options.engine, device=options.device, load=lambda: load_of([work], 1),
            precision=options.precision,
        )  # fmt: skip
        open_chosen_session(chosen, replace(options, jobs=1), lambda _: None).close()


def open_chosen_session(choice: Choice, options: RunOptions, note: Callable[[str], None]) -> Session:
    """Return a session of the chosen engine: in this process, in one for each of several devices, or on a cluster.

    Args:
        choice: engine and device.
        options: of the run.
        note: shows a note to the user while the session lives.

    Raises:
        DeviceError: if the device is not there.
    """
    if options.program is not None:
        return choice.engine.open("", options.jobs, options.threads)
    if options.cluster is None:
        devices = devices_of(choice.device, options.expected)
        if len(devices) == 1:
            return choice.engine.open(choice.device, options.jobs, options.threads)
        from mlpctl.engines.distributed.processes import ProcessesSession

        below = options.most_epochs
        return ProcessesSession(
            choice.engine, devices, options.jobs, options.threads, options.needs_weights, below, note
        )
    from mlpctl.engines.distributed import ray

    return ray.open_session(
        options.cluster, choice.engine, choice.device, options.threads, weights=options.needs_weights,
        below=options.most_epochs, note=note,
    )  # fmt: skip
