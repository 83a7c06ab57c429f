"""The lanes engine beyond the contracts of all engines: groups, places, memory, precision; on CPU tensors."""

from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
import torch

from mlpctl.engines.base import Work
from mlpctl.engines.lanes.engine import ENGINE as LANES
from mlpctl.engines.lanes.training import TrainingGroup
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.spec import Optimizer
from tests.helpers.engines import FLOAT32_BAND, assert_close, ends, lanes, mixed
from tests.helpers.making import classes, trained, work_of

EQUAL = 1e-9


def assert_equal(works: list[Work]) -> None:
    """Check that trials that are trained as one group end as the reference engine has them."""
    expected = ends(REFERENCE.open("cpu", 1, 1), *works)
    for key, end in ends(lanes(), *works).items():
        assert_close(expected[key], end, EQUAL)
        assert end[1][0].group_size == len(works)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_program_of_very_different_trials_is_the_reference(optimizer: str) -> None:
    """Seeds, widths, activations, schedules, epochs, dropout, decay and reduction, 24 lanes in groups of up to 16."""
    works = mixed(classes(3, n=50), 24, optimizer=optimizer)
    expected = ends(REFERENCE.open("cpu", 1, 1), *works)
    for key, end in ends(lanes(16), *works).items():
        assert_close(expected[key], end, EQUAL)


def test_equality_where_every_lane_has_a_minibatch_of_its_own() -> None:
    """The first layer is a stack of products then."""
    dataset = classes(3, uint8=True)
    for optimizer in ("sgd", "adam"):
        fields: dict[str, Any] = {"scaling": "unit", "optimizer": optimizer, "widths": "8", "dtype": "float64"}
        assert_equal([work_of(dataset, key=str(s), seed=s, lr=0.01, **fields) for s in range(5)])


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
def test_a_saved_trial_continues_on_the_reference_engine(optimizer: str) -> None:
    """States of both have one form."""
    fields: dict[str, Any] = {
        "optimizer": optimizer, "batch_norm": "all", "dropout": 0.2, "widths": "16", "dtype": "float64", "lr": 0.01,
    }  # fmt: skip
    dataset, first, second = classes(), lanes(), REFERENCE.open("cpu", 1, 1)
    longer = work_of(dataset, epochs=6, **fields)
    whole = ends(lanes(), longer)["t"]
    trained(first, work_of(dataset, epochs=2, **fields))
    second.restore(longer, first.save("t"))
    weights, events = ends(second, longer)["t"]
    assert_close((whole[0], whole[1][2:]), (weights, events), EQUAL)


def test_out_of_memory_halves_the_group_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    works = mixed(classes(3, n=50), 12, dtype="float32")
    expected = ends(lanes(), *works)
    epoch, sizes = TrainingGroup.epoch, []

    def limited(self: TrainingGroup) -> Any:
        sizes.append(len(self.lanes))
        if len(self.lanes) > 3:
            raise torch.OutOfMemoryError("no")
        return epoch(self)

    monkeypatch.setattr(TrainingGroup, "epoch", limited)
    found = ends(lanes(), *works)
    assert sizes[:3] == [12, 6, 3]
    for key, end in found.items():
        assert_close(expected[key], end, FLOAT32_BAND)

    def never(self: TrainingGroup) -> Any:
        raise torch.OutOfMemoryError("not even one")

    monkeypatch.setattr(TrainingGroup, "epoch", never)
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
