"""Keep the weights of the best configuration of a sweep, and of no other.

A trial that leads when it ends gives its weights, so the best is at hand at the end, mostly. Where it is not (a trial
read off a longer one, a sweep that was killed, workers on other machines), it is trained once more.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace

from mlpctl.engines.base import Work
from mlpctl.errors import MlpctlError
from mlpctl.metrics import SelectOn, best_of, column_of, of_last_rung, rank_of, score_of
from mlpctl.models.learner import State
from mlpctl.runner.engine_choice import EngineChoice, open_chosen_session
from mlpctl.runner.trial import trial_of
from mlpctl.runner.types import Counts, RunOptions, Stop
from mlpctl.spec import Spec
from mlpctl.store import reader
from mlpctl.store.schema import Row
from mlpctl.store.writer import Store

WRITE_SECONDS = 5.0
"""Seconds between two writes of a leader: small trials lead one after the other, and writing takes longer than they."""

TOLD_SECONDS = 5.0
"""Seconds of a trial from which on training it again is told."""


@dataclass
class _Tally:
    seeds: int = 0
    score: float = 0.0
    loss: float = 0.0


@dataclass
class BestWeights:
    """Weights of the best configuration of a sweep; of the last of its seeds.

    Attributes:
        store: opened.
        on: part that selects.
        metric: metric that decides; None is the task's.
        seeds: number of seeds of a configuration.
        by_epochs: True for a search that decides the epochs: the best is one of those that got the most.
    """

    store: Store
    on: SelectOn
    metric: str | None
    seeds: int
    by_epochs: bool
    _tallies: dict[str, _Tally] = field(default_factory=dict)
    _leader: str = ""
    _rank: tuple[object, ...] = (1,)
    _unwritten: tuple[str, Spec, State] | None = None
    _written: float = field(default_factory=time.monotonic)

    def offer(self, row: Row, spec: Spec, weights: Callable[[], State] | None) -> None:
        """Take the weights of a trial that ended well if its configuration leads; None where they are gone."""
        score, config = score_of(row, self.on, self.metric), row["config"]
        if score is None:
            return
        tally = self._tallies.setdefault(config, _Tally())
        tally.seeds += 1
        tally.score += score
        tally.loss += row.get(column_of(self.on, "loss"), float("nan"))
        mean, loss = tally.score / tally.seeds, tally.loss / tally.seeds
        rung = row["epochs"] if self.by_epochs else 0
        rank = (-rung, -tally.seeds, rank_of(tally.seeds, 0, mean, loss))  # more seeds first: they were seen as often
        if tally.seeds >= self.seeds:
            del self._tallies[config]
        if config != self._leader and rank >= self._rank:
            return
        self._leader, self._rank, self._unwritten = config, rank, None
        if weights is not None:
            try:
                self._unwritten = row["key"], spec, weights()
            except KeyError:  # workers send weights only where all are kept
                return
        if time.monotonic() - self._written > WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the weights of the leader."""
        if self._unwritten is not None:
            key, spec, weights = self._unwritten
            self.store.save_weights(key, weights, described(spec), best=True)
            self._unwritten, self._written = None, time.monotonic()

    def finish(self, options: RunOptions, note: Callable[[str], None], *, is_whole: bool) -> None:
        """Leave the weights of the best configuration, and remove those that were the best before.

        Args:
            options: of the run.
            note: shows a note to the user.
            is_whole: True if the sweep is done, so that the best may be trained again for its weights.
        """
        rows = [row for row in reader.scores(self.store.folder, ("epochs", "seconds")) if row["key"] in self.store.own]
        best = [
            str(row["key"]) for row in best_of(of_last_rung(rows) if self.by_epochs else rows, self.on, self.metric)
        ]
        if not best:
            return
        there = [key for key in best if self.store.saved_weights(key).is_file()]
        if not there and is_whole:
            there = best[:1] if self._train_again(best[0], options, note) else []
        if there:
            self.store.remove_best_but(there[0])

    def _train_again(self, key: str, options: RunOptions, note: Callable[[str], None]) -> bool:
        row, _ = reader.trial(self.store.folder, key)
        if (row["seconds"] or row["group_seconds"] or 0.0) > TOLD_SECONDS:
            note(f"trial {key}, the best, is trained once more for its weights; --no-save-best leaves that out")
        options = replace(options, engine=row["used_engine"], device=row["used_device"], save=True, most_epochs=0)
        try:
            trial = trial_of(Spec.from_flat(row))
            if trial.key != key:  # its numbers are those of an earlier version
                return False
            engines = EngineChoice(options, Counts(), Stop(), lambda _: None)
            engines.begin_batch([trial.spec])
            with closing(open_chosen_session(engines.choose(trial), options, note)) as session:
                work: Work = trial.work(limit=options.timeout)
                if [event.status for event in session.advance([work])][-1:] != ["ok"]:
                    return False
                self.store.save_weights(key, session.weights(work.key), described(trial.spec), best=True)
        except MlpctlError as error:
            note(f"the weights of trial {key}, the best, are not kept: {error}")
            return False
        return True


def described(spec: Spec) -> dict[str, str]:
    """Return the spec for the header of a file of weights."""
    return {name: str(value) for name, value in spec.flat().items() if value is not None}
