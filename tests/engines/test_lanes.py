"""The contracts of the lanes engine on CPU tensors: Equality with the reference, Independence within a tolerance."""

from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
import torch

from mlpctl.data.base import Dataset
from mlpctl.engines.base import Event, Work
from mlpctl.engines.lanes.engine import ENGINE as LANES
from mlpctl.engines.lanes.session import LanesSession, open_session
from mlpctl.engines.lanes.training import Running
from mlpctl.engines.precision import Precision
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.models.learner import State
from mlpctl.spec import Activation, Loss, Optimizer
from tests.helpers.making import classes, numbers, trained, work_of

NUMERIC = ("mse", "half_mse", "huber", "l1")

EQUAL = 1e-9
"""Of the largest number of a tensor, after some epochs in float64: sums are taken in another order."""

INDEPENDENT = {"float64": 1e-12, "float32": 2e-4}
"""The tolerance that the engine states: of the largest number of a tensor, whatever the neighbours. Sums are taken in
another order in a product of another shape, and Adam scales what is left of that up to its step."""


def lanes(most: int = 64, precision: Precision = "fp32") -> LanesSession:
    """Return a session of the lanes engine with so many lanes a group."""
    session = open_session("cpu", precision, 1)
    session.most = most
    return session


def ends(session: Any, *works: Work) -> dict[str, tuple[State, list[Event]]]:
    """Return the weights and the events of each work."""
    events = trained(session, *works)
    return {work.key: (session.weights(work.key), events[work.key]) for work in works}


def assert_close(one: tuple[State, list[Event]], other: tuple[State, list[Event]], band: float) -> None:
    """Check weights, events and scores, relative to the largest number of each tensor."""
    (weights, events), (other_weights, other_events) = one, other
    assert weights.keys() == other_weights.keys()
    for name, tensor in weights.items():
        error = abs(tensor - other_weights[name]).max()
        assert error <= band * max(abs(tensor).max(), 1e-3), f"{name}: {error:.1e}"
    assert [(e.epoch, e.status) for e in events] == [(e.epoch, e.status) for e in other_events]
    for event, other_event in zip(events, other_events, strict=True):
        assert event.scores == pytest.approx(other_event.scores, rel=100 * band, abs=10 * band)
        assert event.lr == other_event.lr


def assert_equal(works: list[Work], band: float = EQUAL) -> None:
    """Check that trials that are trained as lanes end as the reference has them, one by one."""
    expected = ends(REFERENCE.open("cpu", 1, 1), *works)
    for key, end in ends(lanes(), *works).items():
        assert_close(expected[key], end, band)
        assert end[1][0].group_size == len(works)


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
@pytest.mark.parametrize("batch_norm", ["none", "1"])
def test_equality_in_float64(optimizer: str, batch_norm: str) -> None:
    """Every optimizer × activation × loss × batch norm; all activations of a loss side by side in one program."""
    for loss in get_args(Loss):
        dataset, works = numbers(2) if loss in NUMERIC else classes(3), []
        for number, activation in enumerate(get_args(Activation)):
            fields: dict[str, Any] = {"optimizer": optimizer, "activation": activation, "loss": loss, "lr": 0.01}
            fields |= {"widths": f"{9 - number % 2},6", "batch_norm": batch_norm, "init": "xavier_uniform"}
            works.append(work_of(dataset, key=activation, dtype="float64", epochs=2, **fields))
        assert_equal(works)


@pytest.mark.parametrize("loss", get_args(Loss))
def test_losses_that_want_numbers_take_classes_too(loss: str) -> None:
    for k in (2, 3):
        assert_equal([work_of(classes(k), loss=loss, widths="7", dtype="float64", lr=0.01, optimizer="momentum")])


@pytest.mark.parametrize(
    "fields",
    [
        {"dropout": 0.4},
        {"dropout": 0.4, "activation": "gelu", "batch_norm": "all"},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "optimizer": "adamw", "lr": 0.01},
        {"weight_decay": 0.1, "optimizer": "adam", "batch_norm": "1", "lr": 0.01},
        {"optimizer": "rmsprop", "momentum": 0.7, "lr": 0.01},
        {"optimizer": "adam", "betas": "0.5,0.9", "lr": 0.01},
        {"lr_schedule": "cosine", "warmup_epochs": 0.5},
        {"lr_schedule": "step", "lr_step": 1},
        {"reduction": "sum", "lr": 0.005},
        {"widths": "none"},
        {"widths": "none", "optimizer": "adam", "lr": 0.01},
        {"init": "orthogonal"},
        {"init": "normal", "init_scale": 0.5},
        {"init": "constant"},
        {"loss": "huber", "huber_delta": 0.3},
        {"batch_size": 47, "batch_norm": "all"},
        {"batch_size": 1, "lr": 0.01},
        {"batch_size": "full"},
        {"bias": "false"},
        {"bias": "false", "batch_norm": "all", "optimizer": "nesterov", "lr": 0.01},
        {"epochs": 0},
        {"seed": 2**40 + 7},
    ],
)
@pytest.mark.parametrize("k", [2, 3])
def test_equality_of_everything_else(fields: dict[str, Any], k: int) -> None:
    assert_equal([work_of(classes(k, n=64), **{"widths": "8,5", "dtype": "float64", **fields})])


