"""L1, and weight decay without biases: every implementation takes the steps of torch.optim on the penalized loss."""

from dataclasses import replace
from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from mlpctl.engines.dropout import dropout_mask
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.lanes.engine import ENGINE as LANES
from mlpctl.engines.reference import Resident
from mlpctl.errors import UsageError
from mlpctl.registry import import_registered, names
from mlpctl.spec import Optimizer
from mlpctl.store.key import key_of
from mlpctl.store.results import load
from tests.helpers.cli import Cli
from tests.helpers.making import classes, numbers, resolved, work_of

IMPLS = names("impl")
RULES: list[dict[str, Any]] = [
    {"l1": 0.05},
    {"weight_decay": 0.1, "decay_biases": "false"},
    {"weight_decay": 0.1, "decay_biases": "false", "l1": 0.02},
]


def of_torch(work: Any, start: dict[str, Any], X: torch.Tensor, y: torch.Tensor) -> dict[str, Any]:
    """Return the weights after five steps by torch alone: |w| is part of the loss, biases are a group of their own."""
    spec = work.spec
    tensors = {name: torch.tensor(array, requires_grad="running" not in name) for name, array in start.items()}
    weights = [tensor for tensor in tensors.values() if tensor.ndim == 2]
    biases = [tensor for tensor in tensors.values() if tensor.ndim == 1]
    decay = spec.weight_decay or 0.0
    groups = [
        {"params": weights, "weight_decay": decay},
        {"params": biases, "weight_decay": decay if spec.decay_biases else 0.0},
    ]
    make: dict[str, Any] = {
        "sgd": lambda: torch.optim.SGD(groups, lr=0.05),
        "momentum": lambda: torch.optim.SGD(groups, lr=0.05, momentum=0.9),
        "nesterov": lambda: torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True),
        "adam": lambda: torch.optim.Adam(groups, lr=0.05),
        "adamw": lambda: torch.optim.AdamW(groups, lr=0.05),
        "rmsprop": lambda: torch.optim.RMSprop(groups, lr=0.05),
        "adagrad": lambda: torch.optim.Adagrad(groups, lr=0.05),
    }
    optimizer = make[spec.optimizer]()
    for _ in range(5):
        h = torch.relu(X @ tensors["0.weight"] + tensors["0.bias"])
        loss = torch.nn.functional.cross_entropy(h @ tensors["1.weight"] + tensors["1.bias"], y.long())
        loss = loss + spec.l1 * sum(weight.abs().sum() for weight in weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


@pytest.mark.parametrize(("optimizer", "rule"), list(product(get_args(Optimizer), RULES)), ids=str)
def test_every_implementation_takes_the_steps_of_torch(optimizer: str, rule: dict[str, Any]) -> None:
    fields = {"widths": "6", "optimizer": optimizer, "lr": 0.05, "dtype": "float64", "weight_decay": 0.0}
    work = work_of(classes(3, 60), **{**fields, **rule})
    start = initial_weights(work.network, work.spec)
    start["1.weight"][0, 0] = 0.0  # the subgradient of |w| is 0 there
    X, y = Resident(work.data, torch.device("cpu")).gather(np.arange(40))
    expected = of_torch(work, start, X, y)
    for impl in IMPLS:
        learner = import_registered("impl", impl).load()(work.network, work.spec, start, "cpu")
        for _ in range(5):
            learner.step(X, y, 0.05, [None, None])
        found = learner.state()
        for name, array in expected.items():
            np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=1e-11, err_msg=f"{impl} {name}")


def test_the_defaults_leave_keys_as_they_are() -> None:
    dataset = classes()
    plain, zero, one = (resolved(dataset, **fields) for fields in ({}, {"l1": 0, "decay_biases": "true"}, {"l1": 1e-4}))
    assert key_of(plain, "d") == key_of(zero, "d") != key_of(one, "d")


def test_compiled_code_leaves_these_to_the_reference_engine() -> None:
    work = work_of(classes(), l1=0.01)
    assert KERNEL.why_not(work.spec, work.data)
    assert LANES.why_not(work.spec, work.data)


def test_each_layer_drops_its_own_share() -> None:
    work = work_of(classes(), widths="400,400", dropout="0.2,0.7")
    kept = [dropout_mask(work.spec, 1, 0, layer, (16, 400)).mean() for layer in (0, 1)]
    assert kept == pytest.approx([0.8, 0.3], abs=0.02)  # 6,400 draws: 4 standard deviations
    assert [layer.dropout for layer in work.network.layers] == [0.2, 0.7, 0.0]


def test_one_dropout_is_the_same_trial_however_it_is_written() -> None:
    dataset = classes()
    one, two = (resolved(dataset, widths="8,8", dropout=dropout) for dropout in (0.2, "0.2,0.2"))
    assert key_of(one, "d") == key_of(two, "d")
    with pytest.raises(UsageError, match="has 3 values, and there are 2 hidden layers"):
        resolved(dataset, widths="8,8", dropout="0.1,0.2,0.3")


def test_a_sweep_over_dropouts(cli: Cli) -> None:
    command = ["sweep", "--dataset", "iris", "--set", "widths=8,8", "--epochs", "1", "--out", "r"]
    assert cli(*command, "--axis", "dropout=0.1,0.5;0.3,0.3;0.2").code == 0
    assert sorted(load("r/iris-mlp").trials["dropout"]) == ["0.1,0.5", "0.2", "0.3"]
    assert cli(*command, "--axis", "dropout=lin:0:0.5:3", "--name", "numbers").code == 0
    assert sorted(map(float, load("r/numbers").trials["dropout"])) == [0, 0.25, 0.5]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_rare_classes_count_as_in_torch(reduction: str) -> None:
    dataset = replace(classes(3, 60), y=np.repeat([0, 1, 2], [40, 15, 5]).astype(np.int32))
    fields: dict[str, Any] = {"widths": "6", "lr": 0.05, "dtype": "float64", "reduction": reduction}
    work = work_of(dataset, class_weight="balanced", **fields)
    train = dataset.y[work.data.parts["train"]]
    expected = compute_class_weight("balanced", classes=np.arange(3), y=train)
    np.testing.assert_allclose(work.network.class_weights, expected)
    start = initial_weights(work.network, work.spec)
    X, y = Resident(work.data, torch.device("cpu")).gather(np.arange(30, 60))
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in start.items()}
    h = torch.relu(X @ tensors["0.weight"] + tensors["0.bias"])
    criterion = torch.nn.CrossEntropyLoss(torch.tensor(expected), reduction=reduction)
    criterion(h @ tensors["1.weight"] + tensors["1.bias"], y.long()).backward()
    for impl in IMPLS:
        learner = import_registered("impl", impl).load()(work.network, work.spec, start, "cpu")
        losses, _ = learner.step(X, y, 0.05, [None, None])
        for name, tensor in tensors.items():
            assert tensor.grad is not None
            wanted = start[name] - 0.05 * tensor.grad.numpy()
            np.testing.assert_allclose(learner.state()[name], wanted, rtol=1e-9, atol=1e-12)
        assert losses.shape == (30,), "each example's own loss is told, without the weight of its class"


def test_numbers_have_no_class_weights() -> None:
    with pytest.raises(UsageError, match="no classes: leave class_weight balanced out"):
        resolved(numbers(), class_weight="balanced")
