"""Limit what a run spends: trials in all, time, model-epochs. Trials that do not fit are left for the next run."""

from dataclasses import dataclass
from math import inf
from re import fullmatch
from time import monotonic

from mlpctl.errors import UsageError

SECONDS_OF_UNIT = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Limits:
    """The limits of a run; infinite where none is set.

    Attributes:
        trials: number of trials of the experiment in its own order, those in the store included.
        seconds: time after which the run begins no further trial.
        epochs: number of epochs that the run trains; counted as trials are begun, so the same for any --jobs.
    """

    trials: float = inf
    seconds: float = inf
    epochs: float = inf


def limits_of(max_trials: int | None, budget: str | None) -> Limits:
    """Return the limits that somebody gave: trials in all, and a budget as "90s", "10m", "1.5h" or "500e".

    Raises:
        UsageError: for another text.
    """
    trials = inf if max_trials is None else max_trials
    return Limits(trials, *(parse_budget(budget) if budget else ()))


def parse_budget(text: str) -> tuple[float, float]:
    """Return (seconds, model-epochs) of a budget, infinite for what is not limited.

    Raises:
        UsageError: for what is none.
    """
    found = fullmatch(r"(\d+(?:\.\d+)?)\s*([smhe])", text.strip())
    if found is None or float(found[1]) == 0:
        raise UsageError(f"--budget is time, as 90s, 10m or 1.5h, or model-epochs, as 500e; got '{text}'")
    amount, unit = float(found[1]), found[2]
    return (inf, amount) if unit == "e" else (amount * SECONDS_OF_UNIT[unit], inf)


@dataclass
class Budget:
    """Budget of a run, counted down from its limits.

    Attributes:
        limits: of the run.
        trials: begun, or found in the store.
        epochs: begun.
        cut: limit that something did not fit into; "" while everything did.
    """

    limits: Limits
    trials: int = 0
    epochs: int = 0
    cut: str = ""
    _started: float = 0.0

    def __post_init__(self) -> None:
        """Start the clock."""
        self._started = monotonic()

    def found(self) -> None:
        """Count a trial that costs nothing."""
        self.trials += 1

    def take(self, trials: int, epochs: int) -> bool:
        """Return whether some trials fit, and count them as begun if they do."""
        if self.trials + trials > self.limits.trials:
            self.cut = f"--max-trials {self.limits.trials:g}"
        elif self.epochs + epochs > self.limits.epochs:
            self.cut = f"--budget {self.limits.epochs:g}e"
        elif monotonic() - self._started > self.limits.seconds:
            self.cut = f"--budget {self.limits.seconds:g}s"
        else:
            self.trials += trials
            self.epochs += epochs
            return True
        return False
