"""Successive halving: many configurations get few epochs, the better ones more; survivors go on from where they stood.

A rung is a number of epochs. A proposal of a rung is an honest trial of its own, with `epochs` as the rung says: its
row is finished and true, whether or not the configuration goes on.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar

from mlpctl.errors import UsageError
from mlpctl.search.base import Same
from mlpctl.search.random import Random
from mlpctl.search.space import Proposal, Space
from mlpctl.search.table import SearchTable

Bracket = tuple[int, tuple[int, ...]]
"""Number of configurations that begin, and the rungs that they go through."""


def make(table: SearchTable, space: Space, epochs: int, same: Same) -> "Halving":  # noqa: ARG001
    """Return the search that a [search] table asks for, see `mlpctl.search.make.make_search`."""
    draws = Random(space, table.count, table.seed)
    rungs = reached(rungs_for(table, space, epochs), draws.size(), table.eta)
    return Halving(draws.ask(), [(table.count, rungs)], table.eta, draws.size())


def rungs_for(table: SearchTable, space: Space, epochs: int) -> tuple[int, ...]:
    """Return the rungs of a search over epochs.

    Raises:
        UsageError: for an axis of epochs.
    """
    if any("epochs" in axis.names for axis in space.axes):
        raise UsageError(f"{table.method} decides the epochs itself: no axis epochs, --epochs N says the most")
    return rungs_of(table.min_epochs, epochs, table.eta)


def rungs_of(least: int, most: int, eta: int) -> tuple[int, ...]:
    """Return the rungs, rising: most, most/eta, most/eta² …, none below `least`."""
    halvings = range(most.bit_length() + 1)
    rungs = {most // eta**k for k in halvings}
    return tuple(sorted(r for r in rungs if r >= max(least, 1))) or (most,)


def reached(rungs: Sequence[int], configurations: float, eta: int) -> tuple[int, ...]:
    """Return the highest rungs such that one configuration at least gets to the last: the lowest rises where few begin.

    Whoever asks for 81 epochs gets a network that was trained for 81 epochs.
    """
    most = 1
    while configurations >= eta**most:
        most += 1
    return tuple(rungs[-most:])


def better(told: Iterable[tuple[float | None, Proposal]], most: int) -> list[Proposal]:
    """Return the proposals with the best scores, best first, at most so many; of equals the one asked first.

    What failed is not among them.
    """
    scored = [(score, proposal) for score, proposal in told if score is not None and not math.isnan(score)]
    return [proposal for _, proposal in sorted(scored, key=lambda item: -item[0])[:most]]  # the sort is stable


@dataclass
class Halving:
    """Successive halving: of n configurations n/eta go from each rung to the next (Jamieson and Talwalkar 2016).

    Several brackets are Hyperband, see `mlpctl.search.hyperband`. A rung is a batch.

    Attributes:
        draws: the configurations, as they are needed.
        brackets: one after the other.
        eta: one in so many survives a rung.
    """

    draws: Iterator[Proposal]
    brackets: Sequence[Bracket]
    eta: int
    available: float = math.inf
    learns: ClassVar[bool] = True
    _steps: list[tuple[int, int, bool]] = field(default_factory=list)
    _told: list[tuple[float | None, Proposal]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """List all steps: how many proposals, with how many epochs, whether they are new."""
        for n, rungs in self.brackets:
            begin = int(min(n, self.available))
            self.available -= begin
            counts = [begin // self.eta**k for k in range(len(rungs))]
            self._steps += [
                (count, epochs, k == 0) for k, (count, epochs) in enumerate(zip(counts, rungs, strict=True))
            ]
        self._steps = [step for step in self._steps if step[0]]
        self._left = iter(self._steps)

    @property
    def most_epochs(self) -> int:
        """The last rung."""
        return max(rungs[-1] for _, rungs in self.brackets)

    def planned(self) -> dict[int, int]:
        """Return epochs -> proposals, over all brackets."""
        found: Counter[int] = Counter()
        for count, epochs, _ in self._steps:
            found[epochs] += count
        return dict(found)

    def size(self) -> int:
        """Return the number of proposals on all rungs."""
        return sum(self.planned().values())

    def ask(self) -> list[Proposal]:
        """Return the next rung."""
        for count, epochs, is_new in self._left:
            chosen = list(islice(self.draws, count)) if is_new else better(self._told, count)
            self._told = []
            if chosen:
                return [{**proposal, "epochs": epochs} for proposal in chosen]
        return []

    def tell(self, proposal: Proposal, score: float | None) -> None:
        """Keep a score."""
        self._told.append((score, proposal))
