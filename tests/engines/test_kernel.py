"""The two contracts of the kernel engine: Equality with the reference, Independence bit for bit."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from mlpctl.data.base import Dataset
from mlpctl.data.minibatches import order
from mlpctl.engines.base import Event
from mlpctl.engines.expected_time import load_of
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.engines.kernel import drawing
from mlpctl.engines.kernel.calls import begun_training, new_training
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.kernel.layout import unpack
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.models.learner import State
from mlpctl.spec import Activation, Init, Loss, Optimizer
from tests.helpers.making import classes, numbers, trained, work_of

NUMERIC = ("mse", "half_mse", "huber", "l1")

FLOAT32_BAND = 2e-4
"""Of the largest weight, after three epochs: float32 rounds at 6e-8, and sums are taken in another order."""


def both(dataset: Dataset, **fields: Any) -> tuple[tuple[State, list[Event]], tuple[State, list[Event]]]:
    """Return (weights, events) of the reference and of the kernel."""
    ends = []
    for engine in (REFERENCE, KERNEL):
        session = engine.open("cpu", 1, 1)
        events = trained(session, work_of(dataset, **fields))["t"]
        ends.append((session.weights("t"), events))
        session.close()
    return ends[0], ends[1]


def assert_equal(dataset: Dataset, band: float = 1e-9, **fields: Any) -> None:
    """Check that weights and scores of both engines agree, relative to the largest number of each tensor."""
    (weights, events), (kernel_weights, kernel_events) = both(dataset, **fields)
    assert weights.keys() == kernel_weights.keys()
    for name, tensor in weights.items():
        error = abs(tensor - kernel_weights[name]).max()
        assert error <= band * max(abs(tensor).max(), 1e-3), f"{name}: {error:.1e}"
    assert [event.status for event in events] == [event.status for event in kernel_events]
    for one, other in zip(events, kernel_events, strict=True):
        assert one.scores == pytest.approx(other.scores, rel=100 * band, abs=10 * band)


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
@pytest.mark.parametrize("batch_norm", ["none", "1"])
def test_equality_in_float64(optimizer: str, batch_norm: str) -> None:
    """Every optimizer × activation × loss × batch norm, after three epochs with minibatches of 16 and a last of 13.

    The first layer alone is normalized: of two normalizations with identity between them the first one's shift has
    gradient 0 but for rounding, and rounding is what Adam then follows.
    """
    for activation, loss in product(get_args(Activation), get_args(Loss)):
        dataset = numbers(2) if loss in NUMERIC and activation in ("relu", "tanh") else classes(3)
        fields: dict[str, Any] = {"optimizer": optimizer, "activation": activation, "loss": loss, "lr": 0.01}
        assert_equal(dataset, widths="9,6", batch_norm=batch_norm, dtype="float64", init="xavier_uniform", **fields)


@pytest.mark.parametrize("activation", [name for name in get_args(Activation) if name != "identity"])
def test_equality_with_every_layer_normalized(activation: str) -> None:
    for optimizer in ("sgd", "adam"):
        fields: dict[str, Any] = {"optimizer": optimizer, "activation": activation, "lr": 0.01}
        assert_equal(classes(3), widths="9,6", batch_norm="all", dtype="float64", **fields)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 8, 37, "full"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_equality_for_every_remainder_of_the_blocks(batch_size: Any, optimizer: str) -> None:
    assert_equal(classes(2), batch_size=batch_size, optimizer=optimizer, widths="7", dtype="float64", lr=0.01)


@pytest.mark.parametrize(
    "fields",
    [
        {"dropout": 0.4},
        {"dropout": 0.4, "activation": "gelu", "batch_norm": "all"},
        {"dropout": 0.4, "widths": "1,17,32", "batch_size": 7},
        {"dropout": 0.4, "widths": "16,3", "batch_size": 1},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "batch_size": 4},
        {"optimizer": "rmsprop", "momentum": 0.7, "lr": 0.01},
        {"lr_schedule": "cosine", "warmup_epochs": 0.5},
        {"lr_schedule": "step", "lr_step": 1},
        {"reduction": "sum", "lr": 0.005},
        {"widths": "none"},
        {"init": "orthogonal"},
        {"init": "normal", "init_scale": 0.5},
        {"loss": "huber", "huber_delta": 0.3},
        {"loss": "bce"},
        {"batch_size": 47, "batch_norm": "all"},
    ],
)
@pytest.mark.parametrize("k", [2, 3])
def test_equality_of_everything_else(fields: dict[str, Any], k: int) -> None:
    assert_equal(classes(k, n=64), **{"widths": "8,5", "dtype": "float64", **fields})


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "momentum"])
def test_equality_with_sparse_and_byte_inputs(optimizer: str) -> None:
    for dataset in (classes(3, sparse=True), classes(3, uint8=True)):
        scaling = "none" if dataset.X.dtype != np.uint8 else "unit"
        fields: dict[str, Any] = {"optimizer": optimizer, "scaling": scaling, "lr": 0.01}
        assert_equal(dataset, widths="8", dtype="float64", **fields)
        assert_equal(dataset, widths="none", dtype="float64", batch_size=1, **fields)


@pytest.mark.parametrize("batch_size", [4, 6, 16, 17, 27, 64])
def test_equality_in_layers_of_several_vectors(batch_size: int) -> None:
    """Widths around multiples of 16 and 32, with and without batch norm, through both kinds of product."""
    for widths, batch_norm in (("33,16,50", "none"), ("64,17", "all"), ("80,32", "1")):
        fields: dict[str, Any] = {"widths": widths, "batch_norm": batch_norm, "batch_size": batch_size}
        assert_equal(classes(3, n=130, d=9), dtype="float64", lr=0.01, **fields)
        assert_equal(numbers(3, n=130, d=9), dtype="float64", lr=0.01, optimizer="adam", **fields)


def test_equality_in_large_layers() -> None:
    """Dense inputs and bytes, minibatches of 64 and what is left of them."""
    for optimizer in ("sgd", "adam"):
        dataset = classes(4, n=300, d=90, uint8=True)
        assert_equal(dataset, widths="128,64", batch_size=64, dtype="float64", scaling="unit", optimizer=optimizer)
        assert_equal(dataset, widths="128,64", batch_size=64, scaling="unit", optimizer=optimizer, band=FLOAT32_BAND)


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_float32_stays_in_its_band(optimizer: str) -> None:
    assert_equal(classes(3), widths="9,6", optimizer=optimizer, lr=0.01, band=FLOAT32_BAND)


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
        drawn = drawing.orders(2**40 + 1, 3, 2, rows, n)
        for e in (0, 1):
            np.testing.assert_array_equal(drawn[e], rows[order(2**40 + 1, 3 + e, n)])


def fingerprint(weights: State, events: list[Event]) -> tuple[bytes, str]:
    """Return all bits of a trial's end and of its scores."""
    told = repr([(event.epoch, event.status, sorted(event.scores.items())) for event in events])
    return b"".join(weights[name].tobytes() for name in sorted(weights)), told


