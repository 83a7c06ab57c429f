"""Grid search: every combination of the axes' values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from mlpctl.errors import UsageError
from mlpctl.search.base import Same
from mlpctl.search.space import Proposal, Space
from mlpctl.search.table import SearchTable


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


def make(table: SearchTable, space: Space, epochs: int, same: Same) -> Grid:  # noqa: ARG001
    """Return the search that a [search] table asks for, see `mlpctl.search.make.make_search`."""
    return Grid(space)
