"""Define how a run is asked for, how it is stopped, and what it counts."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlpctl.engines.precision import Precision
from mlpctl.runner.budget import Limits
from mlpctl.runner.failure_policy import IN_A_ROW
from mlpctl.runner.trial import Trial

if TYPE_CHECKING:
    from mlpctl.engines.base import Engine
    from mlpctl.engines.distributed.cluster import Cluster
    from mlpctl.runner.shard import Shard


@dataclass(frozen=True)
class RunOptions:
    """Options of a run; no trial's numbers depend on them.

    Attributes:
        device: auto, or a device for the trials that name none.
        engine: auto, or an engine for the trials that name none.
        jobs: trials in training at a time.
        threads: of torch, in the engines reference and lanes.
        precision: of products of float32 matrices, in the engine lanes.
        save: keep the weights of each trial.
        by_class: score classes with the weights at the end of each trial, see `mlpctl.engines.final_scores`.
        save_best: keep the weights of the best configuration of a sweep.
        fit_each: score the training part too after each epoch.
        test_each: score the test part too after each epoch.
        force: run trials that are in the store again.
        retry: run failed trials again where that may help.
        expected: about how many trials there are to run; decides whether compiling for them pays.
        most_epochs: trials with fewer epochs may be continued, so their states are kept.
        limits: limits of trials, time and epochs.
        cluster: connected, where other machines train; None for this one.
        timeout: seconds that a trial may take in training, wherever it trains.
        failures_in_a_row: failures that are alike, one after the other, that end the run.
        fail_fast: the first failure ends it.
        shard: the part of the trials to run; None for all.
        program: runs the trials of programs; None where the user named none, and none may run.
    """

    device: str = "auto"
    engine: str = "auto"
    jobs: int = 1
    threads: int = 1
    precision: Precision = "fp32"
    save: bool = False
    by_class: bool = False
    save_best: bool = False
    fit_each: bool = False
    test_each: bool = False
    force: bool = False
    retry: bool = False
    expected: int = 1
    most_epochs: int = 0
    limits: Limits = Limits()
    cluster: "Cluster | None" = None
    timeout: float = float("inf")
    failures_in_a_row: float = IN_A_ROW
    fail_fast: bool = False
    shard: "Shard | None" = None
    program: "Engine | None" = None

    @property
    def needs_weights(self) -> bool:
        """Return whether the weights of each trial are taken at its end."""
        return self.save or self.by_class


@dataclass
class Stop:
    """Request to stop, set from outside (Ctrl-C) or after too many failures: nothing new is begun.

    Attributes:
        requested: True to stop.
        why: failures that stop the run; "" where the user did.
        midway: end the trials in training after their epoch too, instead of letting them finish.
    """

    requested: bool = False
    midway: bool = False
    why: str = ""


@dataclass(frozen=True)
class Rung:
    """Rung of a search: a number of epochs, and how many configurations get there.

    Attributes:
        epochs: of the rung; 0 where the search does not decide them.
        planned: configurations that should get there.
        left: of these, how many have not been trained, with all seeds.
    """

    epochs: int
    planned: int
    left: int


@dataclass
class Counts:
    """Counts of trials by their outcome.

    Attributes:
        stored: status -> trials found in the store.
        statuses: status -> trials run now.
        cut: limit that ended the run before all was done; "" for none.
        halted: failures that did; "" for none.
        left: of a search that learns and was cut, trials that it asked for and did not get.
        rungs: rungs of such a search, with the configurations it did not get to.
    """

    stored: Counter[str] = field(default_factory=Counter)
    cut: str = ""
    halted: str = ""
    statuses: Counter[str] = field(default_factory=Counter)
    left: list[Trial] = field(default_factory=list)
    rungs: list[Rung] = field(default_factory=list)