def mixed(dataset: Dataset, count: int, **fields: Any) -> list[Work]:
    """Return trials that differ in everything that may differ within a program, on the same split."""
    works = []
    for n in range(count):
        own: dict[str, Any] = {
            "lr": 0.01 * (1 + n % 5), "widths": f"{4 + n % 3},{3 + n % 4}", "activation": get_args(Activation)[n % 4],
            "init": ("default", "xavier_normal", "kaiming_uniform")[n % 3], "seed": n // 8, "epochs": 2 + n % 3,
            "dropout": (0.0, 0.3)[n % 2], "weight_decay": (0.0, 0.05)[n % 2 == 0],
            "lr_schedule": ("constant", "cosine")[n % 5 == 0], "reduction": ("mean", "sum")[n % 7 == 0],
        }  # fmt: skip
        works.append(work_of(dataset, key=str(n), **{"dtype": "float64", **own, **fields}))
    return works


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_program_of_very_different_trials_is_the_reference(optimizer: str) -> None:
    """Seeds, widths, activations, schedules, epochs, dropout, decay and reduction, 24 lanes in groups of up to 16."""
    works = mixed(classes(3, n=50), 24, optimizer=optimizer)
    expected = ends(REFERENCE.open("cpu", 1, 1), *works)
    for key, end in ends(lanes(16), *works).items():
        assert_close(expected[key], end, EQUAL)


