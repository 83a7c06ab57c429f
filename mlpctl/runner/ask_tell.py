"""Ask a search for a batch, train it, tell the search; what is in the store is trained already.

A search that is begun again is told the same scores in the same order, so it comes to the same proposals: that is how
the same command finishes a search that was killed, without a state of its own.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlpctl.metrics import SelectOn, mean_score, score_of
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.pending import identify
from mlpctl.search.random import Random
from mlpctl.search.space import Proposal
from mlpctl.search.table import BY_EPOCHS
from mlpctl.spec import Spec
from mlpctl.store import reader
from mlpctl.store.schema import Row


@dataclass
class Outcomes(Callback):
    """Callback that keeps the scores of trials, in the store or just trained.

    Attributes:
        on: part that selects.
        metric: metric that decides; None is the task's.
        scores: key -> score, larger is better; None of a trial that has none.
        open: proposals that were asked for last and are in training.
        reached: rung -> configurations that were trained before that.
    """

    on: SelectOn
    metric: str | None
    scores: dict[str, float | None] = field(default_factory=dict)
    open: list[Proposal] = field(default_factory=list)
    reached: Counter[int] = field(default_factory=Counter)

    def on_trial(self, row: Row) -> None:
        """Keep the score of a trial's row."""
        self.scores[str(row["key"])] = score_of(row, self.on, self.metric)

    def read(self, folder: Path) -> None:
        """Keep the scores of the trials in a results folder."""
        for row in reader.scores(folder):
            self.on_trial(row)


def proposal_key(experiment: Experiment, proposal: Proposal, seed: int) -> str:
    """Return the key that a proposal has, or would have, in the store."""
    trial, row = identify(experiment.specs(proposal, seed))
    return str(row["key"]) if trial is None else trial.key


def same(experiment: Experiment) -> Callable[[Proposal], Hashable]:
    """Return a function that names the trial of a proposal: proposals that train the same trial have equal names."""
    return lambda proposal: proposal_key(experiment, proposal, experiment.seeds[0])


def specs_of(experiment: Experiment, proposals: Callable[[], Iterator[Proposal]]) -> Iterator[Spec]:
    """Yield the specs of some proposals: seed by seed, so that every configuration is seen once before any twice."""
    for seed in experiment.seeds:
        for proposal in proposals():
            yield experiment.specs(proposal, seed)


def batches(experiment: Experiment, outcomes: Outcomes) -> Iterator[Iterator[Spec]]:
    """Yield the batches of an experiment; each has been trained when the next is asked for.

    A configuration's score is its mean over the seeds; with a seed that failed it has none.
    """
    search = experiment.strategy(same(experiment))
    if not search.learns:
        yield specs_of(experiment, lambda: iter(search.ask()))
        return
    while batch := list(search.ask()):
        outcomes.open = batch
        yield specs_of(experiment, lambda batch=batch: iter(batch))  # type: ignore[misc]
        for proposal in batch:
            scores = [outcomes.scores.get(proposal_key(experiment, proposal, seed)) for seed in experiment.seeds]
            search.tell(proposal, mean_score(scores))
            outcomes.reached[rung_of(experiment, proposal)] += 1
        outcomes.open = []


def rung_of(experiment: Experiment, proposal: Proposal) -> int:
    """Return the epochs that a search over epochs has chosen for a proposal; 0 of other searches."""
    return int(proposal["epochs"]) if experiment.search.method in BY_EPOCHS else 0


def samples(experiment: Experiment, most: int) -> Iterator[Spec]:
    """Yield specs such as the experiment trains, for checks before anything is: its own where they are known."""
    search = experiment.strategy()
    draws = Random(experiment.space(), most).ask if search.learns else lambda: iter(search.ask())
    return specs_of(experiment, draws)
