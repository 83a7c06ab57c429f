"""Texts for terminals: what an encoding carries, a width in terminal cells, no control characters, small drawings."""

import codecs
import unicodedata
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells

from mlpctl.errors import one_line

DRAWING_CHARACTERS = "●▲■◆⣿│├┤─…±×"
"""Characters that drawings and tables need; an encoding that lacks one of them gets ASCII."""

ASCII_FORMS = {
    "…": "...", "±": "+-", "×": "x", "·": ".", "–": "-", "—": "-", "−": "-", "→": "->", "≤": "<=", "≥": ">=",
    "“": '"', "”": '"', "‘": "'", "’": "'", "─": "-", "│": "|", "█": "#", "✓": "yes", "✗": "no",
}  # fmt: skip

ERRORS = "mlpctl.plain"
"""Name of the codec error handler that writes `to_ascii` text in place of what an encoding lacks."""

LEVELS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 24


def carries(encoding: str | None) -> bool:
    """Return whether an encoding has every character that drawings need."""
    try:
        DRAWING_CHARACTERS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def to_ascii(text: str) -> str:
    """Return a text in ASCII: accents left out, known signs written out, a question mark for the rest."""
    if text.isascii():
        return text
    written = "".join(ASCII_FORMS.get(sign, sign) for sign in text)
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", written) if not unicodedata.combining(sign))
    return bare.encode("ascii", "replace").decode("ascii")


def _instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return to_ascii(error.object[error.start : error.end]), error.end


codecs.register_error(ERRORS, _instead)


def shortened(text: str, width: int, *, ascii_only: bool = False) -> str:
    """Return a text of at most `width` terminal cells, its middle left out where it is longer."""
    if cell_len(text) <= width:
        return text
    dots = ("..." if width > 4 else ".") if ascii_only else "…"
    left = (width - cell_len(dots) + 1) // 2
    right = width - cell_len(dots) - left
    return (_start(text, left) + dots + _start(text[::-1], right)[::-1]) if width > len(dots) else _start(text, width)


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` terminal cells, broken at spaces, and within words that are longer."""
    lines = [text[: len(text) - len(text.lstrip(" "))]]
    for word in text.strip(" ").split(" "):
        for part in chop_cells(word, width) if cell_len(word) > width else [word]:
            longer = f"{lines[-1]} {part}" if lines[-1].strip() else lines[-1] + part
            if cell_len(longer) > width:
                lines.append(part)
            else:
                lines[-1] = longer
    return lines


def _start(text: str, width: int) -> str:
    return chop_cells(text, width)[0] if width > 0 and text else ""


def distinguishing_texts(values: Sequence[float], least: int = 3, most: int = 6) -> list[str]:
    """Return numbers with as few significant digits as tell them apart, `least` or more."""
    for digits in range(least, most):
        texts = [significant_digits(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            return texts
    return [significant_digits(value, most) for value in values]


def significant_digits(value: float, digits: int) -> str:
    """Return a number with so many significant digits, whole ones below a million in full: 1024, not 1.02e+03."""
    if abs(value) < 1e6 and float(value).is_integer():
        return f"{value:.0f}"
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+0" in text and abs(value) < 1e6 else text


def printable(text: str, *, ascii_only: bool = False) -> str:
    """Return a text in one line without control characters, see `mlpctl.errors.one_line`."""
    return to_ascii(one_line(text)) if ascii_only else one_line(text)


def sparkline(values: Sequence[float], width: int = CURVE_WIDTH) -> str:
    """Return values as a line of bars, lowest to highest; of more values than `width` the last of each stretch."""
    shown = list(_thinned(values, width))
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    scale = (len(LEVELS) - 1) / (high - low) if high > low else 0.0
    return "".join(LEVELS[round((value - low) * scale)] for value in shown)


def _thinned(values: Sequence[float], width: int) -> Iterator[float]:
    count = min(len(values), width)
    return (values[(number + 1) * len(values) // count - 1] for number in range(count))


def duration(seconds: float) -> str:
    """Return seconds as people read them: 4.2 s, 3 min, 1.5 h."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