@pytest.mark.parametrize("fields", [{"batch_size": 4}, {"batch_size": 64, "optimizer": "adam"}])
def test_independence_bit_for_bit(fields: dict[str, Any]) -> None:
    """Alone, with a diverging neighbour, for one and two jobs, in any order, among any number."""
    dataset = classes(4, n=300, d=90)
    lrs = (0.01, 1e6, 0.02, 0.003, 0.05)
    works = [work_of(dataset, key=str(lr), lr=lr, widths="64,32", batch_norm="1", epochs=4, **fields) for lr in lrs]
    alone = {}
    for work in works:
        session = KERNEL.open("cpu", 1, 1)
        events = trained(session, work)[work.key]
        alone[work.key] = fingerprint(session.weights(work.key), events)
    for jobs, some in product((1, 2), (works, works[::-1], works[:2], works * 1)):
        session = KERNEL.open("cpu", jobs, 1)
        for key, events in trained(session, *some).items():
            assert fingerprint(session.weights(key), events) == alone[key], (jobs, key)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_help_of_idle_cores_leaves_every_bit(optimizer: str) -> None:
    from mlpctl.engines.kernel.session import HELPED_FROM

    work = work_of(
        classes(4, n=700, d=90), widths="130,70", batch_size=256, epochs=3, optimizer=optimizer, batch_norm="1"
    )
    assert work.network.flops_per_example * 256 > HELPED_FROM
    found = set()
    for jobs in (1, 2, 3):
        session = KERNEL.open("cpu", jobs, 1)
        events = trained(session, work)["t"]
        found.add(fingerprint(session.weights("t"), events))
    assert len(found) == 1


