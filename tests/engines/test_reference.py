"""The reference engine beyond the contracts of all engines: every implementation continues, and problems it learns."""

from typing import Any

import numpy as np
import pytest

from mlpctl.engines.reference import ENGINE
from mlpctl.registry import names
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec
from tests.helpers.making import classes, trained, work_of


@pytest.mark.parametrize("impl", names("impl"))
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw", "rmsprop", "adagrad"])
def test_a_saved_trial_of_every_implementation_continues_bit_for_bit(impl: str, optimizer: str) -> None:
    fields: dict[str, Any] = {
        "impl": impl,
        "optimizer": optimizer,
        "batch_norm": "all",
        "dropout": 0.1,
        "hidden_units": 8,
    }
    whole = ENGINE.open("cpu", 1, 1)
    trained(whole, work_of(classes(), epochs=5, **fields))
    first = ENGINE.open("cpu", 1, 1)
    trained(first, work_of(classes(), epochs=2, **fields))
    second = ENGINE.open("cpu", 1, 1)
    rest = work_of(classes(), epochs=5, **fields)
    second.restore(rest, first.save("t"))
    events = trained(second, rest)["t"]
    assert [event.epoch for event in events] == [3, 4, 5]
    for name, tensor in whole.weights("t").items():
        np.testing.assert_array_equal(tensor, second.weights("t")[name])


def test_the_perceptron_learns_what_is_separable_and_stops_moving() -> None:
    for gate, learnt in {"and": True, "or": True, "nand": True, "nor": True, "xor": False, "xnor": False}.items():
        for batch_size in (1, "full"):
            given = {"dataset": "gates", "data": {"gate": gate}, "batch_size": batch_size, "epochs": 60}
            trial = trial_of(make_spec({**given, "model": "perceptron"}))
            session = ENGINE.open("cpu", 1, 1)
            events = list(session.advance([trial.work(fit_each=True)]))
            errors_made = [event.scores["train_loss"] for event in events]
            accuracies = [event.scores["fit_accuracy"] for event in events]
            if learnt:  # finitely many updates: from some epoch on nothing is wrong, so nothing moves
                assert accuracies[-10:] == [1.0] * 10
                assert errors_made[-10:] == [0.0] * 10
            else:
                assert max(accuracies) < 1


def test_a_hidden_layer_learns_xor() -> None:
    given = {"dataset": "gates", "data": {"gate": "xor"}, "hidden_units": 8, "activation": "tanh"}
    trial = trial_of(make_spec({**given, "optimizer": "adam", "lr": 0.05, "epochs": 300, "batch_size": 4}))
    session = ENGINE.open("cpu", 1, 1)
    assert list(session.advance([trial.work(fit_each=True)]))[-1].scores["fit_accuracy"] == 1.0


def test_linear_regression_recovers_its_weights() -> None:
    trial = trial_of(make_spec({"dataset": "linreg", "epochs": 10}))
    session = ENGINE.open("cpu", 1, 1)
    list(session.advance([trial.work()]))
    weights = session.weights(trial.key)
    np.testing.assert_allclose(weights["0.weight"][:, 0], [2, -3.4], atol=0.01)
    np.testing.assert_allclose(weights["0.bias"], [4.2], atol=0.01)


@pytest.mark.parametrize("vocabulary", ["train", "all"])
def test_the_two_sentences_of_the_tutorial_are_told_apart(vocabulary: str) -> None:
    trial = trial_of(make_spec({"dataset": "langid", "data": {"vocabulary": vocabulary}}))
    session = ENGINE.open("cpu", 1, 1)
    events = list(session.advance([trial.work(test_at=frozenset({trial.spec.epochs or 0}))]))
    assert events[-1].scores["test_accuracy"] == 1.0


@pytest.mark.needs("fashion-mnist")
def test_both_twins_of_the_book_train_alike() -> None:
    """d2l 5.2.1 and 5.2.2: 784-256-10, σ = 0.01, SGD 0.1, batch 256; `mlpctl verify` has the whole curve of both."""
    given = {"dataset": "fashion-mnist", "data": {"examples": 2000}, "hidden_units": 256, "init": "normal", "lr": 0.1}
    losses = {}
    for impl in ("scratch", "concise"):
        trial = trial_of(make_spec({**given, "batch_size": 256, "epochs": 2, "impl": impl, "dtype": "float64"}))
        session = ENGINE.open("cpu", 1, 2)
        losses[impl] = [event.scores for event in session.advance([trial.work(test_at=frozenset({2}))])]
    for one, other in zip(losses["scratch"], losses["concise"], strict=True):
        assert one == pytest.approx(other, rel=1e-9)
