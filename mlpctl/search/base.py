"""Define the interface of a search, and the base of those that draw configurations."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from zlib import crc32

from mlpctl.search.space import Proposal, Space

SOBOL_BLOCK = 64
"""Sobol points drawn at a time; a power of two, as their balance wants."""


Same = Callable[[Proposal], Hashable]
"""Names what a proposal would train: proposals with equal names are duplicates."""


class Search(Protocol):
    """Search over configurations: asked for a batch, told the score of each in order, and asked again.

    What it answers depends on its seed and on what it was told, never on time or on how many trials run side by side.

    Attributes:
        learns: True if it has to be told; a design that does not is asked once, and lazily: a hundred thousand
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
        """Learn the score of a proposal, larger is better; None for one that failed."""


@dataclass(frozen=True)
class Drawn:
    """Base of searches that draw distinct configurations. The first ten of twenty are the ten of a shorter search."""

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
        return distinct_draws(self.draws(1000 * self.trials), self.size())

    def draws(self, most: int) -> Iterator[Proposal]:
        """Yield draws, `most` of them or some more."""
        raise NotImplementedError

    def tell(self, proposal: Proposal, score: float | None) -> None:
        """Learn nothing."""


def uniform(seed: int, name: str, number: int) -> float:
    """Return the number in [0, 1) that a draw has on the axis of a name; no other draw or axis moves it."""
    from mlpctl.rng import uniforms

    return float(uniforms(seed, "search", 1, epoch=number, layer=crc32(name.encode()) & 0xFFFF)[0])


def distinct_draws(draws: Iterable[Proposal], most: int) -> Iterator[Proposal]:
    """Yield each of some draws once, `most` of them; fewer where the draws end before."""
    seen: set[tuple[tuple[str, Any], ...]] = set()
    for drawn in draws:
        if len(seen) >= most:
            return
        identity = tuple(drawn.items())
        if identity not in seen:
            seen.add(identity)
            yield drawn
