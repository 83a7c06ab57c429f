"""Group trials that may share a program. Pure: no clock, no device."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpctl.models.constants import HAS_FIRST, HAS_SECOND

if TYPE_CHECKING:
    from mlpctl.engines.base import Work


@dataclass(frozen=True)
class Shared:
    """Settings that a program's trials agree on: they change shapes beyond widths, the order, or the operations.

    Everything else is a number per lane: learning rate and schedule, momentum, betas, weight decay, dropout,
    activation, widths, initial weights, seeds, epochs.

    Attributes:
        data: identity of split, scaling and dtype of the inputs.
        dtype: of weights and arithmetic.
        batch_size: examples of a minibatch.
        loss: loss and its parameter.
        outputs: C.
        optimizer: optimizer.
        batch_norm: for each layer, true if it normalizes.
        bias: true if affine maps have a bias.
        shuffle: true if each epoch draws an order of the examples.
    """

    data: Hashable
    dtype: str
    batch_size: int
    loss: tuple[str, float]
    outputs: int
    optimizer: str
    batch_norm: tuple[bool, ...]
    bias: bool
    shuffle: bool


@dataclass(frozen=True)
class LaneGroup:
    """Trials of one program.

    Attributes:
        shared: settings that they agree on.
        members: positions of the trials, ascending.
    """

    shared: Shared
    members: tuple[int, ...]


def shared_of(work: "Work") -> Shared:
    """Return the settings that decide which programs a trial may be in."""
    spec, network = work.spec, work.network
    assert isinstance(spec.batch_size, int)
    assert spec.optimizer is not None
    return Shared(
        id(work.data),
        spec.dtype,
        spec.batch_size,
        (network.loss, network.huber_delta),
        network.n_outputs,
        spec.optimizer,
        tuple(layer.batch_norm for layer in network.layers),
        spec.bias,
        spec.shuffle,
    )


def bytes_of(work: "Work") -> int:
    """Return about how much memory a lane takes: parameters, what the optimizer remembers, gradients, activations."""
    spec, network = work.spec, work.network
    itemsize = 4 if spec.dtype == "float32" else 8
    slots = (spec.optimizer in HAS_FIRST) + (spec.optimizer in HAS_SECOND)
    copies = 1 if spec.optimizer == "sgd" else 3 + slots  # the gradient, and a temporary of its size
    units = sum(layer.outputs * (5 + 8 * layer.batch_norm + 24 * bool(layer.dropout)) for layer in network.layers)
    units += 24 * network.n_outputs  # of the loss: for training, for recording and for scoring
    assert isinstance(spec.batch_size, int)
    return itemsize * (copies * network.n_parameters + spec.batch_size * units)


def plan(lanes: Sequence[tuple[Shared, int]], cap: int, most: int) -> list[LaneGroup]:
    """Return the groups of some trials, each trial in exactly one, in the order of their first members.

    Within what may share a program, groups are filled first-fit by decreasing size. So no two groups would fit into
    one; there are as few as possible where lanes are of one size, and by memory never more than 11/9 of the fewest
    plus 6/9 otherwise (Dósa 2007): the fewest themselves are a bin packing, which is NP-hard.

    Args:
        lanes: settings to share and bytes of each trial.
        cap: bytes that a group may take; a trial that takes more is a group of its own.
        most: trials that a group may have.
    """
    kinds: dict[Shared, list[int]] = {}
    for number, (shared, _) in enumerate(lanes):
        kinds.setdefault(shared, []).append(number)
    groups = [
        LaneGroup(shared, tuple(sorted(members)))
        for shared, numbers in kinds.items()
        for members in _packed(numbers, [lanes[number][1] for number in numbers], cap, most)
    ]
    return sorted(groups, key=lambda group: group.members[0])


def _packed(numbers: Sequence[int], sizes: Iterable[int], cap: int, most: int) -> list[list[int]]:
    packed: list[list[int]] = []
    left: list[int] = []
    first = 0  # groups before it are full: without this, ten thousand small lanes would look at each of them
    for size, number in sorted(zip(sizes, numbers, strict=True), key=lambda item: (-item[0], item[1])):
        for place in range(first, len(packed)):
            if size <= left[place] and len(packed[place]) < most:
                break
        else:
            packed.append([])
            left.append(cap)
            place = len(packed) - 1
        packed[place].append(number)
        left[place] -= size
        while first < len(packed) and len(packed[first]) >= most:
            first += 1
    return packed
