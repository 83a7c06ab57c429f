"""Initial weights have the spread that their name says."""

from typing import get_args

import numpy as np
import pytest

from mlpctl.data.prepare import prepare
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.models import build_network
from mlpctl.spec import Init
from tests.helpers.making import classes, resolved


@pytest.mark.parametrize("init", get_args(Init))
def test_initial_weights_are_what_they_are_called(init: str) -> None:
    spec = resolved(classes(d=80), hidden_units=120, init=init, dtype="float64")
    network = build_network(spec, prepare(classes(d=80), spec))
    W = initial_weights(network, spec)["0.weight"]
    assert W.shape == (80, 120)
    expected = {  # (standard deviation, largest absolute value) by definition
        "default": (1 / np.sqrt(3 * 80), 1 / np.sqrt(80)),
        "normal": (0.01, None),
        "uniform": (0.05 / np.sqrt(3), 0.05),
        "xavier_uniform": (np.sqrt(2 / 200), np.sqrt(6 / 200)),
        "xavier_normal": (np.sqrt(2 / 200), None),
        "kaiming_uniform": (np.sqrt(2 / 80), np.sqrt(6 / 80)),
        "kaiming_normal": (np.sqrt(2 / 80), None),
        "orthogonal": (np.sqrt(1 / 120), None),
        "zeros": (0.0, 0.0),
        "constant": (0.0, 0.1),
    }[init]
    assert W.std() == pytest.approx(expected[0], rel=0.05, abs=1e-12)
    if expected[1] is not None:
        assert abs(W).max() == pytest.approx(expected[1], rel=0.01)
    if init == "orthogonal":
        np.testing.assert_allclose(W @ W.T, np.eye(80), atol=1e-12)
    bias = initial_weights(network, spec)["0.bias"]
    assert (abs(bias).max() > 0) == (init == "default")
