"""Check the contracts of the engines on the spot: Independence and Equality with the reference.

Errors are relative to the largest number of a tensor. The kernel keeps independence bit for bit, the lanes engine
within a band, which its products' sums differ by.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mlpctl.engines.base import Session, Work
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.lanes.engine import LanesEngine
from mlpctl.engines.lanes.session import open_session
from mlpctl.engines.precision import Precision
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.models.learner import State
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec

BANDS: dict[str, float] = {"float64": 1e-12, "float32": 2e-4}
"""Independence of lanes."""

EQUAL = 1e-9
"""Equality with the reference engine in float64."""

ROUGH: dict[Precision, float] = {"tf32": 0.05, "bf16": 0.3}
"""Limit of the difference from float32 weights after three epochs: these precisions round every product's factors."""


@dataclass(frozen=True)
class Check:
    """A contract, the largest error that was found, and its limit."""

    what: str
    precision: str  # of products
    trials: int  # compared
    error: float  # the largest
    limit: float  # what it may be

    @property
    def holds(self) -> bool:
        """Return whether it is kept; an error that is no number is not."""
        return self.error <= self.limit

    def __str__(self) -> str:
        return f"{self.what}: {self.error:.1e}, at most {self.limit:g}: {'holds' if self.holds else 'BROKEN'}"


def mixed_trials(dtype: str, optimizer: str) -> list[Work]:
    """Return 24 trials of iris that differ in all that may differ within a program."""
    trials = []
    for n in range(24):
        spec = make_spec({
            "dataset": "iris", "batch_size": 4, "epochs": 3 + n % 2, "val_fraction": 0.1, "dtype": dtype,
            "optimizer": optimizer, "lr": 0.002 * (1 + n % 5), "widths": f"{16 + 8 * (n % 3)},{8 + n % 4}",
            "activation": ("relu", "tanh", "gelu", "silu")[n % 4], "batch_norm": "1",
            "init": ("default", "xavier_normal", "kaiming_uniform")[n % 3], "seed": n // 8,
            "dropout": (0.0, 0.3)[n % 2], "weight_decay": (0.0, 0.01)[n % 2],
            "lr_schedule": ("constant", "cosine")[n % 5 == 0],
        })  # fmt: skip
        trials.append(trial_of(spec).work(test_at=frozenset({spec.epochs or 0})))
    return trials


def ends(session: Session, trials: Sequence[Work]) -> dict[str, State]:
    """Train trials; return the weights of each at its end, with its last train_loss among them."""
    found: dict[str, State] = {}
    for event in session.advance(list(trials)):
        if event.status is not None:
            assert event.status in ("ok", "diverged"), event.error
            loss = np.array(event.scores["train_loss"])
            found[event.key] = {**session.weights(event.key), "train_loss": loss}
            session.drop(event.key)
    session.close()
    return found


def error_between(ours: dict[str, State], theirs: dict[str, State]) -> float:
    """Return the largest relative difference of weights; trials that diverged do not count."""
    errors = [
        float(np.abs(tensor - theirs[key][name]).max() / max(np.abs(theirs[key][name]).max(), 1e-3))
        for key, state in ours.items()
        for name, tensor in state.items()
        if np.isfinite(theirs[key]["train_loss"])
    ]
    return max(errors) if np.isfinite(errors).all() else float("inf")


def kernel_checks() -> Iterator[Check]:
    """Yield the contracts of the kernel engine, for a plain and an adaptive optimizer."""
    for optimizer in ("sgd", "adam"):
        yield from _contracts(lambda: KERNEL.open("cpu", 2, 1), optimizer, {"float32": 0.0})


def checks(device: str) -> Iterator[Check]:
    """Yield the contracts of the lanes engine on a device, and the errors of its fast precisions."""
    for optimizer in ("sgd", "adam"):
        yield from _contracts(partial(open_session, device, "fp32", 1), optimizer, BANDS)
    exact = ends(open_session(device, "fp32", 1), mixed_trials("float32", "sgd"))
    for precision, band in ROUGH.items():
        if precision == "tf32" and device == "cpu":
            continue
        rough = ends(LanesEngine(precision).open(device, 1, 1), mixed_trials("float32", "sgd"))
        yield Check(f"{precision} is near fp32", precision, 24, error_between(rough, exact), band)


def _contracts(open_: Callable[[], Session], optimizer: str, bands: dict[str, float]) -> Iterator[Check]:
    trials = mixed_trials("float64", optimizer)
    expected = ends(REFERENCE.open("cpu", 1, 1), trials)
    error = error_between(ends(open_(), trials), expected)
    yield Check(f"equals reference, {optimizer}, float64", "fp32", len(trials), error, EQUAL)
    for dtype, band in bands.items():  # alone, and among others, the other way round, beside one that diverges
        trials = mixed_trials(dtype, optimizer)
        own: dict[str, Any] = {name: value for name, value in vars(trials[0].spec).items() if value is not None}
        wild = trial_of(make_spec({**own, "lr": 1e30, "seed": 7})).work()
        together = ends(open_(), [*trials[::-1], wild])
        alone: dict[str, State] = {}
        for trial in trials[:4]:
            alone |= ends(open_(), [trial])
        error = error_between({key: together[key] for key in alone}, alone)
        yield Check(f"independent, {optimizer}, {dtype}", "fp32", len(alone), error, band)
