"""Statistics of activations and gradients against autograd."""

from typing import Any

import pytest
import torch

from mlpctl.engines.initial_weights import initial_weights
from mlpctl.inspection.gradients import SAMPLE, findings, sample_of, statistics
from mlpctl.inspection.loader import gathered, start_of
from mlpctl.models.concise import concise
from tests.helpers.making import classes, trial, work_of


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_gradients_are_those_of_autograd(activation: str) -> None:
    work = work_of(classes(), widths="7,6", activation=activation, batch_norm="2", dtype="float64")
    weights = initial_weights(work.network, work.spec)
    rows = sample_of(work.spec, work.data)
    assert sorted(rows) == sorted(work.data.parts["train"])
    lines = statistics(work.network, work.spec, weights, work.data, rows)
    net: Any = concise(work.network, work.spec, weights, "cpu").net
    net.train()
    X, y = gathered(work.data, rows)
    torch.nn.functional.cross_entropy(net(X), y.long()).backward()  # type: ignore[no-untyped-call]
    outputs = X
    for number, line in enumerate(lines):
        linear = net[number].affine
        gradient, weight = linear.weight.grad, linear.weight.detach()
        outputs = net[number](outputs).detach()
        assert line["grad norm"] == pytest.approx(float(gradient.norm()), rel=1e-9)
        assert line["grad sd"] == pytest.approx(float(gradient.std(correction=0)), rel=1e-9)
        assert line["norm/weights"] == pytest.approx(float(gradient.norm() / weight.norm()), rel=1e-9)
        assert line["mean"] == pytest.approx(float(outputs.mean()), rel=1e-9, abs=1e-12)
        assert line["sd"] == pytest.approx(float(outputs.std(correction=0)), rel=1e-9)


def test_dead_and_saturated_units_are_counted() -> None:
    work = work_of(classes(), widths="8", activation="relu", init="normal", init_scale=0.1)
    weights = initial_weights(work.network, work.spec)
    rows = sample_of(work.spec, work.data)
    assert statistics(work.network, work.spec, weights, work.data, rows)[0]["dead"] == 0
    weights["0.bias"][:2] = -100
    lines = statistics(work.network, work.spec, weights, work.data, rows)
    assert lines[0]["dead"] == 0.25
    assert lines[0]["saturated"] is None
    assert "Layer 1: 2 of 8 units are dead on these examples." in findings(work.network, lines)
    sigmoid = work_of(classes(), widths="8", activation="sigmoid", init="normal", init_scale=0.1)
    weights["0.bias"][:2] = -10
    weights["0.weight"][:] = 0
    assert statistics(sigmoid.network, sigmoid.spec, weights, sigmoid.data, rows)[0]["saturated"] == 0.25


def test_a_vanishing_gradient_is_named_and_a_sound_one_is_not() -> None:
    """Eight layers: sigmoid's slopes of 1/4 at most multiply; tanh with Glorot's initialization keeps the scale."""
    told = {}
    for activation in ("sigmoid", "tanh"):
        one = trial(dataset="digits", activation=activation, hidden_layers=8, hidden_units=32, init="xavier_uniform")
        lines = statistics(one.network, one.spec, start_of(one), one.work().data, sample_of(one.spec, one.work().data))
        told[activation] = " ".join(findings(one.network, lines))
    assert "vanishes" in told["sigmoid"]
    assert "vanishes" not in told["tanh"]


def test_the_sample_of_a_large_set_is_small() -> None:
    work = work_of(classes(n=9000))
    rows = sample_of(work.spec, work.data)
    assert len(set(rows.tolist())) == SAMPLE
    assert set(rows.tolist()) <= set(work.data.parts["train"].tolist())
