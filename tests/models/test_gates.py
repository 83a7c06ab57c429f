"""The gates whose weights are set by hand against their truth tables."""

from itertools import product

import numpy as np
import pytest

from mlpctl.engines.reference import ENGINE
from mlpctl.models.gates import GATE_UNITS
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec


@pytest.mark.parametrize("gate", GATE_UNITS)
def test_fixed_gates_compute_their_truth_tables(gate: str) -> None:
    trial = trial_of(make_spec({"dataset": "gates", "model": "gate", "data": {"gate": gate}}))
    session = ENGINE.open("cpu", 1, 1)
    [event] = session.advance([trial.work(test_at=frozenset({0}))])
    assert event.scores["test_accuracy"] == 1.0
    table = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0]}
    table |= {"nor": [1, 0, 0, 0], "xor": [0, 1, 1, 0], "xnor": [1, 0, 0, 1]}
    X = np.asarray(trial.dataset.X)
    assert {tuple(row): int(label) for row, label in zip(X.tolist(), trial.dataset.y, strict=True)} == dict(
        zip(product([0.0, 1.0], repeat=2), table[gate], strict=True)
    )
