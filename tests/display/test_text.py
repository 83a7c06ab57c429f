"""Texts of a width, ASCII, numbers in few digits."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mlpctl.display.text import distinguishing_texts, printable, shortened, to_ascii, wrapped
from tests.helpers.strategies import words


@settings(max_examples=200, deadline=None)
@given(words, st.integers(1, 60), st.booleans())
def test_texts_of_a_width(text: str, width: int, ascii_only: bool) -> None:
    flat = printable(text, ascii_only=ascii_only)
    assert cell_len(shortened(flat, width, ascii_only=ascii_only)) <= width
    assert "\x1b" not in flat  # a name that a user typed never commands the terminal
    if width >= 2:
        assert all(cell_len(line) <= width for line in wrapped(flat, width))
    assert to_ascii(text).isascii()


def test_numbers_keep_the_digits_that_tell_them_apart() -> None:
    assert distinguishing_texts([0.001234, 0.5]) == ["0.00123", "0.5"]
    assert distinguishing_texts([0.12341, 0.12342]) == ["0.12341", "0.12342"]
    assert distinguishing_texts([1000.0, 1e-8]) == ["1000", "1e-08"]
