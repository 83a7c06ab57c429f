"""The implementations against each other, step by step in float64, and their gradients against autograd."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, product
from typing import Any, get_args

import numpy as np
import pytest
import torch

from mlpctl.data.base import Dataset
from mlpctl.engines.choose import choose
from mlpctl.engines.dropout import dropout_mask
from mlpctl.engines.expected_time import load_of
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.engines.reference import ENGINE, Resident
from mlpctl.errors import DeviceError, UsageError
from mlpctl.models.learner import Learner, State
from mlpctl.models.numpy import NumpyNetwork
from mlpctl.registry import import_registered, names
from mlpctl.spec import Activation, Loss, Optimizer
from tests.helpers.making import classes, numbers, trained, work_of

IMPLS = names("impl")
NUMERIC = ("mse", "half_mse", "huber", "l1")
BAND = 1e-10
STEPS = 3


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """The learners are used without a session here: threads that wait for each other would take most of the time."""
    session = ENGINE.open("cpu", 1, 1)
    yield
    session.close()


def steps_of(
    dataset: Dataset, impls: Sequence[str] = IMPLS, *, zeroed: tuple[str, ...] = (), **fields: Any
) -> dict[str, list[State]]:
    """Return impl -> after each step what it was (losses, outputs) and what it led to (the state).

    Parameters whose names begin with one of `zeroed` start at 0.
    """
    work = work_of(dataset, dtype="float64", **fields)
    resident = Resident(work.data, torch.device("cpu"))
    start = initial_weights(work.network, work.spec)
    start = {name: 0 * array if name.startswith(zeroed) else array for name, array in start.items()}
    told: dict[str, list[State]] = {}
    for impl in impls:
        learner = learner_of(impl, work, start)
        told[impl] = []
        for step in range(STEPS):
            X, y = resident.gather(np.arange(step * 13, step * 13 + 13))
            masks = [
                torch.from_numpy(dropout_mask(work.spec, 1, step, number, (13, layer.outputs)))
                if layer.dropout
                else None
                for number, layer in enumerate(work.network.layers)
            ]
            losses, z = learner.step(X, y, 0.01 / (step + 1), masks)
            seen = {"losses": losses.numpy().copy(), "z": z.numpy().copy(), "evaluated": learner.outputs(X).numpy()}
            told[impl].append({**seen, **learner.state()})
    return told


def learner_of(impl: str, work: Any, state: State) -> Learner:
    return import_registered("impl", impl).load()(work.network, work.spec, state, "cpu")  # type: ignore[no-any-return]


def assert_steps_equal(told: dict[str, list[State]], about: object = "") -> None:
    first, *others = told
    for other, step in product(others, range(STEPS)):
        one, two = told[first][step], told[other][step]
        assert one.keys() == two.keys(), (about, other)
        for name, array in one.items():
            assert array.shape == two[name].shape
            error = abs(array - two[name]).max()
            assert error <= BAND * max(abs(array).max(), 1e-3), f"{about} {other} step {step} {name}: {error:.1e}"


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
@pytest.mark.parametrize("batch_norm", ["none", "1"])
def test_every_implementation_takes_the_same_steps(optimizer: str, batch_norm: str) -> None:
    """Adam with every activation × loss, the other optimizers with each of both: an update sees gradients alone.

    See test_kernel for why one layer alone is normalized.
    """
    every = product(get_args(Activation), get_args(Loss))
    each = zip(get_args(Activation), cycle(get_args(Loss)), strict=False)
    for activation, loss in every if optimizer == "adam" else each:
        dataset = numbers(2) if loss in NUMERIC and activation in ("relu", "tanh") else classes(3)
        fields: dict[str, Any] = {"optimizer": optimizer, "activation": activation, "loss": loss}
        told = steps_of(dataset, widths="9,6", batch_norm=batch_norm, init="xavier_uniform", **fields)
        assert_steps_equal(told, (activation, loss))


@pytest.mark.parametrize(
    "fields",
    [
        {"dropout": 0.4},
        {"dropout": 0.4, "batch_norm": "all", "optimizer": "adam", "activation": "gelu"},
        {"weight_decay": 0.1, "optimizer": "nesterov"},
        {"optimizer": "rmsprop", "momentum": 0.7},
        {"reduction": "sum"},
        {"bias": False},
        {"bias": False, "batch_norm": "all", "optimizer": "adam"},
        {"widths": "none"},
        {"model": "parallel"},
        {"model": "parallel", "bias": False, "optimizer": "adam"},
        {"model": "parallel", "batch_norm": "all", "dropout": 0.2, "activation": "tanh"},
        {"model": "perceptron", "widths": None, "init": "normal"},
    ],
)
@pytest.mark.parametrize("k", [2, 3])
def test_every_implementation_takes_everything_else(fields: dict[str, Any], k: int) -> None:
    assert_steps_equal(steps_of(classes(k), **{"widths": "8,5", **fields}), fields)


@pytest.mark.parametrize("loss", get_args(Loss))
@pytest.mark.parametrize("activation", get_args(Activation))
def test_every_implementation_agrees_at_the_corners(activation: str, loss: str) -> None:
    """With a hidden layer that starts at 0 relu is at its corner; with an output of 0 the perceptron's loss is."""
    for k, zeroed in product((2, 3), ("0.", "1.")):
        told = steps_of(classes(k), zeroed=(zeroed,), widths="6", activation=activation, loss=loss)
        assert_steps_equal(told, (k, zeroed))


