"""Comparison of two results folders or two trials: sentences and tables, for people and for machines."""

from dataclasses import dataclass

from mlpctl.display.tables import Cell, Table, for_people

SIDES = ("A", "B")


@dataclass(frozen=True, eq=False)
class ResultsComparison:
    """Two results folders, or two trials, side by side.

    Attributes:
        title: A and B by name.
        sentences: conclusions, the most important first.
        experiment: differences of the experiments: part, what, A, B.
        environment: differences of what they ran on: what, A, B.
        outcome: tables of the scores in full; one for each dataset.
        brief: the same tables as people read them.
        worse: True if B is worse in something, beyond chance.
    """

    title: str
    sentences: tuple[str, ...]
    experiment: tuple[dict[str, Cell], ...]
    environment: tuple[dict[str, Cell], ...]
    outcome: tuple[Table, ...]
    brief: tuple[Table, ...]
    worse: bool

    def tables(self, *, people: bool = True) -> list[Table]:
        """Return everything as tables; for people those that say nothing are left out."""
        told = [
            Table(["part", "what", *SIDES], self.experiment, "Experiment"),
            Table(["what", *SIDES], self.environment, "Environment"),
        ]
        if not people:
            return [*told, *self.outcome]
        return [
            Table((), (), self.title, self.sentences),
            *(table for table in told if table.rows),
            *(table for table in self.brief if table.rows or table.notes),
        ]


def interval_text(low: Cell, high: Cell) -> str | None:
    """Return an interval as people read it; None where there is none."""
    return None if low is None else f"{for_people(low)} to {for_people(high)}"
