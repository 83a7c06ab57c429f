"""Tables for people on stdout: fitted to the width, in bold and dim on a terminal, plain lines in a pipe or a file."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlpctl.display.charset import carries, plain
from mlpctl.display.fit_table import fitted
from mlpctl.display.text import wrapped

if TYPE_CHECKING:
    from rich.console import Console

    from mlpctl.display.tables import Table

FORCED = ("FORCE_COLOR", "TTY_COMPATIBLE")
"""Variables by which rich takes a pipe for a terminal; it is asked where there is one of them."""

UNKNOWN_WIDTH = 80


def print_tables(tables: "Sequence[Table]", console: "Console | None" = None, *, ascii_only: bool = False) -> None:
    """Print tables, in ASCII where the encoding has no more.

    Where no console is given they go to stdout, for which rich is imported (20 ms) on a terminal alone.
    """
    if console is None and not sys.stdout.isatty() and not any(name in os.environ for name in FORCED):
        ascii_only = ascii_only or not carries(getattr(sys.stdout, "encoding", None) or "utf-8")
        sys.stdout.write(plain_text(tables, _width(), ascii_only=ascii_only))
        return
    from rich.console import Console
    from rich.text import Text

    out = console or Console()
    ascii_only = ascii_only or not carries(out.encoding)
    for line, style in _lines(tables, out.width, ascii_only=ascii_only):
        out.print(Text(line, style), no_wrap=True)


def plain_text(tables: "Sequence[Table]", width: int, *, ascii_only: bool = False) -> str:
    """Return tables as lines of at most `width` terminal cells, each with its newline."""
    return "".join(f"{line}\n" for line, _style in _lines(tables, width, ascii_only=ascii_only))


def _lines(tables: "Sequence[Table]", width: int, *, ascii_only: bool) -> Iterator[tuple[str, str]]:
    """Yield lines, each with rich's name of its style."""

    def broken(text: str) -> list[str]:
        whole = plain(text) if ascii_only else text
        return [line for part in whole.splitlines() for line in wrapped(part, width)]

    for number, table in enumerate(tables):
        if number:
            yield "", ""
        yield from ((line, "bold") for line in broken(table.title))
        if table.columns:
            fits = fitted(table, width, ascii_only=ascii_only)
            yield from ((line, "dim") for line in fits.told)
            for place, block in enumerate(fits.blocks):
                if place:
                    yield "", ""
                yield from ((line, "bold") for line in block.head)
                yield from ((line, "") for line in block.body)
        yield from ((line, "") for note in table.notes for line in broken(note))


def _width() -> int:
    """Return the width of the terminal that any of the standard streams is at, as rich finds it."""
    if os.environ.get("COLUMNS", "").isdigit():
        return int(os.environ["COLUMNS"]) or UNKNOWN_WIDTH
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        try:
            width = os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
        except (OSError, ValueError):  # no terminal, or closed
            continue
        if width:
            return width
    return UNKNOWN_WIDTH
