"""Which works a process is handed at a time. Pure: no processes, no device."""

from collections.abc import Callable, Hashable, Sequence

from mlpctl.engines.base import Work
from mlpctl.engines.distributed.messages import flops_of, shares

WHOLE = 16
"""Works of a group that are not divided further: so few lanes take as long as one, on any accelerator."""


def handed(works: Sequence[Work], devices: int, kind: Callable[[Work], Hashable]) -> list[list[Work]]:
    """Return the works in parcels, each work in exactly one, the dearest parcel first.

    Works of one kind stay together, in their order; a kind that costs more than a device's share of the whole is
    divided into parts that cost about the same. Whoever is idle takes the next parcel: so the last to end is late by
    no more than the cost of one (Graham 1969: at most 4/3 of the best, but for the estimate of the costs).

    Args:
        works: of which costs are estimated.
        devices: that train at the same time.
        kind: what works of one program have in common.
    """
    kinds: dict[Hashable, list[Work]] = {}
    for work in works:
        kinds.setdefault(kind(work), []).append(work)
    share = sum(map(flops_of, works)) / devices
    parcels: list[list[Work]] = []
    for group in kinds.values():
        parts = max(1, min(-(-sum(map(flops_of, group)) // share), len(group) // WHOLE))
        parcels += shares(group, int(parts))
    return sorted(parcels, key=lambda parcel: -sum(map(flops_of, parcel)))
