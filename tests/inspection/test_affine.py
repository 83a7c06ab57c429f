"""A network without nonlinearity against the one affine map that it is."""

from typing import Any

import numpy as np
import pytest

from mlpctl.inspection.affine import compose, composed_difference
from mlpctl.inspection.describe import describe_network
from mlpctl.inspection.loader import gathered
from mlpctl.inspection.subject import Subject, subject_of
from mlpctl.models.manual import Manual
from tests.helpers.making import trained_weights, trial


@pytest.mark.parametrize("fields", [{}, {"batch_norm": "1,3"}])
def test_trained_affine_maps_compose_to_one(fields: dict[str, Any]) -> None:
    one = trial(dataset="iris", activation="identity", widths="9,5,4", epochs=5, dtype="float64", **fields)
    weights = trained_weights(one)
    W, b = compose(one.network, weights)
    assert W.shape == (4, 3)
    model = Manual(one.network, one.spec, weights, "cpu")
    X, _ = gathered(one.work().data, np.arange(150))
    np.testing.assert_allclose(model.outputs(X).numpy(), X.numpy() @ W + b, rtol=1e-10, atol=1e-12)
    difference, largest = composed_difference(one, weights, np.arange(150))
    assert difference < 1e-12 * max(largest, 1)
    wrong = {**weights, "1.bias": weights["1.bias"] + 1}
    assert abs(compose(one.network, wrong)[1] - b).max() > 1e-3
    titles = [
        table.title for table in describe_network(Subject(one, "x", weights, "after"), gradients=False, people=True)
    ]
    assert "Composed into one affine map, after" in titles


def test_a_network_with_a_nonlinearity_is_not_composed() -> None:
    titles = [
        table.title for table in describe_network(subject_of(None, {"dataset": "iris"}), gradients=False, people=True)
    ]
    assert not any("affine" in title for title in titles)
