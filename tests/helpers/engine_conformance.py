"""Check the contracts of `mlpctl.engines.base` on an engine.

Whoever writes an engine describes it as a `Subject` in `tests/engines/test_conformance.py`, and every check runs on it.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import count, product
from typing import Any, get_args

import numpy as np
import pytest

from mlpctl.data.base import Dataset
from mlpctl.engines.base import Engine, Session, Work
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.engines.time_limit import Clock
from mlpctl.spec import Activation, Loss, Optimizer
from tests.helpers.engines import FLOAT32_BAND, End, assert_close, ends
from tests.helpers.making import classes, numbers, trained, work_of

EQUAL = 1e-9
"""Difference from the reference engine after some epochs in float64, of the largest number of an array."""

DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Subject:
    """An engine, or a way to train with one.

    Attributes:
        name: name in the tests.
        engine: engine that trains.
        openers: functions that return a session, in different settings: jobs, lanes, devices.
        band: dtype -> difference that neighbours and a restart may make; none, bit for bit, where it is not there.
        stops: whether a trial can be stopped after any epoch; else its events come when it is over.
        ahead: trials that a session may take beyond those whose first event has come.
    """

    name: str
    engine: Engine
    openers: tuple[Callable[[], Session], ...]
    band: tuple[tuple[str, float], ...] = ()
    stops: bool = True
    ahead: int = 4

    def open(self) -> "closing[Any]":
        """Return a session in the first setting, to be closed at the end of a block."""
        return closing(self.openers[0]())

    def band_of(self, dtype: str) -> float:
        """Return the difference that neighbours and a restart may make."""
        return dict(self.band).get(dtype, 0.0)


@cache
def _classes(k: int, **given: Any) -> Dataset:
    return classes(k, **given)


@cache
def _numbers(m: int, **given: Any) -> Dataset:
    return numbers(m, **given)


def _pairs() -> Iterator[Work]:
    """Yield a trial for every optimizer and loss, without and with normalization; activations take turns.

    The first layer alone is normalized: of two normalizations with identity between them the first one's shift has
    gradient 0 but for rounding, and rounding is what Adam then follows.
    """
    activations = get_args(Activation)
    for n, (optimizer, loss, batch_norm) in enumerate(product(get_args(Optimizer), get_args(Loss), ("none", "1"))):
        is_numeric = loss in ("mse", "half_mse", "huber", "l1") and n % 3 == 0
        yield work_of(
            _numbers(2) if is_numeric else _classes(3), f"{optimizer} {loss} {batch_norm}", optimizer=optimizer,
            loss=loss, batch_norm=batch_norm, activation=activations[(5 * n + n // 18) % len(activations)],
            widths="9,6", init="xavier_uniform", lr=0.01, dtype="float64",
        )  # fmt: skip


SPECIAL: list[dict[str, Any]] = [
    {"dropout": 0.4},
    {"dropout": 0.4, "activation": "gelu", "batch_norm": "all"},
    {"dropout": 0.4, "widths": "1,17,32", "batch_size": 7},
    {"dropout": 0.4, "widths": "16,3", "batch_size": 1},
    {"dropout": "0.2,0.6"},
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "batch_size": 4},
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
    {"shuffle": "false"},
    {"class_weight": "balanced"},
    {"l1": 0.01, "weight_decay": 0.1, "decay_biases": "false"},
    {"shuffle": "false", "batch_size": 7, "dropout": 0.3, "optimizer": "adam", "lr": 0.01},
    {"epochs": 0},
    {"seed": 2**40 + 7},
    *({"loss": loss, "widths": "7", "optimizer": "momentum", "lr": 0.01} for loss in get_args(Loss)),
    *({"activation": name, "batch_norm": "all", "optimizer": "adam", "lr": 0.01}
      for name in get_args(Activation) if name != "identity"),
]  # fmt: skip


def _special() -> Iterator[Work]:
    """Yield trials of everything else that a spec can say, for two and for three classes."""
    for (n, fields), k in product(enumerate(SPECIAL), (2, 3)):
        yield work_of(_classes(k, n=64), f"{n} {k}", **{"widths": "8,5", "dtype": "float64", **fields})
    for optimizer, batch_size in product(("sgd", "momentum", "adam"), (1, 16)):
        for name, dataset in (("sparse", _classes(3, sparse=True)), ("uint8", _classes(3, uint8=True))):
            fields = {"optimizer": optimizer, "batch_size": batch_size, "widths": "8" if batch_size > 1 else "none"}
            scaling = "unit" if name == "uint8" else "none"
            key = f"{name} {optimizer} {batch_size}"
            yield work_of(dataset, key, scaling=scaling, lr=0.01, dtype="float64", **fields)


@cache
def _expected() -> dict[str, tuple[Work, End]]:
    """Return trials and their ends with the reference engine."""
    works = [*_pairs(), *_special()]
    with closing(REFERENCE.open("cpu", 1, 1)) as session:
        found = ends(session, *works)
    return {work.key: (work, found[work.key]) for work in works}


def check_equality(subject: Subject) -> None:
    """Check that trials end as with the reference engine, in float64 to 1e-9 and in float32 within its band."""
    known = _expected()
    able = [work for work, _ in known.values() if subject.engine.why_not(work.spec, work.data) is None]
    assert len(able) > 150
    with subject.open() as session:
        for key, end in ends(session, *able).items():
            try:
                assert_close(known[key][1], end, EQUAL)
            except AssertionError as error:
                raise AssertionError(f"{subject.name} differs in the trial '{key}'") from error
    rough = [
        work_of(_classes(3), name, widths="9,6", optimizer=name, lr=0.01) for name in get_args(Optimizer)
    ]  # fmt: skip
    with closing(REFERENCE.open("cpu", 1, 1)) as reference, subject.open() as session:
        expected, found = ends(reference, *rough), ends(session, *rough)
    for key, end in found.items():
        assert_close(expected[key], end, FLOAT32_BAND)


def check_independence(subject: Subject) -> None:
    """Check that a trial ends the same alone, beside a diverging one, beside many, in any order and setting."""
    dataset = _classes(3, n=100, d=20)
    for dtype, optimizer in product(DTYPES, ("sgd", "adam")):
        lr = 0.01 if optimizer == "sgd" else 0.001
        works = [
            work_of(
                dataset, str(n), lr=(1e200 if dtype == "float64" else 1e30) if n == 1 else lr * (n % 7 + 1),
                epochs=1 if n == 3 else 3, widths=f"{30 if n % 2 else 17},9", dtype=dtype, optimizer=optimizer,
                dropout=0.2, batch_norm="1",
            )
            for n in range(12)
        ]  # fmt: skip
        alone: dict[str, End] = {}
        for opener in subject.openers:
            with closing(opener()) as session:
                for order in ([[work] for work in works] if not alone else []), [works, works[::-1], works[:6]]:
                    for some in order:
                        for key, end in ends(session, *some).items():
                            assert_close(alone.setdefault(key, end), end, subject.band_of(dtype))
                            session.drop(key)
        assert alone["1"][1][-1].status == "diverged"
        assert all(np.isfinite(event.scores["train_loss"]) for event in alone["1"][1][:-1])


def check_stop(subject: Subject) -> None:
    """Check that a stopped trial ends after an epoch, beside one that goes on, and can be continued from there."""
    endless = work_of(_classes(3), "endless", epochs=10**6, lr=1e-4, dtype="float64", optimizer="adam")
    other = work_of(_classes(3), "other", epochs=6, dtype="float64")
    with subject.open() as session:
        events = []
        for event in session.advance([endless, other]):
            events += event.each()
            if event.key == "endless" and event.epoch >= 3:
                session.stop("endless")
        last = {event.key: event for event in events}
        assert (last["endless"].status, last["other"].status) == ("interrupted", "ok")
        stopped = last["endless"].epoch
        assert 3 < stopped < 10**6
        assert [event.epoch for event in events if event.key == "endless"] == list(range(1, stopped + 1))
        state = session.save("endless")
    assert int(state["epochs_done"]) == stopped
    longer = work_of(_classes(3), "endless", epochs=stopped + 2, lr=1e-4, dtype="float64", optimizer="adam")
    with closing(subject.engine.open("cpu", 1, 1)) as whole, subject.open() as session:
        session.restore(longer, state)
        weights, rest = ends(session, longer)["endless"]
        expected = ends(whole, longer)["endless"]
    assert_close((expected[0], expected[1][stopped:]), (weights, rest), max(subject.band_of("float64"), 0.0))


def check_drain(subject: Subject) -> None:
    """Check that a draining session takes no more trials, and trains those that it has to their end."""
    taken: list[str] = []

    def works() -> Iterator[Work]:
        for n in count():
            taken.append(str(n))
            yield work_of(_classes(3), str(n), epochs=2, widths="8")

    last = {}
    with subject.open() as session:
        for event in session.advance(works()):
            session.drain()
            last[event.key] = event.status
    assert set(last.values()) == {"ok"}
    assert 1 <= len(last) <= len(taken) <= subject.ahead


def check_continuation(subject: Subject) -> None:
    """Check that a saved trial goes on in another session, and an advanced one in its own, as if never interrupted."""
    whole: list[Work] = []
    parts: list[Work] = []
    for optimizer in get_args(Optimizer):
        for epochs, works in ((2, parts), (6, whole)):
            works.append(
                work_of(
                    _classes(3), optimizer, epochs=epochs, optimizer=optimizer, batch_norm="all", dropout=0.2,
                    widths="16", lr=0.01, dtype="float64",
                )
            )  # fmt: skip
    with subject.open() as first, subject.open() as second:
        expected = ends(first, *whole)
        for work in whole:
            first.drop(work.key)
        trained(first, *parts)
        for work in whole:
            second.restore(work, first.save(work.key))
        for session in (first, second):
            for key, (weights, events) in ends(session, *whole).items():
                assert [event.epoch for event in events] == [3, 4, 5, 6]
                assert_close((expected[key][0], expected[key][1][2:]), (weights, events), subject.band_of("float64"))


def check_drop(subject: Subject) -> None:
    """Check that nothing of a dropped trial is left: another one of its name starts anew."""
    work = work_of(_classes(3), epochs=2)
    with subject.open() as session:
        first = ends(session, work)["t"]
        session.drop("t")
        with pytest.raises(KeyError):
            session.save("t")
        with pytest.raises(KeyError):
            session.weights("t")
        assert_close(first, ends(session, work)["t"], 0.0)


def check_time_limit(subject: Subject) -> None:
    """Check that a trial ends when its time is over, and one beside it does not."""
    works = [
        work_of(_classes(3), "endless", limit=0.3, epochs=10**6, lr=1e-4),
        work_of(_classes(3), "quick", limit=1e6, epochs=3),
    ]
    clock, last = Clock(), {}
    for work in works:
        clock.start(work)
    with subject.open() as session:
        for event in clock.watch(session.advance(works), session.stop):
            last[event.key] = event
    assert (last["endless"].status, last["endless"].error) == ("timeout", "not done after 0.3 s")
    assert 0 < last["endless"].epoch < 10**6
    assert (last["quick"].status, last["quick"].epoch) == ("ok", 3)


def check_early_stopping(subject: Subject) -> None:
    """Check that a trial ends when its validation loss no longer falls, with the weights of its best epoch."""
    fields: dict[str, Any] = {
        "widths": "16",
        "lr": 0.5,
        "batch_size": 4,
        "dropout": 0.2,
        "batch_norm": "1",
        "dtype": "float64",
    }
    dataset = _classes(3, n=100, d=3)
    stopping = work_of(dataset, "stopping", epochs=60, patience=4, **fields)
    never = work_of(dataset, "never", epochs=5, patience=9, **fields)
    with closing(REFERENCE.open("cpu", 1, 1)) as reference:
        losses = [event.scores["val_loss"] for event in trained(reference, work_of(dataset, epochs=60, **fields))["t"]]
    best = 0
    for epoch, loss in enumerate(losses):
        best = epoch if loss < losses[best] else best
        if epoch - best == 4:
            break
    with subject.open() as session:
        found = ends(session, stopping, never)
        alone = ends(session, work_of(dataset, "best", epochs=best + 1, **fields))["best"]
    weights, events = found["stopping"]
    assert epoch < 59, "it ends before its last epoch"
    assert (len(events), events[-1].status) == (epoch + 1, "ok")
    assert best < epoch
    for name, array in alone[0].items():
        np.testing.assert_array_equal(weights[name], array)
    assert (len(found["never"][1]), found["never"][1][-1].status) == (5, "ok")
