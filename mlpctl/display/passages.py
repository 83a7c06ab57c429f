"""Lay out sentences under a word in capitals, some of them in two columns, as wide as the terminal is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from mlpctl.display.text import wrapped

GAP = 2
"""Terminal cells between the two columns of a passage."""

COMMAND = "mlpctl "
"""A command is never broken: it is to be copied."""

Line = tuple[str, ...]
"""A sentence, or two texts in columns."""


@dataclass(frozen=True)
class Passage:
    """Answer to one question, as paragraphs.

    Attributes:
        label: word in capitals; "" for lines that begin at the left.
        blocks: groups of lines; the second column is aligned within a group.
        indent: terminal cells of the label and the blanks behind it.
    """

    label: str
    blocks: Sequence[Sequence[Line]]
    indent: int = 9

    @property
    def sentences(self) -> list[str]:
        """The lines as sentences, without columns."""
        return [_sentence(*line) for block in self.blocks for line in block]

    def lines(self, width: int) -> list[str]:
        """Return the lines for a terminal: a second column that has no room goes below."""
        indent = self.indent if self.label else 0
        told = [line for block in self.blocks for line in _laid_out(block, max(width - indent, 20))]
        return [f"{self.label if not number else '':{indent}}{line}" for number, line in enumerate(told)]


def _sentence(first: str, second: str = "") -> str:
    first = " ".join(first.split())
    if not second:
        return first
    return f"{first} {second}" if second.startswith("(") else f"{first.rstrip('.')}; {second}"


def _laid_out(block: Sequence[Line], width: int) -> Iterator[str]:
    column = max((cell_len(line[0]) for line in block if len(line) > 1), default=0) + GAP
    for first, *rest in block:
        if not rest:
            yield from wrapped(first, width)
        elif column + cell_len(rest[0]) <= width:
            yield first + " " * (column - cell_len(first)) + rest[0]
        else:
            yield from [first] if COMMAND in first else wrapped(first, width)
            yield from (f"  {line}" for line in wrapped(rest[0], width - 2))