def test_damaged_machine_code_is_compiled_again_and_no_process_of_ours_sees_numba(tmp_path: Path) -> None:
    script = (
        "import sys\nimport numpy as np\nfrom mlpctl.engines.kernel.drawing import orders\n"
        "print(orders(1, 1, 1, np.arange(5), 5).tolist(), 'numba' in sys.modules)"
    )

    def drawn() -> str:
        cache = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-c", script], env=cache, capture_output=True, text=True, check=True
        ).stdout

    told = f"{[order(1, 1, 5).tolist()]} False\n"
    assert drawn() == told
    (kept,) = tmp_path.rglob("orders-*.o")
    whole, written = kept.read_bytes(), kept.stat().st_mtime_ns
    assert drawn() == told
    assert kept.stat().st_mtime_ns == written
    kept.write_bytes(whole[:-100])
    assert drawn() == told
    assert len(kept.read_bytes()) == len(whole)


def test_a_trial_continued_elsewhere_is_the_same_bit_for_bit() -> None:
    fields: dict[str, Any] = {"optimizer": "adam", "batch_norm": "all", "dropout": 0.2, "widths": "16"}
    whole = KERNEL.open("cpu", 1, 1)
    trained(whole, work_of(classes(), epochs=6, **fields))
    first, second = KERNEL.open("cpu", 1, 1), KERNEL.open("cpu", 2, 1)
    trained(first, work_of(classes(), epochs=2, **fields))
    rest = work_of(classes(), epochs=6, **fields)
    second.restore(rest, first.save("t"))
    assert [event.epoch for event in trained(second, rest)["t"]] == [3, 4, 5, 6]
    for name, tensor in whole.weights("t").items():
        np.testing.assert_array_equal(tensor, second.weights("t")[name])


def test_divergence_is_seen_in_its_epoch_and_leaves_the_finite_epochs() -> None:
    session = KERNEL.open("cpu", 1, 1)
    events = trained(session, work_of(numbers(), lr=3.0, widths="8", epochs=50))["t"]
    assert events[-1].status == "diverged"
    assert events[-1].epoch < 50
    assert all(np.isfinite(event.scores["train_loss"]) for event in events[:-1])


def test_a_stop_ends_a_long_trial() -> None:
    session = KERNEL.open("cpu", 1, 1)
    work = work_of(classes(3, n=2000), epochs=100_000, widths="64")
    last = None
    for event in session.advance([work]):
        session.stop("t")
        last = event
    assert last is not None
    assert last.status == "interrupted"
    assert last.epoch < 1000


def test_memory_of_a_dataset_is_not_copied() -> None:
    from mlpctl.engines.kernel.calls import arrays_of

    work = work_of(classes(3, uint8=True), scaling="unit")
    assert arrays_of(work.data).kept[0] is work.data.X


def test_the_load_is_the_mean_of_some_times_all() -> None:
    works = [work_of(classes(), widths=str(width), epochs=3) for width in (4, 64, 512)]
    some, all_ = load_of(works, 3), load_of(works, 300)
    assert all_ == pytest.approx((100 * some.reference, 100 * some.kernel))
    assert some.reference == pytest.approx(sum(load_of([work], 1).reference for work in works))
    assert some.kernel < some.reference
