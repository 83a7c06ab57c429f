"""What runs on the nodes: an order comes in, the ordinary engine trains it, a reply goes back."""

import copy
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlpctl.engines.base import Event, Session, State, Work
from mlpctl.engines.distributed.messages import Order, Parcel, Reply, software
from mlpctl.engines.schedule import is_prefix
from mlpctl.errors import DeviceError, MlpctlError
from mlpctl.runner.failure_policy import Clock
from mlpctl.store.key import split_pin
from mlpctl.store.weights import SUFFIX

KEPT = 8
"""Objects that a process keeps: a split that follows the seed has one a seed."""

_kept: dict[str, Any] = {}
_sessions: dict[str, Session] = {}


def train(order: Order) -> Reply:
    """Return what became of an order; what this node cannot do at all comes back as the reply's problem."""
    try:
        if order.software != (here := software(order.engine.name)):
            raise DeviceError(f"has {here}, the driver {order.software}: install the same on both")
        return _train(order)
    except MlpctlError as error:
        return Reply(problem=type(error)(f"node {socket.gethostname()}: {error}"))


def _train(order: Order) -> Reply:
    started = time.perf_counter()
    session = _session(order)
    works: dict[str, Work] = {}
    events: list[Event] = []
    states: dict[str, State] = {}
    weights: dict[str, State] = {}
    clock = Clock()

    def taken() -> Iterator[Work]:
        for parcel in order.parcels:
            work = _work(parcel, order)
            if parcel.state is not None:
                session.restore(work, parcel.state)
            works[work.key] = work
            clock.start(work)
            yield work

    for event in clock.watch(session.advance(taken()), session.stop):
        events.append(event)
        if event.status is None:
            continue
        work = works.pop(event.key)
        if event.status == "ok" and order.weights:
            weights[work.key] = session.weights(work.key)
        if event.status == "ok" and work.epochs < order.below and is_prefix(work.spec):
            states[work.key] = session.save(work.key)
        session.drop(work.key)
    return Reply(events, states, weights, time.perf_counter() - started)


def _session(order: Order) -> Session:
    """Return the session for an order: a process lives for many orders, and a session holds the arrays they share."""
    name = f"{order.engine} {order.device} {order.threads}"
    if name not in _sessions:
        _sessions[name] = order.engine.open(order.device, 1, order.threads)
    return _sessions[name]


def _work(parcel: Parcel, order: Order) -> Work:
    work = Work(**parcel.fields, data=_object(parcel.data, order))
    if not parcel.start:
        return work
    given = work.spec.init_from
    assert given is not None
    path = _file(parcel.start, order)
    return replace(work, spec=work.spec.model_copy(update={"init_from": f"{path}@{split_pin(given)[1]}"}))


def _object(name: str, order: Order) -> Any:
    """Return a shared object as a copy of our own: Ray's is read-only, and compiled code has another type for that."""
    import ray

    if name not in _kept:
        while len(_kept) >= KEPT:
            del _kept[next(iter(_kept))]
        _kept[name] = copy.deepcopy(ray.get(order.objects[name]))
    return _kept[name]


def _file(name: str, order: Order) -> Path:
    """Return a file with shared weights, where the engines look for the weights of `init_from`."""
    from safetensors.numpy import save_file

    path = Path(_folder().name) / f"{name}{SUFFIX}"
    if not path.is_file():
        save_file(_object(name, order), path)
    return path


@lru_cache(maxsize=1)
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="mlpctl-")
