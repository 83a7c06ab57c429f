"""Count the configurations that a search asked for and did not get, and those that it never asked for."""

from collections import Counter
from collections.abc import Iterable, Mapping

from mlpctl.runner.ask_tell import Outcomes, proposal_key, rung_of, specs_of
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.pending import identify
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import Rung
from mlpctl.search.asha import Asha
from mlpctl.search.halving import Halving


def planned(experiment: Experiment) -> dict[int, int]:
    """Return epochs of a rung -> configurations that should get there; {0: all} of a search without rungs."""
    search = experiment.strategy()
    return search.planned() if isinstance(search, Halving | Asha) else {0: search.size()}


def rungs_left(experiment: Experiment, left: Mapping[int, int]) -> list[Rung]:
    """Return the rungs of a search, given how many configurations are left on each."""
    return [Rung(epochs, n, min(left.get(epochs, 0), n)) for epochs, n in sorted(planned(experiment).items())]


def rungs_without(experiment: Experiment, trials: Iterable[Trial]) -> list[Rung]:
    """Return the rungs of a search without some trials: a configuration that lacks a seed is left."""
    by_epochs = experiment.strategy().most_epochs > 0
    left = {((trial.spec.epochs or 0) if by_epochs else 0, trial.config) for trial in trials}
    return rungs_left(experiment, Counter(epochs for epochs, _ in left))


def not_reached(experiment: Experiment, outcomes: Outcomes) -> tuple[list[Trial], list[Rung]]:
    """Return (trials that were asked for and not trained, the rungs) of a search that was cut."""
    found = (identify(spec)[0] for spec in specs_of(experiment, lambda: iter(outcomes.open)))
    asked = [trial for trial in found if trial is not None and trial.key not in outcomes.scores]
    done, missing = Counter(outcomes.reached), {trial.key for trial in asked}
    for proposal in outcomes.open:
        keys = {proposal_key(experiment, proposal, seed) for seed in experiment.seeds}
        done[rung_of(experiment, proposal)] += keys.isdisjoint(missing)
    left = {epochs: n - done[epochs] for epochs, n in planned(experiment).items()}
    return asked, rungs_left(experiment, {epochs: max(n, 0) for epochs, n in left.items()})
