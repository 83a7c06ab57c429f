"""Tables as JSON that a page carries: column by column, few characters a cell, safe inside of HTML."""

import json
import math
from typing import Any

import numpy as np

from mlpctl.report.tables import plain_cell
from mlpctl.store.columns import Array, values_of

PAGE_DIGITS = 6
"""Significant digits of a measured number on the page: more than people read, fewer than the store has."""

OUTSIDE = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}
"""Characters that could end a <script> or a line of it, as JSON may write them; they occur in strings alone."""


def html_safe_json(content: Any) -> str:
    """Return JSON that is the same text for JSON and for HTML, whatever the strings in it say."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(OUTSIDE)


def rounded_number(value: float | None) -> float | None:
    """Return a measured number to the digits of the page; None for what is missing or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{PAGE_DIGITS}g}")


def evenly(n: int, most: int) -> "np.ndarray[Any, np.dtype[np.intp]]":
    """Return at most so many of n places, evenly spaced, both ends among them."""
    return np.unique(np.linspace(0, max(n - 1, 0), min(n, most)).round().astype(np.intp))


def column(values: Array, *, measured: bool = False) -> dict[str, Any]:
    """Return {"values": …} of a column, or {"levels": …, "codes": …} where values repeat; the code -1: a missing cell.

    Args:
        values: column.
        measured: round its numbers; chosen ones (0.03) stay as they are.
    """
    if measured:
        return {"measured": True, "values": [rounded_number(value) for value in values_of(values)]}
    cells = [plain_cell(value) for value in values_of(values)]
    levels = [cell for cell in dict.fromkeys(cells) if cell is not None]
    if len(levels) > len(cells) / 2:
        return {"values": cells}
    code = {level: number for number, level in enumerate(levels)}
    return {"levels": levels, "codes": [-1 if cell is None else code[cell] for cell in cells]}
