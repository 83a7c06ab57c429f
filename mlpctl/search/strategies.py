"""What a search is, and the designs: grid, random and Sobol, which know all they try before anything is trained."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from zlib import crc32

from mlpctl.errors import UsageError
from mlpctl.search.space import Proposal, Space

BLOCK = 64
"""Sobol points drawn at a time; a power of two, as their balance wants."""


class Search(Protocol):
    """Which configurations to try. It is asked for a batch, told what became of each of it, in order, and asked again.

    What it answers depends on its seed and on what it was told, never on time or on how many trials run side by side.

    Attributes:
        learns: whether it has to be told; a design that does not is asked once, and lazily: a hundred thousand
            proposals are never in memory together.
    """

    learns: ClassVar[bool]

    @property
    def most_epochs(self) -> int:
        """A trial with fewer epochs may go on to more, so what continues it is kept; 0 if none may."""

    def size(self) -> int:
        """Return how many proposals there will be; where that depends on scores, about how many."""

    def ask(self) -> Iterable[Proposal]:
        """Return the next batch, of a size that does not depend on the machine; an empty one ends the search.

        `epochs` moves fastest, so that trials that differ in nothing else can be one run.
        """

    def tell(self, proposal: Proposal, score: float | None) -> None:
        """Take note of a proposal's score on what selects, larger is better; None if it has none: it failed."""


@dataclass(frozen=True)
class Grid:
    """Every combination of the axes' values."""

    space: Space
    learns: ClassVar[bool] = False
    most_epochs: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Check that every axis has values.

        Raises:
            UsageError: for ranges without a count.
        """
        problems = [
            f"axis {axis.name} is a range without a count: write {axis.scale}:LOW:HIGH:COUNT, or use --search random"
            for axis in self.space.axes
            if axis.is_range
        ]
        if problems:
            raise UsageError(problems)

    def size(self) -> int:
        """Return the number of combinations."""
        return int(self.space.size())

    def ask(self) -> Iterator[Proposal]:
        """Yield the combinations."""
        return self.space.combinations()

    def tell(self, proposal: Proposal, score: float | None) -> None:
        """Learn nothing."""


@dataclass(frozen=True)
class Drawn:
    """What draws distinct configurations. The first ten of twenty trials are the ten trials of a shorter search."""

    space: Space
    trials: int
    seed: int = 0
    learns: ClassVar[bool] = False
    most_epochs: ClassVar[int] = 0

    def size(self) -> int:
        """Return how many distinct configurations there are to draw, at most `trials`."""
        return int(min(self.trials, self.space.size()))

    def ask(self) -> Iterator[Proposal]:
        """Yield distinct draws."""
        return distinct(self.draws(1000 * self.trials), self.size())

    def draws(self, most: int) -> Iterator[Proposal]:
        """Yield draws, `most` of them or some more."""
        raise NotImplementedError

    def tell(self, proposal: Proposal, score: float | None) -> None:
        """Learn nothing."""


class Random(Drawn):
    """Draws from the axes, each independently of the others and of how many are drawn.

    Another axis does not change the values of this one: widening a search keeps what is in the store.
    """

    def draws(self, most: int) -> Iterator[Proposal]:
        """Yield a draw an attempt."""
        return map(self._draw, range(most))

    def _draw(self, attempt: int) -> Proposal:
        return self.space.choose(lambda axis: axis.at(uniform(self.seed, axis.name, attempt)))


class Sobol(Drawn):
    """Scrambled Sobol points: draws that cover the axes more evenly than independent ones (Owen 1998)."""

    def draws(self, most: int) -> Iterator[Proposal]:
        """Yield points in their order."""
        from scipy.stats.qmc import Sobol as Points

        column = {axis.name: number for number, axis in enumerate(self.space.axes)}
        points = Points(max(len(column), 1), rng=self.seed)
        for _ in range(math.ceil(most / BLOCK)):
            for row in points.random(BLOCK):
                yield self.space.choose(lambda axis, row=row: axis.at(float(row[column[axis.name]])))  # type: ignore[misc]


def uniform(seed: int, name: str, number: int) -> float:
    """Return the number in [0, 1) that a draw has on the axis of a name; no other draw or axis moves it."""
    from mlpctl.rng import uniforms

    return float(uniforms(seed, "search", 1, epoch=number, layer=crc32(name.encode()) & 0xFFFF)[0])


def distinct(draws: Iterable[Proposal], most: int) -> Iterator[Proposal]:
    """Yield each of some draws once, `most` of them; fewer where the draws end before."""
    seen: set[tuple[tuple[str, Any], ...]] = set()
    for drawn in draws:
        if len(seen) >= most:
            return
        identity = tuple(drawn.items())
        if identity not in seen:
            seen.add(identity)
            yield drawn
