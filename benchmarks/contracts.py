"""The two contracts, checked on the spot: Independence bit for bit, Equality with the reference in float64."""

from typing import Any

import numpy as np

from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec

FIELDS: dict[str, Any] = {"dataset": "iris", "widths": (64, 32), "batch_norm": (1,), "batch_size": 4, "epochs": 10}


def independence() -> str:
    """Return whether a trial's bits are the same alone and beside a diverging one, for one and two jobs."""
    works = [trial_of(make_spec({**FIELDS, "lr": lr})).work() for lr in (0.01, 1e6, 0.05)]

    def ends(jobs: int, some: list[Any]) -> dict[str, bytes]:
        session = KERNEL.open("cpu", jobs, 1)
        list(session.advance(some))
        return {work.key: b"".join(tensor.tobytes() for tensor in session.weights(work.key).values()) for work in some}

    alone = {key: bits for work in works for key, bits in ends(1, [work]).items()}
    same = all(ends(jobs, order) == alone for jobs in (1, 2) for order in (works, works[::-1]))
    return "Independence: bit for bit the same alone, beside a diverging trial, in any order, for 1 and 2 jobs: " + (
        "holds" if same else "BROKEN"
    )


def equality() -> str:
    """Return how far the kernel is from the reference in float64, for SGD and Adam."""
    worst = 0.0
    for optimizer in ("sgd", "adam"):
        work = trial_of(make_spec({**FIELDS, "optimizer": optimizer, "lr": 0.01, "dtype": "float64"})).work()
        weights = []
        for engine in (REFERENCE, KERNEL):
            session = engine.open("cpu", 1, 1)
            list(session.advance([work]))
            weights.append(session.weights(work.key))
        errors = [
            np.abs(weights[0][name] - weights[1][name]).max() / np.abs(weights[0][name]).max() for name in weights[0]
        ]
        worst = max(worst, float(np.nanmax(errors)))
    return f"Equality: kernel and reference differ by {worst:.1e} relative after 10 epochs in float64: " + (
        "holds (1e-9)" if worst < 1e-9 else "BROKEN"
    )
