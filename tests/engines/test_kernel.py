"""The kernel engine beyond the contracts of all engines: shapes of its loops, help of idle cores, initial weights."""

from itertools import product
from typing import get_args

import numpy as np
import pytest

from mlpctl.data.minibatches import order
from mlpctl.engines.base import Work
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.engines.kernel import random_numbers
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.kernel.layout import unpack
from mlpctl.engines.kernel.session import HELPED_FROM
from mlpctl.engines.kernel.training import arrays_of, begun_training, new_training
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.spec import Init
from tests.helpers.engines import FLOAT32_BAND, assert_close, ends
from tests.helpers.making import classes, numbers, trained, work_of


def assert_equal(works: list[Work], band: float = 1e-9) -> None:
    """Check that trials end as the reference engine has them."""
    expected, found = (ends(engine.open("cpu", 1, 1), *works) for engine in (REFERENCE, KERNEL))
    for key, end in found.items():
        assert_close(expected[key], end, band)


def test_equality_for_every_remainder_of_the_blocks() -> None:
    some = classes(2)
    assert_equal([
        work_of(some, f"{batch_size} {optimizer}", batch_size=batch_size, optimizer=optimizer, widths="7",
                dtype="float64", lr=0.01)
        for batch_size, optimizer in product((1, 2, 3, 4, 5, 8, 37, "full"), ("sgd", "adam"))
    ])  # fmt: skip


def test_equality_in_layers_of_several_vectors() -> None:
    """Widths around multiples of 16 and 32, with and without batch norm, through both kinds of product."""
    networks = (("33,16,50", "none"), ("64,17", "all"), ("80,32", "1"))
    data = ((classes(3, n=130, d=9), "sgd"), (numbers(3, n=130, d=9), "adam"))
    works = []
    for batch_size, (widths, batch_norm), (some, optimizer) in product((4, 6, 16, 17, 27, 64), networks, data):
        works.append(
            work_of(
                some, f"{batch_size} {widths} {optimizer}", batch_size=batch_size, widths=widths,
                batch_norm=batch_norm, optimizer=optimizer, dtype="float64", lr=0.01,
            )
        )  # fmt: skip
    assert_equal(works)


def test_equality_in_large_layers() -> None:
    """Dense inputs and bytes, minibatches of 64 and what is left of them."""
    dataset = classes(4, n=300, d=90, uint8=True)
    for dtype, band in (("float64", 1e-9), ("float32", FLOAT32_BAND)):
        assert_equal([
            work_of(dataset, name, widths="128,64", batch_size=64, dtype=dtype, scaling="unit", optimizer=name)
            for name in ("sgd", "adam")
        ], band)  # fmt: skip


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_help_of_idle_cores_leaves_every_bit(optimizer: str) -> None:
    work = work_of(
        classes(4, n=700, d=90), widths="130,70", batch_size=256, epochs=3, optimizer=optimizer, batch_norm="1"
    )
    assert work.network.flops_per_example * 256 > HELPED_FROM
    alone, *helped = (ends(KERNEL.open("cpu", jobs, 1), work)["t"] for jobs in (1, 2, 3))
    for end in helped:
        assert_close(alone, end, 0.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("init", get_args(Init))
def test_a_trial_starts_from_the_shared_weights(init: str, dtype: str) -> None:
    """Layers of one unit, of whole vectors and of odd sizes; to the bit but for log, cos and sin."""
    for widths, normalized in (("17,1,16,5", "2,4"), ("33", None), ("1", "1")):
        fields = {"batch_norm": normalized} if normalized else {}
        work = work_of(classes(), widths=widths, init=init, dtype=dtype, init_seed=2**33 + 5, **fields)
        trial = begun_training(work)
        wanted, found = initial_weights(work.network, work.spec), unpack(trial.layout, trial.theta, trial.stats)
        assert set(found) == set(wanted)
        for name, values in wanted.items():
            if init.endswith("normal"):
                np.testing.assert_allclose(found[name], values, rtol=1e-6 if dtype == "float32" else 1e-12, atol=1e-15)
            else:
                np.testing.assert_array_equal(found[name], values)
        new = new_training(work, wanted)
        for mine, given in ((trial.theta, new.theta), (trial.stats, new.stats)):
            np.testing.assert_array_equal(mine == 0, given == 0)  # what pads rows stays zero


def test_the_compiled_orders_are_the_shared_ones() -> None:
    for n in (1, 5, 1000, 5000):
        rows = np.arange(10, 10 + n)
        drawn = random_numbers.orders(2**40 + 1, 3, 2, rows, n)
        for e in (0, 1):
            np.testing.assert_array_equal(drawn[e], rows[order(2**40 + 1, 3 + e, n)])


def test_divergence_is_seen_in_its_epoch_and_leaves_the_finite_epochs() -> None:
    session = KERNEL.open("cpu", 1, 1)
    events = trained(session, work_of(numbers(), lr=3.0, widths="8", epochs=50))["t"]
    assert events[-1].status == "diverged"
    assert events[-1].epoch < 50
    assert all(np.isfinite(event.scores["train_loss"]) for event in events[:-1])


def test_memory_of_a_dataset_is_not_copied() -> None:
    work = work_of(classes(3, uint8=True), scaling="unit")
    assert arrays_of(work.data).kept[0] is work.data.X