@pytest.mark.parametrize("fields", [{}, {"model": "parallel"}, {"optimizer": "adam", "batch_norm": "all"}])
def test_every_implementation_takes_sparse_and_byte_inputs(fields: dict[str, Any]) -> None:
    for dataset, scaling in ((classes(sparse=True), "none"), (classes(uint8=True), "unit")):
        assert_steps_equal(steps_of(dataset, widths="8", scaling=scaling, **fields))
    sparse = classes(sparse=True)
    dense = replace(sparse, X=sparse.X.toarray())  # type: ignore[union-attr]
    [one, other] = [steps_of(dataset, widths="8", **fields)["manual"] for dataset in (sparse, dense)]
    assert_steps_equal({"sparse": one, "dense": other})


@pytest.mark.parametrize("impl", ["numpy", "scratch", "function"])
@pytest.mark.parametrize("activation", get_args(Activation))
def test_far_from_0_nothing_overflows(impl: str, activation: str) -> None:
    """Pre-activations of some thousands: finite steps, and the same as by hand."""
    far = replace(classes(3), X=np.asarray(classes(3).X) * 3000)
    fields: dict[str, Any] = {"widths": "8", "init": "xavier_uniform", "activation": activation}
    told = steps_of(far, ["manual", impl], batch_size=13, **fields)
    assert all(np.isfinite(array).all() for array in told[impl][0].values())
    assert_steps_equal({name: steps[:1] * STEPS for name, steps in told.items()})


@pytest.mark.parametrize("fields", [{}, {"batch_norm": "1"}, {"bias": False}, {"dropout": 0.3}])
@pytest.mark.parametrize("impl", IMPLS)
def test_the_product_of_two_maps_has_the_gradient_of_finite_differences(impl: str, fields: dict[str, Any]) -> None:
    """With plain SGD and lr 1 a step is the gradient: against central differences of the loss itself."""
    work = work_of(numbers(2), model="parallel", widths="4,3", dtype="float64", activation="tanh", **fields)
    start = initial_weights(work.network, work.spec)
    X, y = Resident(work.data, torch.device("cpu")).gather(np.arange(16))
    masks = [
        torch.from_numpy(dropout_mask(work.spec, 1, 0, n, (16, layer.outputs))) if layer.dropout else None
        for n, layer in enumerate(work.network.layers)
    ]

    def loss_at(weights: State) -> float:
        return float(learner_of(impl, work, weights).step(X, y, 0.0, masks)[0].mean())

    learner = learner_of(impl, work, start)
    learner.step(X, y, 1.0, masks)
    moved = learner.state()
    rng = np.random.default_rng(1)
    for name, array in start.items():
        if "running" in name:
            continue
        place = tuple(int(rng.integers(n)) for n in array.shape)
        ends = []
        for sign in (1, -1):
            near = {**start, name: array.copy()}
            near[name][place] += sign * 1e-5
            ends.append(loss_at(near))
        slope = (ends[0] - ends[1]) / 2e-5
        assert array[place] - moved[name][place] == pytest.approx(slope, rel=1e-6, abs=1e-9), name


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_states_are_exchangeable(optimizer: str) -> None:
    """A trial that changes implementations ends as one that stayed: weights, statistics, the optimizer's memory."""
    fields: dict[str, Any] = {"optimizer": optimizer, "batch_norm": "all", "dropout": 0.1, "widths": "8", "lr": 0.01}
    fields |= {"dtype": "float64", **({"momentum": 0.5} if optimizer == "rmsprop" else {})}
    stayed = ENGINE.open("cpu", 1, 1)
    trained(stayed, work_of(classes(), impl="manual", epochs=len(IMPLS), **fields))
    state: State | None = None
    for epochs, impl in enumerate(IMPLS, start=1):
        session = ENGINE.open("cpu", 1, 1)
        work = work_of(classes(), impl=impl, epochs=epochs, **fields)
        if state is not None:
            session.restore(work, state)
        [event] = trained(session, work)["t"]
        assert event.epoch == epochs
        state = session.save("t")
    assert state is not None
    for name, array in stayed.save("t").items():
        assert abs(array - state[name]).max() <= 1e-9 * max(abs(array).max(), 1e-3), name


