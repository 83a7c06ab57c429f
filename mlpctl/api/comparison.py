"""Two results side by side."""

from typing import TYPE_CHECKING

from mlpctl.api.html import as_html, as_text, frame
from mlpctl.display.tables import Table
from mlpctl.report.compare import folders

if TYPE_CHECKING:
    import pandas as pd


class Comparison:
    """What differs from results A to results B: what `Results.compare` returns.

    Attributes:
        worse: whether B is worse in something, beyond chance.
        sentences: what there is to say, in words.
    """

    def __init__(self, compared: folders.Comparison) -> None:
        """Show a comparison."""
        self._compared = compared
        self.worse, self.sentences = compared.worse, compared.sentences

    @property
    def experiment(self) -> "pd.DataFrame":
        """A row per difference in what was asked: part, what, A, B."""
        return frame(self._table(0))

    @property
    def environment(self) -> "pd.DataFrame":
        """A row per difference in what it ran on: what, A, B."""
        return frame(self._table(1))

    @property
    def outcome(self) -> "pd.DataFrame":
        """A row per configuration: A, B, B − A with its 95 % interval, p, and what B is."""
        import pandas as pd

        return pd.concat([frame(table) for table in self._compared.outcome], ignore_index=True)

    def _table(self, number: int) -> Table:
        return self._compared.tables(people=False)[number]

    def __repr__(self) -> str:
        """Return the comparison in plain text."""
        return as_text(self._compared.tables())

    def _repr_html_(self) -> str:
        return as_html(self._compared.tables())
