"""Grid and random search."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from mlpctl.errors import UsageError
from mlpctl.search.axes import Axis, assignments

Method = Literal["grid", "random"]
Proposal = dict[str, Any]


class Search(Protocol):
    """Which configurations to try. Lazy: a hundred thousand proposals are never in memory together."""

    def size(self) -> int:
        """Return how many configurations will be proposed."""

    def ask(self) -> Iterator[Proposal]:
        """Yield the proposals, axis name -> value, `epochs` moving fastest so that its trials can be one run."""

    def tell(self, proposal: Proposal, score: float) -> None:
        """Take note of a finished trial's score on what selects, larger is better."""


@dataclass(frozen=True)
class Grid:
    """Every combination of the axes' values."""

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        """Check that every axis has values.

        Raises:
            UsageError: for a range without a count.
        """
        for axis in self.axes:
            if axis.is_range:
                raise UsageError(
                    f"axis {axis.name} is a range without a count: write {axis.scale}:LOW:HIGH:COUNT, "
                    "or use --search random"
                )

    def size(self) -> int:
        """Return the number of combinations."""
        return math.prod(len(axis.values) for axis in self.axes)

    def ask(self) -> Iterator[Proposal]:
        """Yield the combinations."""
        yield from assignments(tuple(sorted(self.axes, key=lambda axis: axis.name == "epochs")))

    def tell(self, proposal: Proposal, score: float) -> None:
        """Learn nothing."""


@dataclass(frozen=True)
class Random:
    """Draws from the axes, each independently of the others and of how many are drawn.

    The first ten of twenty trials are the ten trials of a shorter search, and another axis does not change the values
    of this one: widening a search keeps what is in the store.
    """

    axes: tuple[Axis, ...]
    trials: int
    seed: int = 0

    def size(self) -> int:
        """Return how many distinct configurations there are to draw, at most `trials`."""
        if any(axis.is_range for axis in self.axes):
            return self.trials
        return min(self.trials, math.prod(len(axis.values) for axis in self.axes))

    def ask(self) -> Iterator[Proposal]:
        """Yield distinct draws."""
        seen: set[tuple[Any, ...]] = set()
        attempt = 0
        while len(seen) < self.size() and attempt < 1000 * self.trials:
            drawn = {axis.name: axis.at(self._uniform(axis, attempt)) for axis in self.axes}
            attempt += 1
            if tuple(drawn.values()) not in seen:
                seen.add(tuple(drawn.values()))
                yield drawn

    def tell(self, proposal: Proposal, score: float) -> None:
        """Learn nothing."""

    def _uniform(self, axis: Axis, attempt: int) -> float:
        from zlib import crc32

        from mlpctl.rng import uniforms

        return float(uniforms(self.seed, "search", 1, epoch=attempt, layer=crc32(axis.name.encode()) & 0xFFFF)[0])