@pytest.mark.parametrize(("fields", "why"), [({"model": "parallel"}, "multiplies two"), ({"bias": False}, "bias")])
def test_what_the_kernel_cannot_train_the_reference_does(fields: dict[str, Any], why: str) -> None:
    work = work_of(classes(), **fields)
    chosen = choose(work, engine="auto", device="auto", load=lambda: load_of([work], 10_000))
    assert chosen.engine is ENGINE
    assert why in chosen.note
    with pytest.raises(UsageError, match="--engine auto"):
        choose(work, engine="kernel", device="auto", load=lambda: load_of([work], 1))


def test_a_network_says_how_many_numbers_it_trains() -> None:
    for fields, expected in (
        ({}, 5 * 8 + 8 + 8 * 3 + 3),
        ({"bias": False}, 5 * 8 + 8 * 3),
        ({"model": "parallel"}, 2 * (5 * 8 + 8) + 8 * 3 + 3),
        ({"model": "parallel", "batch_norm": "all"}, 2 * (5 * 8 + 8) + 2 * 8 + 8 * 3 + 3),
    ):
        work = work_of(classes(), widths="8", **fields)
        weights = initial_weights(work.network, work.spec)
        assert work.network.n_parameters == expected
        assert sum(array.size for name, array in weights.items() if "running" not in name) == expected


def test_the_two_maps_of_a_product_start_apart() -> None:
    work = work_of(classes(), model="parallel", widths="5,5")
    weights = initial_weights(work.network, work.spec)
    drawn = [array for name, array in weights.items() if name.endswith("weight") and array.shape == (5, 5)]
    assert len(drawn) == 4
    assert len({array.tobytes() for array in drawn}) == 4


def test_an_unknown_implementation_is_refused_with_the_closest() -> None:
    with pytest.raises(UsageError, match="unknown impl 'nunpy': did you mean 'numpy'"):
        work_of(classes(), impl="nunpy")


def test_numpy_is_refused_on_another_device() -> None:
    work = work_of(classes())
    with pytest.raises(DeviceError, match="--impl manual"):
        NumpyNetwork(work.network, work.spec, initial_weights(work.network, work.spec), "cuda:0")


def test_numpy_computes_without_torch() -> None:
    """Between what comes in and what goes out no torch function is called."""
    work = work_of(classes(), widths="8", batch_norm="1", dropout=0.2, optimizer="adam", dtype="float64")
    learner = NumpyNetwork(work.network, work.spec, initial_weights(work.network, work.spec), "cpu")
    X, y = Resident(work.data, torch.device("cpu")).gather(np.arange(16))
    masks = [torch.ones(16, 8, dtype=torch.bool), None]
    called = []

    class Listen(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            called.append(func.__name__)
            return func(*args, **(kwargs or {}))

    with Listen():
        learner.step(X, y, 0.1, masks)
        learner.outputs(X)
    assert set(called) <= {"numpy", "from_numpy", "__get__"}
    with Listen():
        import_registered("impl", "manual").load()(work.network, work.spec, learner.state(), "cpu").step(
            X, y, 0.1, masks
        )
    assert "matmul" in called  # so the listener hears what it should


@pytest.mark.parametrize(("optimizer", "schedule"), list(product(get_args(Optimizer), ["constant", "cosine"])))
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
