"""Tables in a terminal: no line is wider than it, and nothing is lost that can be told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mlpctl.display.charset import plain
from mlpctl.display.fit_table import fitted
from mlpctl.display.tables import Cell, Table
from mlpctl.display.text import distinct, printable, shortened, wrapped

words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cn", "Co", "Mn", "Me", "Mc", "Cf")), max_size=40
)
cells: st.SearchStrategy[Cell] = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words)
names = st.text("abcdefgh_. ", min_size=1, max_size=30).filter(lambda name: name.strip() != "")


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = draw(st.lists(names, min_size=1, max_size=20, unique=True))
    rows = draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, cells)), max_size=6))
    return Table(columns, rows, exact=draw(st.lists(st.sampled_from(columns), unique=True)))


@settings(max_examples=300, deadline=None)
@given(tables(), st.integers(40, 200), st.booleans())
def test_no_line_is_wider_than_the_terminal(table: Table, width: int, ascii_only: bool) -> None:
    fits = fitted(table, width, ascii_only=ascii_only)
    lines = [*fits.told, *(line for block in fits.blocks for line in (*block.head, *block.body))]
    assert [line for line in lines if cell_len(line) > width] == []
    assert not ascii_only or all(line.isascii() for line in lines)


@settings(max_examples=200, deadline=None)
@given(words, st.integers(1, 60), st.booleans())
def test_texts_of_a_width(text: str, width: int, ascii_only: bool) -> None:
    flat = printable(text, ascii_only=ascii_only)
    assert cell_len(shortened(flat, width, ascii_only=ascii_only)) <= width
    assert "\x1b" not in flat  # a name that a user typed never commands the terminal
    if width >= 2:
        assert all(cell_len(line) <= width for line in wrapped(flat, width))
    assert plain(text).isascii()


def wide(rows: int = 4) -> Table:
    kinds = ["adam", "momentum", "sgd"]
    return Table(
        ["optimizer", "lr", "momentum", "hidden_units", "n", "mean", "sd", "low", "high"],
        [{"optimizer": kinds[k % 3], "lr": 0.001234567 * 3**k, "momentum": 0.9 if k % 3 == 1 else None,
          "hidden_units": 2**k, "n": 3, "mean": 0.9 - k / 100, "sd": 0.01, "low": 0.8, "high": 1.0 - k / 1000}
         for k in range(rows)],
        exact=("optimizer", "lr", "momentum", "hidden_units"),
    )  # fmt: skip


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_every_number_is_told_at_every_width(width: int) -> None:
    fits = fitted(wide(), width)
    text = "\n".join([*fits.told, *(line for block in fits.blocks for line in (*block.head, *block.body))])
    assert "n 3" in text  # the same in each row: once, above
    assert text.count("0.0100") == 1
    for k in range(4):
        assert f"{0.9 - k / 100:.4f}" in text
        assert f"{1.0 - k / 1000:.4f}" in text
    assert "momentum" in text
    assert "0.9" in text


def test_wide_enough_is_left_alone() -> None:
    [block] = fitted(Table(["a", "b"], [{"a": 1, "b": "x"}, {"a": 20, "b": "yy"}]), 80).blocks
    assert block.head == (" a   b", "───────")
    assert block.body == (" 1   x", "20   yy")


def test_blocks_repeat_what_tells_rows_apart() -> None:
    columns = ["lr", *(f"hidden_units {k}" for k in range(12))]
    spread, plain_ones = dict.fromkeys(columns[1:6], "0.1234 ± 0.01"), columns[6:]
    rows: list[dict[str, Cell]] = [
        {"lr": lr, **spread, **dict.fromkeys(plain_ones, str(lr))} for lr in (0.1, 0.2)
    ]  # fmt: skip
    fits = fitted(Table(columns, rows, exact=["lr"]), 60)
    assert len(fits.blocks) > 1
    assert all("lr" in block.head[-2] for block in fits.blocks)
    assert [line.split()[0] for block in fits.blocks for line in block.body] == ["0.1", "0.2"] * len(fits.blocks)
    assert fits.told == ("Columns: hidden_units.",)


def test_numbers_keep_the_digits_that_tell_them_apart() -> None:
    assert distinct([0.001234, 0.5]) == ["0.00123", "0.5"]
    assert distinct([0.12341, 0.12342]) == ["0.12341", "0.12342"]
    assert distinct([1000.0, 1e-8]) == ["1000", "1e-08"]
