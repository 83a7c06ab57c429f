"""Sobol search: a low-discrepancy sequence over the axes."""

import math
from collections.abc import Iterator

from mlpctl.search.base import SOBOL_BLOCK, Drawn, Same
from mlpctl.search.space import Proposal, Space
from mlpctl.search.table import SearchTable


class Sobol(Drawn):
    """Scrambled Sobol points: draws that cover the axes more evenly than independent ones (Owen 1998)."""

    def draws(self, most: int) -> Iterator[Proposal]:
        """Yield points in their order."""
        from scipy.stats.qmc import Sobol as Points

        column = {axis.name: number for number, axis in enumerate(self.space.axes)}
        points = Points(max(len(column), 1), rng=self.seed)
        for _ in range(math.ceil(most / SOBOL_BLOCK)):
            for row in points.random(SOBOL_BLOCK):
                yield self.space.choose(lambda axis, row=row: axis.at(float(row[column[axis.name]])))  # type: ignore[misc]


def make(table: SearchTable, space: Space, epochs: int, same: Same) -> Sobol:  # noqa: ARG001
    """Return the search that a [search] table asks for, see `mlpctl.search.make.make_search`."""
    return Sobol(space, table.count, table.seed)
