"""Asynchronous successive halving (ASHA, Li et al. 2020)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar

from mlpctl.search.base import Same
from mlpctl.search.halving import better, reached, rungs_for
from mlpctl.search.random import Random
from mlpctl.search.space import Proposal, Space
from mlpctl.search.table import SearchTable


@dataclass
class Asha:
    """Asynchronous successive halving (Li et al., "Massively parallel hyperparameter tuning", MLSys 2020, algorithm 2).

    A configuration goes on as soon as it is among the best 1/eta of those that were told on its rung; where none can,
    a new one begins. Batches have a fixed size and scores are told in the order of asking: that is the order of events
    that promotions follow, whatever finished first.

    Attributes:
        draws: the configurations, as they are needed.
        rungs: epochs, rising.
        eta: the best one in so many goes on.
        batch: proposals asked for at a time.
        configurations: number of them in `draws`.
    """

    draws: Iterator[Proposal]
    rungs: tuple[int, ...]
    eta: int
    batch: int
    configurations: int
    learns: ClassVar[bool] = True
    _told: list[list[tuple[float | None, Proposal]]] = field(default_factory=list)
    _promoted: list[list[Proposal]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with empty rungs."""
        self._told = [[] for _ in self.rungs]
        self._promoted = [[] for _ in self.rungs]

    @property
    def most_epochs(self) -> int:
        """The last rung."""
        return self.rungs[-1]

    def planned(self) -> dict[int, int]:
        """Return epochs -> proposals if no promotion is regretted: those of successive halving."""
        return {epochs: self.configurations // self.eta**k for k, epochs in enumerate(self.rungs)}

    def size(self) -> int:
        """Return how many proposals there are if no promotion is regretted."""
        return sum(self.planned().values())

    def ask(self) -> list[Proposal]:
        """Return the next batch: promotions from the highest rung down, then new configurations."""
        return list(islice(self._next(), self.batch))

    def _next(self) -> Iterator[Proposal]:
        for k in range(len(self.rungs) - 2, -1, -1):
            for proposal in better(self._told[k], len(self._told[k]) // self.eta):
                if proposal not in self._promoted[k]:
                    self._promoted[k].append(proposal)
                    yield {**proposal, "epochs": self.rungs[k + 1]}
        for proposal in self.draws:
            yield {**proposal, "epochs": self.rungs[0]}

    def tell(self, proposal: Proposal, score: float | None) -> None:
        """Keep a score."""
        self._told[self.rungs.index(proposal["epochs"])].append((score, proposal))


def make(table: SearchTable, space: Space, epochs: int, same: Same) -> Asha:  # noqa: ARG001
    """Return the search that a [search] table asks for, see `mlpctl.search.make.make_search`."""
    draws = Random(space, table.count, table.seed)
    rungs = reached(rungs_for(table, space, epochs), draws.size(), table.eta)
    return Asha(draws.ask(), rungs, table.eta, table.batch, int(draws.size()))