def test_equality_with_byte_inputs_and_many_seeds() -> None:
    """Every lane has a minibatch of its own: the first layer is a stack of products then."""
    for optimizer in ("sgd", "adam"):
        dataset = classes(3, uint8=True)
        fields: dict[str, Any] = {"scaling": "unit", "optimizer": optimizer, "widths": "8", "dtype": "float64"}
        assert_equal([work_of(dataset, key=str(s), seed=s, lr=0.01, **fields) for s in range(5)])


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_float32_stays_in_its_band(optimizer: str) -> None:
    assert_equal([work_of(classes(3), widths="9,6", optimizer=optimizer, lr=0.01)], band=2e-4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("fields", [{"optimizer": "sgd"}, {"optimizer": "adam", "dropout": 0.2, "batch_norm": "1"}])
def test_independence(dtype: str, fields: dict[str, Any]) -> None:
    """Alone, among 63 others, in any order, in groups of any size, beside one that diverges, and one that leaves."""
    dataset, huge = classes(3, n=100, d=20), 1e200 if dtype == "float64" else 1e30
    usual = 0.01 if fields["optimizer"] == "sgd" else 0.001

    def work(n: int) -> Work:
        epochs, lr = (1, usual) if n == 3 else (3, huge if n == 1 else usual * (n % 7 + 1))
        width = 30 if n % 2 else 17
        return work_of(dataset, key=str(n), lr=lr, epochs=epochs, widths=f"{width},9", dtype=dtype, **fields)

    works = [work(n) for n in range(64)]
    watched = [work for work in works if work.key in ("0", "2", "5", "40")]
    alone = {work.key: ends(lanes(), work)[work.key] for work in watched}
    for most, order in (
        (64, works),
        (64, works[::-1]),
        (5, works[::-1]),
        (1, works[:6]),
        (7, works[::2] + works[1::2]),
    ):
        found = ends(lanes(most), *order)
        assert found["1"][1][-1].status == "diverged"
        for key in set(alone) & set(found):
            assert_close(alone[key], found[key], INDEPENDENT[dtype])


def test_a_lane_of_nan_touches_nobody_while_it_is_dragged_along() -> None:
    dataset = classes()
    works = [work_of(dataset, key=str(n), lr=1e30 if n == 5 else 0.05, widths="8", epochs=4) for n in range(20)]
    session = lanes()
    events = trained(session, *works)
    assert [events["5"][-1].status, events["4"][-1].status] == ["diverged", "ok"]
    assert len(events["5"]) < 4
    assert np.isfinite(session.weights("6")["0.weight"]).all()
    assert [event.group_size for event in events["6"]][-1] == 19


def test_places_are_taken_as_they_come_free() -> None:
    """Groups of 4; a trial of 1 epoch leaves beside others of 4, and the next one begins in the following epoch."""
    dataset = classes()
    works = [work_of(dataset, key=str(n), epochs=1 if n == 0 else 4, lr=0.01 * (n + 1)) for n in range(5)]
    order = [(event.key, event.epoch) for event in lanes(4).advance(works)]
    assert order.index(("4", 1)) < order.index(("1", 3))
    assert sorted(order) == sorted((work.key, e) for work in works for e in range(1, work.epochs + 1))


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_a_saved_trial_continues_elsewhere(optimizer: str) -> None:
    """On the lanes engine among others, and, since states have one form, on the reference engine."""
    fields: dict[str, Any] = {
        "optimizer": optimizer, "batch_norm": "all", "dropout": 0.2, "widths": "16", "dtype": "float64", "lr": 0.01,
    }  # fmt: skip
    dataset, first = classes(), lanes()
    whole = ends(lanes(), work_of(dataset, epochs=6, **fields))["t"]
    trained(first, work_of(dataset, epochs=2, **fields))
    rest = work_of(dataset, epochs=6, **fields)
    for second in (lanes(), REFERENCE.open("cpu", 1, 1)):
        second.restore(rest, first.save("t"))
        others = [work_of(dataset, key=str(n), epochs=3, **fields) for n in range(3)]
        weights, events = ends(second, others[0], rest, *others[1:])["t"]
        assert [event.epoch for event in events] == [3, 4, 5, 6]
        assert_close((whole[0], whole[1][2:]), (weights, events), EQUAL)


def test_a_trial_goes_on_in_the_session_it_is_in() -> None:
    session = lanes()
    short, long = (work_of(classes(), epochs=epochs, dtype="float64") for epochs in (2, 5))
    assert [event.epoch for event in session.advance([short])] == [1, 2]
    assert [event.epoch for event in session.advance([long])] == [3, 4, 5]
    assert_close((session.weights("t"), []), (ends(lanes(), long)["t"][0], []), EQUAL)
    session.drop("t")
    session.close()


def test_a_stopped_trial_ends_after_its_epoch_and_can_be_saved() -> None:
    session, epochs = lanes(), []
    for event in session.advance([work_of(classes(), epochs=50), work_of(classes(), key="u", epochs=6)]):
        epochs.append((event.key, event.epoch, event.status))
        if event.key == "t" and event.epoch == 3:
            session.stop("t")
    assert ("t", 4, "interrupted") in epochs
    assert epochs[-1] == ("u", 6, "ok")
    assert int(session.save("t")["epochs_done"]) == 4


def test_a_draining_session_takes_no_more() -> None:
    session, dataset, seen = lanes(2), classes(), []
    for event in session.advance(work_of(dataset, key=str(i), epochs=1) for i in range(9)):
        seen.append(event.key)
        session.drain()
    assert seen == ["0", "1"]


def test_out_of_memory_halves_the_group_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    works = mixed(classes(3, n=50), 12, dtype="float32")
    expected = ends(lanes(), *works)
    epoch, sizes = Running.epoch, []

    def limited(self: Running) -> Any:
        sizes.append(len(self.lanes))
        if len(self.lanes) > 3:
            raise torch.OutOfMemoryError("no")
        return epoch(self)

    monkeypatch.setattr(Running, "epoch", limited)
    found = ends(lanes(), *works)
    assert sizes[:3] == [12, 6, 3]
    for key, end in found.items():
        assert_close(expected[key], end, INDEPENDENT["float32"])

    def never(self: Running) -> Any:
        raise torch.OutOfMemoryError("not even one")

    monkeypatch.setattr(Running, "epoch", never)
    [event] = trained(lanes(), works[0])["0"]
    assert (event.status, event.epoch) == ("out_of_memory", 0)


def test_bfloat16_products_learn_and_weights_stay_float32() -> None:
    work = work_of(classes(3, n=200), widths="16", epochs=10, lr=0.1)
    weights, events = ends(lanes(precision="bf16"), work)["t"]
    exact = ends(lanes(), work)["t"]
    assert weights["0.weight"].dtype == np.float32
    error = abs(weights["0.weight"] - exact[0]["0.weight"]).max()
    assert 1e-6 < error < 0.05
    assert events[-1].scores["fit_accuracy"] == pytest.approx(exact[1][-1].scores["fit_accuracy"], abs=0.05)


def test_what_lanes_leave_to_the_reference() -> None:
    for fields, dataset in (
        ({"impl": "manual"}, classes()),
        ({"model": "parallel"}, classes()),
        ({"widths": "4"}, classes(sparse=True)),
    ):
        work = work_of(dataset, **fields)
        assert LANES.why_not(work.spec, work.data)
    work = work_of(classes(), widths="4", bias="false")
    assert LANES.why_not(work.spec, work.data) is None


def test_groups_have_seconds_and_trials_do_not() -> None:
    dataset = classes()
    events = trained(lanes(), *(work_of(dataset, key=str(n), lr=0.01 * (n + 1)) for n in range(3)))
    for event in (event for some in events.values() for event in some):
        assert event.seconds is None
        assert event.group_size == 3
        assert event.group_seconds is not None
        assert event.group_seconds > 0


def test_every_pair_of_seed_and_epoch_is_a_cohort() -> None:
    dataset = classes()
    for data_seed, init_seed in product((0, 1), (0, 2)):
        fields: dict[str, Any] = {"dtype": "float64", "widths": "6", "data_seed": data_seed, "init_seed": init_seed}
        works = [work_of(dataset, key=str(n), lr=0.02 * (n + 1), epochs=3 - n, **fields) for n in range(2)]
        assert_equal([*works, work_of(dataset, key="x", dtype="float64", widths="7", seed=4)])
