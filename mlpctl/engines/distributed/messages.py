"""What travels between the driver and the nodes: orders there, replies back. Knows nothing of Ray but its references.

A work travels as what the driver made of it: the resolved spec, the network and the prepared data, not a dataset's
name. So no node needs a file, and none can split, scale or count words otherwise than the driver did.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mlpctl import __version__
from mlpctl.engines.base import Engine, Event, State, Work
from mlpctl.engines.kernel.cache import kernel_folder
from mlpctl.errors import MlpctlError
from mlpctl.store.key import NUMERICS

if TYPE_CHECKING:
    from ray import ObjectRef


@dataclass(frozen=True)
class Parcel:
    """A work on its way.

    Attributes:
        fields: of the work, but for the data.
        data: the object that the data are.
        start: the object that the weights of `init_from` are; "" for none.
        state: what the trial goes on from; None from its start.
    """

    fields: dict[str, Any]
    data: str
    start: str = ""
    state: State | None = None


@dataclass(frozen=True)
class Order:
    """A task: some works for one process on one node.

    Attributes:
        software: what the driver runs; a node that runs anything else must not answer.
        engine: what trains; small, and with settings of its own.
        device: cpu or cuda.
        threads: of torch, in the engine reference.
        parcels: the works, trained one after the other, or together where the engine trains so.
        objects: name -> what many orders share; a process keeps the most recent.
        weights: send the weights of every trial back.
        below: send what continues a trial back if it has fewer epochs, and can be continued.
    """

    software: str
    engine: Engine
    device: str
    threads: int
    parcels: tuple[Parcel, ...]
    objects: "dict[str, ObjectRef[Any]]"
    weights: bool
    below: int


@dataclass(frozen=True)
class Reply:
    """What became of an order.

    Attributes:
        events: of all its trials.
        states: key -> what continues the trial.
        weights: key -> weights.
        seconds: wall time of all of it.
        problem: what the node could not do at all; then there is nothing else.
    """

    events: list[Event] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    weights: dict[str, State] = field(default_factory=dict)
    seconds: float = 0.0
    problem: MlpctlError | None = None


def fields_of(work: Work) -> dict[str, Any]:
    """Return the fields of a work but for its data, which travel apart and once."""
    return {each.name: getattr(work, each.name) for each in fields(work) if each.name != "data"}


def software(engine: str) -> str:
    """Return what must be the same everywhere for the same bits: versions; of the kernel the source too."""
    ours = f"mlpctl {__version__}, numerics {NUMERICS}"
    if engine == "kernel":
        return f"{ours}, kernel {kernel_folder().name}"
    return ", ".join([ours, *(f"{name} {version(name).partition('+')[0]}" for name in ("numpy", "torch"))])


def flops_of(work: Work) -> float:
    """Return the floating-point operations of a work, at least one."""
    return max(1.0, float(work.epochs) * work.data.n_train * work.network.flops_per_example)


def take(works: Iterator[Work], most: float, count: int, rate: float, beside: float) -> list[Work]:
    """Return the next works that take about `most` seconds together; [] if there are none left.

    Args:
        works: lazily taken, at least one.
        most: seconds.
        count: no more works than these.
        rate: seconds per floating-point operation.
        beside: seconds of a work beside its arithmetic.
    """
    taken: list[Work] = []
    seconds = 0.0
    while seconds < most and len(taken) < count and (work := next(works, None)) is not None:
        taken.append(work)
        seconds += flops_of(work) * rate + beside
    return taken


def shares(works: Sequence[Work], parts: int) -> Iterable[list[Work]]:
    """Yield the works in their order, in at most so many parts that take about as long as each other; none is empty."""
    total = sum(map(flops_of, works))
    share: list[Work] = []
    done, closed = 0.0, 0
    for number, work in enumerate(works):
        share.append(work)
        done += flops_of(work)
        left = parts - closed - 1
        if left and (done >= total * (closed + 1) / parts or len(works) - number - 1 <= left):
            yield share
            share, closed = [], closed + 1
    if share:
        yield share
