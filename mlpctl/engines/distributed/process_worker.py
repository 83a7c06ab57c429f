"""A process on one device: orders come in, the ordinary engine trains them, events go out as they come."""

import os
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from mlpctl.engines.base import Engine, Event, Session, State, Work
from mlpctl.engines.distributed.messages import Parcel
from mlpctl.engines.schedule import is_prefix
from mlpctl.errors import MlpctlError

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data

KEPT = 8
"""Datasets that a process keeps: a split that follows the seed has one a seed."""

FLUSH_SECONDS = 0.05
"""Events wait so long to travel together: one by one a message takes ten times what an event does."""

Sent = tuple[Event, State | None, State | None]
"""An event; with a trial's last one what continues it, and its weights, where the driver wants them."""


@dataclass(frozen=True)
class Terms:
    """What holds for all orders of a process.

    Attributes:
        engine: what trains.
        device: where.
        jobs: trials in training at a time, where the engine asks.
        threads: of torch.
        weights: send the weights of every trial that ends well.
        below: send what continues a trial if it has fewer epochs, and can be continued.
    """

    engine: Engine
    device: str
    jobs: int
    threads: int
    weights: bool
    below: float


@dataclass(frozen=True)
class Order:
    """Works to train.

    Attributes:
        parcels: the works.
        data: number -> what they are trained on, where this process does not have it yet.
        forgotten: numbers of data that no order will name again.
    """

    parcels: tuple[Parcel, ...]
    data: "dict[str, Data]"
    forgotten: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """A trial to end after its epoch."""

    key: str


@dataclass(frozen=True)
class Drained:
    """No more works are to be begun."""


@dataclass(frozen=True)
class Ready:
    """The device is there, and orders are heard."""


@dataclass(frozen=True)
class Done:
    """An order is done."""


@dataclass(frozen=True)
class Problem:
    """What the process could not do at all.

    Attributes:
        error: for the user; None for a bug of ours.
        told: the traceback of a bug.
    """

    error: MlpctlError | None
    told: str = ""


def serve(connection: Connection, terms: Terms) -> None:
    """Train what comes in until the driver hangs up. Ctrl-C is the driver's to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = _Worker(connection, terms)
    threading.Thread(target=worker.listen, daemon=True).start()
    threading.Thread(target=worker.flush_now_and_then, daemon=True).start()
    try:
        worker.session = terms.engine.open(terms.device, terms.jobs, terms.threads)
        worker.tell(Ready())
        while True:
            worker.train(worker.orders.get())
    except MlpctlError as error:
        worker.tell(Problem(type(error)(f"{terms.device}: {error}")))
    except Exception:  # noqa: BLE001  whatever it is, the driver raises it
        worker.tell(Problem(None, traceback.format_exc()))


@dataclass
class _Worker:
    connection: Connection
    terms: Terms
    session: Session | None = None
    orders: "queue.SimpleQueue[Order]" = field(default_factory=queue.SimpleQueue)
    data: "dict[str, Data]" = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    sending: threading.Lock = field(default_factory=threading.Lock)

    def listen(self) -> None:
        """Hear the driver; when it is gone, so is this process, whatever it is doing."""
        with suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                message: object = self.connection.recv()
                if isinstance(message, Order):
                    self.orders.put(message)
                elif self.session is not None and isinstance(message, Stopped):
                    self.session.stop(message.key)
                elif self.session is not None and isinstance(message, Drained):
                    self.session.drain()
        os._exit(0)

    def train(self, order: Order) -> None:
        """Train the works of an order and send their events."""
        assert self.session is not None
        works: dict[str, Work] = {}
        for number in order.forgotten:
            del self.data[number]
        self.data |= order.data
        for event in self.session.advance(self._works(order, works)):
            state = weights = None
            if event.status is not None:
                state, weights = self._kept(works.pop(event.key), event)
                self.session.drop(event.key)
            with self.sending:
                self.sent.append((event, state, weights))
        self.tell(Done())

    def tell(self, message: object) -> None:
        """Send what has gathered, then a message."""
        with self.sending, suppress(OSError):  # whom there is nobody to tell, `listen` sees
            if self.sent:
                self.connection.send(self.sent)
                self.sent = []
            if message is not None:
                self.connection.send(message)

    def flush_now_and_then(self) -> None:
        """Send the events of an epoch while the next one is trained."""
        while True:
            time.sleep(FLUSH_SECONDS)
            self.tell(None)

    def _works(self, order: Order, works: dict[str, Work]) -> Iterator[Work]:
        assert self.session is not None
        for parcel in order.parcels:
            work = Work(**parcel.fields, data=self.data[parcel.data])
            if parcel.state is not None:
                self.session.restore(work, parcel.state)
            works[work.key] = work
            yield work

    def _kept(self, work: Work, event: Event) -> tuple[State | None, State | None]:
        """Return what continues a trial and its weights, where they are wanted."""
        assert self.session is not None
        went_well = event.status in ("ok", "interrupted")
        goes_on = went_well and event.epoch < self.terms.below and is_prefix(work.spec)
        return (
            self.session.save(work.key) if goes_on else None,
            self.session.weights(work.key) if self.terms.weights and went_well else None,
        )
