"""Engines that end the process they train in; for processes that a test begins, never for its own."""

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mlpctl.data.prepare import Data
from mlpctl.engines.base import Event, Session, Work
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.errors import DeviceError
from mlpctl.spec import Spec


class Deadly:
    """A session of the kernel engine that a trial called "killer" ends, after the first epoch of the one before."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        def until() -> Iterator[Work]:
            for work in works:
                if work.key == "killer":
                    os.kill(os.getpid(), signal.SIGKILL)
                yield work

        yield from self.session.advance(until())


@dataclass(frozen=True)
class DeadlyEngine:
    """See `mlpctl.engines.base.Engine`. On device "cpu" it is deadly at a trial, elsewhere as the device says."""

    name: str = "kernel"

    def why_not(self, spec: Spec, data: Data) -> str | None:  # noqa: ARG002
        return None

    def open(self, device: str, jobs: int, threads: int) -> Any:
        if device == "dead":
            os._exit(3)
        if device == "gone":
            raise DeviceError("it is not there")
        if device == "wrong":
            raise KeyError("a bug of ours")
        return Deadly(KERNEL.open("cpu", jobs, threads))
