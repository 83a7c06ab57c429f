"""The spec: parsing, messages, canonical values, resolution."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpctl.errors import UsageError
from mlpctl.models import resolve
from mlpctl.spec import Spec, make_spec
from mlpctl.store.key import key_of
from mlpctl.store.schema import TRIAL_COLUMNS
from tests.helpers.making import classes, numbers, resolved


def test_every_field_is_a_column_and_says_what_it_is() -> None:
    for name, info in Spec.model_fields.items():
        assert name in TRIAL_COLUMNS
        assert info.description
        assert info.description.endswith(".")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lr": 0}, "lr must be greater than 0, got 0"),
        ({"lr": "nan"}, "lr must be"),
        ({"hidden_units": -3}, "hidden_units must be greater than or equal to 1, got -3"),
        ({"epochs": "ten"}, "epochs must be a valid integer"),
        ({"activation": "relo"}, "unknown activation 'relo': did you mean 'relu'?"),
        ({"dataset": "irs"}, "unknown dataset 'irs': did you mean 'iris'?"),
        ({"model": "mpl"}, "unknown model 'mpl': did you mean 'mlp'?"),
        ({"hiden_units": 3}, "unknown key 'hiden_units': did you mean 'hidden_units'?"),
        ({"device": "tpu"}, "device must be auto, cpu, cuda, cuda:N, several as cuda:0,cuda:1, or mps, got 'tpu'"),
        ({"betas": "0.9"}, "betas"),
        ({"data": ["noise"]}, "KEY=VALUE"),
        ({"bias": "maybe"}, "bias must be a valid boolean"),
        ({"impl": "scrath"}, "unknown impl 'scrath': did you mean 'scratch'?"),
        ({"widths": "64,0"}, "widths must be greater than or equal to 1"),
    ],
)
def test_a_wrong_value_says_what_must_hold(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        make_spec(given)
    assert message in str(error.value)


def test_all_problems_come_at_once() -> None:
    with pytest.raises(UsageError) as error:
        make_spec({"lr": -1, "epochs": -1, "activaton": "relu"})
    assert len(error.value.problems) == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"momentum": 0.5}, "momentum applies to optimizer momentum or nesterov or rmsprop, not to sgd"),
        ({"optimizer": "sgd", "betas": "0.9,0.99"}, "betas applies to optimizer adam or adamw"),
        ({"loss": "mse", "huber_delta": 2}, "huber_delta applies to loss huber"),
        ({"warmup_epochs": 1}, "warmup_epochs applies to lr_schedule step or cosine or warmup"),
        ({"init": "zeros", "init_scale": 2}, "init_scale applies to init normal"),
        ({"model": "softmax", "hidden_units": 3}, "model softmax has no hidden layer, so hidden_units does not apply"),
        ({"batch_norm": "all", "batch_size": 1}, "batch_norm needs minibatches of two"),
        ({"hidden_layers": 2, "widths": "8"}, "contradict each other"),
        ({"hidden_layers": 2, "batch_norm": "3"}, "batch_norm names hidden layer 3, and there are 2"),
        ({"model": "perceptron", "optimizer": "adam"}, "the delta rule is plain SGD"),
        ({"model": "gate", "bias": False}, "a gate's threshold is its bias"),
        ({"model": "gate"}, "model gate needs --dataset gates"),
        ({"model": "linear"}, "model linear is for regression"),
    ],
)
def test_impossible_combinations_are_refused_with_a_way_out(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        resolved(classes(), **fields)
    assert message in str(error.value)


def test_a_class_loss_on_numbers_is_refused() -> None:
    with pytest.raises(UsageError, match="loss cross_entropy compares with a class, and diabetes is a regression set"):
        resolved(numbers(), loss="cross_entropy")


def test_several_impossible_things_are_told_together() -> None:
    with pytest.raises(UsageError) as error:
        resolved(classes(), momentum=0.5, huber_delta=1.0, batch_norm="all", batch_size=1)
    assert len(error.value.problems) == 3


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "lr": st.floats(1e-6, 10),
        "widths": st.lists(st.integers(1, 300), max_size=4),
        "activation": st.sampled_from(["relu", "gelu", "identity"]),
        "optimizer": st.sampled_from(["sgd", "momentum", "adam", "rmsprop", "adagrad"]),
        "init": st.sampled_from(["default", "normal", "orthogonal", "zeros"]),
        "dropout": st.floats(0, 0.9),
        "lr_schedule": st.sampled_from(["constant", "step", "cosine", "warmup"]),
        "batch_size": st.one_of(st.integers(2, 64), st.just("full")),
        "seed": st.integers(0, 2**62),
        "bias": st.booleans(),
        "shuffle": st.booleans(),
    },
)


@settings(max_examples=150, deadline=None)
@given(FIELDS)
def test_a_resolved_spec_is_resolved_and_survives_the_csv(fields: dict[str, Any]) -> None:
    if not fields.get("widths", [1]):
        fields.pop("dropout", None)
    spec = resolve(make_spec({"dataset": "iris", **fields}), classes())
    assert resolve(spec, classes()) == spec
    row = {name: "" if value is None else str(value) for name, value in spec.flat().items()}
    assert Spec.from_flat(row) == spec
    assert key_of(Spec.from_flat(row), "d") == key_of(spec, "d")


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "lr": st.sampled_from([0.01, 0.1]),
                "seed": st.integers(0, 2),
                "init_seed": st.integers(0, 2),
                "split_seed": st.sampled_from([0, 1, "seed"]),
                "batch_size": st.sampled_from([4, "full"]),
                "optimizer": st.sampled_from(["sgd", "adam"]),
                "momentum": st.sampled_from([0.0, 0.5]),
                "data": st.just({"noise": 0.5}),
            },
        ),
        max_size=8,
    )
)
def test_what_was_resolved_before_changes_nothing(several: list[dict[str, Any]]) -> None:
    """Specs that differ in free fields alone are resolved once; a dataset of its own has resolved none before."""
    dataset = classes()
    for fields in several:
        told = []
        for one in (dataset, classes()):
            try:
                told.append(resolve(make_spec({"dataset": "iris", **fields}), one).flat())
            except UsageError as error:
                told.append({"error": str(error)})
        assert told[0] == told[1]


def test_near_equal_floats_are_one_value() -> None:
    one, other = make_spec({"lr": 0.1 + 0.2}), make_spec({"lr": 0.3})
    assert one == other
    assert make_spec({"lr": "0.1000000000000000055"}) == make_spec({"lr": 0.1})


def test_the_key_is_what_decides_the_numbers() -> None:
    base = resolved(classes(), widths="8,8")
    key = key_of(base, "digest")
    assert key_of(resolved(classes(), hidden_layers=2, hidden_units=8), "digest") == key
    assert key_of(resolved(classes(), widths="8,8", seed=1), "digest") != key
    assert key_of(base, "other digest") != key
    assert key_of(resolved(classes(), widths="8,8", impl="scratch"), "digest") != key  # named, so it counts
    assert key_of(resolved(classes(), widths="8,8", bias=True), "digest") == key
    assert key_of(resolved(classes(), widths="8,8", bias=False), "digest") != key
    assert key_of(resolved(classes(), widths="8,8", shuffle=True), "digest") == key
    assert key_of(resolved(classes(), widths="8,8", shuffle=False), "digest") != key
    assert key_of(base.configuration(), "d") == key_of(resolved(classes(), widths="8,8", seed=3).configuration(), "d")


def test_each_optimizer_has_a_learning_rate_that_suits_it() -> None:
    assert resolved(classes(), lr=None, optimizer="adam").lr == 0.001
    assert resolved(classes(), lr=None).lr == 0.1
