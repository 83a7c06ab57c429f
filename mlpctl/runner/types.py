"""What a run is asked for, who looks on, how it is stopped and what it tells at its end."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mlpctl.engines.base import Event
from mlpctl.engines.precision import Precision
from mlpctl.runner.budget import Limits
from mlpctl.runner.failure_policy import IN_A_ROW
from mlpctl.runner.rows import Row
from mlpctl.runner.shard import Shard
from mlpctl.runner.trial import Trial

if TYPE_CHECKING:
    from mlpctl.engines.distributed.cluster import Cluster
    from mlpctl.runner.search_progress import Rung


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
