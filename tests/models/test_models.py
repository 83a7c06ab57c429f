"""The model by hand against autograd, scratch and concise against each other, the gates against their truth tables."""

from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
import torch

from mlpctl.data.prepare import prepare
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.engines.reference import ENGINE
from mlpctl.models import autograd_functions, build, concise, elementary_operations, torch_operations
from mlpctl.models.activations import ACTIVATIONS
from mlpctl.models.gates import GATES
from mlpctl.models.losses import loss_and_gradient
from mlpctl.models.manual import Manual
from mlpctl.models.torch_operations import loss as autograd_loss
from mlpctl.spec import Activation, Init, Loss, Optimizer
from tests.helpers.making import classes, numbers, resolved, trained, work_of

NUMERIC = ("mse", "half_mse", "huber", "l1")
OPTIMIZERS = get_args(Optimizer)


def test_every_rung_has_every_activation() -> None:
    for rung in (concise, elementary_operations, torch_operations, autograd_functions):
        assert set(ACTIVATIONS) == set(rung.ACTIVATIONS) == {*get_args(Activation), "step"}


@pytest.mark.parametrize("loss", get_args(Loss))
@pytest.mark.parametrize("activation", get_args(Activation))
def test_gradients_by_hand_are_those_of_autograd(activation: str, loss: str) -> None:
    """Every activation and loss, with batch normalization and dropout, for one and for several outputs."""
    made = [classes(2), classes(3)] + ([numbers(2)] if loss in NUMERIC else [])
    for dataset in made:
        fields = {"batch_norm": "1", "dropout": 0.3, "widths": "7,6", "init": "xavier_normal", "dtype": "float64"}
        spec = resolved(
            dataset, activation=activation, loss=loss, huber_delta=0.7 if loss == "huber" else None, **fields
        )
        data = prepare(dataset, spec)
        network = build(spec, data)
        model = Manual(network, spec, initial_weights(network, spec), "cpu")
        X, y = torch.from_numpy(np.asarray(data.X)[:16]), torch.from_numpy(data.y[:16])
        masks = [torch.rand(16, 7, generator=torch.manual_seed(1)) > 0.3, None, None]

        z, seen = model.forward(X, masks)
        losses, gradient = loss_and_gradient(network, z, y)
        by_hand = model.backward(gradient, seen, masks)

        parameters = {
            name: tensor.clone().requires_grad_() for name, tensor in model.tensors.items() if name in by_hand
        }
        model.tensors = {**model.tensors, **parameters}
        z, _ = model.forward(X, masks)
        oracle = autograd_loss(network, z, y)
        oracle.sum().backward()  # type: ignore[no-untyped-call]

        torch.testing.assert_close(losses, oracle.detach(), rtol=1e-9, atol=1e-12)
        for name, tensor in parameters.items():
            assert tensor.grad is not None
            scale = float(tensor.grad.abs().max())
            error = float((by_hand[name] - tensor.grad).abs().max())
            assert error <= 1e-9 * max(scale, 1e-3), f"{name}: {error:.2e} of {scale:.2e}"


@pytest.mark.parametrize(("optimizer", "schedule"), list(product(OPTIMIZERS, ["constant", "cosine"])))
def test_twins_train_the_same_trial(optimizer: str, schedule: str) -> None:
    """Batch normalization, dropout, weight decay and a schedule at once; equal to rounding after three epochs."""
    fields: dict[str, Any] = {"optimizer": optimizer, "lr_schedule": schedule, "weight_decay": 0.01, "dropout": 0.2}
    if optimizer == "rmsprop":
        fields["momentum"] = 0.5
    states = []
    for impl in ("scratch", "concise"):
        session = ENGINE.open("cpu", 1, 1)
        work = work_of(classes(), impl=impl, widths="12,8", batch_norm="all", dtype="float64", lr=0.01, **fields)
        events = trained(session, work)["t"]
        states.append((session.weights("t"), [event.scores for event in events]))
    (scratch, scratch_scores), (concise_, concise_scores) = states
    assert scratch.keys() == concise_.keys()
    for name, tensor in scratch.items():
        error = abs(tensor - concise_[name]).max()  # a bias before a normalization has gradient 0 but for rounding,
        assert error <= 1e-9 * abs(tensor).max(), name  # which Adam scales up: so relative to the tensor
    for one, other in zip(scratch_scores, concise_scores, strict=True):
        assert one == pytest.approx(other, rel=1e-9)


@pytest.mark.parametrize("impl", ["scratch", "concise"])
def test_sparse_inputs_train_as_dense_ones(impl: str) -> None:
    from dataclasses import replace

    sparse = classes(sparse=True)
    dense = replace(sparse, X=sparse.X.toarray())  # type: ignore[union-attr]
    ends = []
    for dataset in (sparse, dense):
        session = ENGINE.open("cpu", 1, 1)
        trained(session, work_of(dataset, impl=impl, hidden_units=6, dtype="float64", optimizer="adam"))
        ends.append(session.weights("t"))
    for name, tensor in ends[0].items():
        np.testing.assert_allclose(tensor, ends[1][name], rtol=1e-9, atol=1e-12)


def test_uint8_inputs_train_as_scaled_ones() -> None:
    from dataclasses import replace

    raw = classes(uint8=True)
    scaled = replace(raw, X=np.asarray(raw.X) / 255)
    for scaling, other in (("unit", "none"), ("standard", "standard")):
        ends = []
        for dataset, how in ((raw, scaling), (scaled, other)):
            session = ENGINE.open("cpu", 1, 1)
            trained(session, work_of(dataset, scaling=how, hidden_units=6, dtype="float64"))
            ends.append(session.weights("t"))
        for name, tensor in ends[0].items():
            np.testing.assert_allclose(tensor, ends[1][name], rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("init", get_args(Init))
def test_initial_weights_are_what_they_are_called(init: str) -> None:
    spec = resolved(classes(d=80), hidden_units=120, init=init, dtype="float64")
    network = build(spec, prepare(classes(d=80), spec))
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


@pytest.mark.parametrize("gate", GATES)
def test_fixed_gates_compute_their_truth_tables(gate: str) -> None:
    from mlpctl.runner.trial import trial_of

    trial = trial_of(resolved_gate(gate))
    session = ENGINE.open("cpu", 1, 1)
    [event] = session.advance([trial.work(test_at=frozenset({0}))])
    assert event.scores["test_accuracy"] == 1.0
    table = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0]}
    table |= {"nor": [1, 0, 0, 0], "xor": [0, 1, 1, 0], "xnor": [1, 0, 0, 1]}
    X = np.asarray(trial.dataset.X)
    assert {tuple(row): int(label) for row, label in zip(X.tolist(), trial.dataset.y, strict=True)} == dict(
        zip(product([0.0, 1.0], repeat=2), table[gate], strict=True)
    )


def resolved_gate(gate: str) -> Any:
    from mlpctl.spec import make_spec

    return make_spec({"dataset": "gates", "model": "gate", "data": {"gate": gate}})
