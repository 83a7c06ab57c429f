"""Random search: independent draws from the axes."""

from collections.abc import Iterator

from mlpctl.search.base import Drawn, Same, uniform
from mlpctl.search.space import Proposal, Space
from mlpctl.search.table import SearchTable


class Random(Drawn):
    """Draws from the axes, each independently of the others and of how many are drawn.

    Another axis does not change the values of this one: widening a search keeps what is in the store.
    """

    def draws(self, most: int) -> Iterator[Proposal]:
        """Yield a draw an attempt."""
        return map(self._draw, range(most))

    def _draw(self, attempt: int) -> Proposal:
        return self.space.choose(lambda axis: axis.at(uniform(self.seed, axis.name, attempt)))


def make(table: SearchTable, space: Space, epochs: int, same: Same) -> Random:  # noqa: ARG001
    """Return the search that a [search] table asks for, see `mlpctl.search.make.make_search`."""
    return Random(space, table.count, table.seed)
