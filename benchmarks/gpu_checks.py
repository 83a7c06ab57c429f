"""What has to hold before a figure of the engine lanes means anything: its two contracts, on the device itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpctl.engines.base import Session, Work
from mlpctl.engines.lanes.engine import LanesEngine
from mlpctl.engines.lanes.session import open_session
from mlpctl.engines.precision import Precision
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.models.learner import State
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec

BANDS: dict[str, float] = {"float64": 1e-12, "float32": 2e-4}
"""Independence: of a tensor's largest number, as the engine states it."""

EQUAL = 1e-9
"""Equality with the reference engine in float64, likewise."""

LOOSE: dict[Precision, float] = {"tf32": 0.05, "bf16": 0.3}
"""How far weights may be from float32 ones after three epochs: these round every product's factors."""


@dataclass(frozen=True)
class Check:
    """A contract and how well it is kept.

    Attributes:
        what: is compared.
        precision: of products.
        trials: compared.
        error: the largest, relative to the largest number of its tensor.
        limit: what it may be.
    """

    what: str
    precision: str
    trials: int
    error: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether it is kept; an error that is no number is none that is small."""
        return self.error <= self.limit


def some(dtype: str, optimizer: str) -> list[Work]:
    """Return 24 trials of iris that differ in all that may differ within a program; 28 steps an epoch, so recorded."""
    works = []
    for n in range(24):
        spec = make_spec({
            "dataset": "iris", "batch_size": 4, "epochs": 3 + n % 2, "val_fraction": 0.1, "dtype": dtype,
            "optimizer": optimizer, "lr": 0.002 * (1 + n % 5), "widths": f"{16 + 8 * (n % 3)},{8 + n % 4}",
            "activation": ("relu", "tanh", "gelu", "silu")[n % 4], "batch_norm": "1",
            "init": ("default", "xavier_normal", "kaiming_uniform")[n % 3], "seed": n // 8,
            "dropout": (0.0, 0.3)[n % 2], "weight_decay": (0.0, 0.01)[n % 2],
            "lr_schedule": ("constant", "cosine")[n % 5 == 0],
        })  # fmt: skip
        works.append(trial_of(spec).work(test_at=frozenset({spec.epochs or 0})))
    return works


def ends(session: Session, works: list[Work]) -> dict[str, State]:
    """Return the weights of some trials when they have ended, with their last train_loss among them."""
    found: dict[str, State] = {}
    for event in session.advance(works):
        if event.status is not None:
            assert event.status in ("ok", "diverged"), event.error
            loss = np.array(event.scores["train_loss"])
            found[event.key] = {**session.weights(event.key), "train_loss": loss}
            session.drop(event.key)
    session.close()
    return found


def error_between(ours: dict[str, State], theirs: dict[str, State]) -> float:
    """Return the largest difference of what both have, relative to the largest number of its tensor."""
    errors = [
        float(np.abs(tensor - theirs[key][name]).max() / max(np.abs(theirs[key][name]).max(), 1e-3))
        for key, state in ours.items()
        for name, tensor in state.items()
        if np.isfinite(theirs[key]["train_loss"])  # of what diverged, where does not matter
    ]
    return max(errors) if np.isfinite(errors).all() else float("inf")


def checks(device: str) -> Iterator[Check]:
    """Yield the contracts, each for a plain and an adaptive optimizer."""
    for optimizer in ("sgd", "adam"):
        works = some("float64", optimizer)
        ours = ends(open_session(device, "fp32", 1), works)
        expected = ends(REFERENCE.open("cpu", 1, 1), works)
        yield Check(f"equals reference, {optimizer}, float64", "fp32", 24, error_between(ours, expected), EQUAL)
        for dtype, band in BANDS.items():
            yield _independence(device, dtype, optimizer, band)
    exact = ends(open_session(device, "fp32", 1), some("float32", "sgd"))
    for precision, band in LOOSE.items():
        if precision == "tf32" and device == "cpu":
            continue
        rough = ends(LanesEngine(precision).open(device, 1, 1), some("float32", "sgd"))
        yield Check(f"{precision} is near fp32", precision, 24, error_between(rough, exact), band)


def _independence(device: str, dtype: str, optimizer: str, band: float) -> Check:
    """Return how far trials are from themselves alone: among others, the other way round, beside one that diverges."""
    works = some(dtype, optimizer)
    wild = make_spec({**_own(works[0]), "lr": 1e30, "seed": 7})
    others = [*works[::-1], trial_of(wild).work()]
    together = ends(open_session(device, "fp32", 1), others)
    alone: dict[str, State] = {}
    for work in works[:4]:
        alone |= ends(open_session(device, "fp32", 1), [work])
    few = {key: together[key] for key in alone}
    return Check(f"independent, {optimizer}, {dtype}", "fp32", len(few), error_between(few, alone), band)


def _own(work: Work) -> dict[str, Any]:
    return {name: value for name, value in vars(work.spec).items() if value is not None}
