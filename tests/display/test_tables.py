"""Tables in a terminal: no line is wider than it, and no cell is lost."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from mlpctl.display.tables import Cell, Table, print_tables
from tests.helpers.strategies import words

cells: st.SearchStrategy[Cell] = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words)
names = st.text("abcdefgh_. ", min_size=1, max_size=30).filter(lambda name: name.strip() != "")


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = draw(st.lists(names, min_size=1, max_size=20, unique=True))
    rows = draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, cells)), max_size=6))
    return Table(columns, rows, draw(words), [draw(words)], exact=draw(st.lists(st.sampled_from(columns), unique=True)))


def printed(table: Table, width: int, *, ascii_only: bool = False) -> list[str]:
    out = Console(file=io.StringIO(), width=width, color_system=None)
    print_tables([table], out, ascii_only=ascii_only)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()


@settings(max_examples=200, deadline=None)
@given(tables(), st.integers(40, 200), st.booleans())
def test_no_line_is_wider_than_the_terminal(table: Table, width: int, ascii_only: bool) -> None:
    lines = printed(table, width, ascii_only=ascii_only)
    assert [line for line in lines if cell_len(line) > width or line != line.rstrip()] == []
    assert not ascii_only or all(line.isascii() for line in lines)
    assert not any("\x1b" in line for line in lines)


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
    words = " ".join(printed(wide(), width)).split()
    for row in wide().rows:
        for name in ("lr", "mean", "sd", "low", "high"):
            assert wide().shown(row, name) in words
    assert {"0.9", "3", "adam", "momentum", "sgd"} <= set(words)


def test_numbers_stand_at_the_right_below_their_heading() -> None:
    table = Table(["a", "b"], [{"a": 1, "b": "x"}, {"a": 20, "b": "yy"}], "title", ["note"])
    assert printed(table, 80) == ["title", " a   b", "───────", " 1   x", "20   yy", "note"]
    assert printed(table, 80, ascii_only=True)[2] == "-------"


def test_blocks_repeat_what_tells_rows_apart() -> None:
    columns = ["lr", *(f"hidden_units {k}" for k in range(12))]
    rows: list[dict[str, Cell]] = [{"lr": lr, **dict.fromkeys(columns[1:], f"{lr} ± 0.01")} for lr in (0.1, 0.2)]
    lines = printed(Table(columns, rows, exact=["lr"]), 60)
    bodies = [line.split() for line in lines if "±" in line]
    assert [row[0] for row in bodies] == ["0.1", "0.2"] * (len(bodies) // 2)
    assert len(bodies) > 2
    assert sum(row.count("±") for row in bodies) == 2 * 12


def test_rows_whose_names_leave_no_room_are_numbered() -> None:
    columns = [f"option_{k}" for k in range(12)]
    rows: list[dict[str, Cell]] = [dict.fromkeys(columns, f"row-{k}") for k in (1, 2)]
    lines = printed(Table(columns, rows, exact=columns), 60)
    assert {(line.split()[0], line.split()[1]) for line in lines if "row" in line} == {("1", "row-1"), ("2", "row-2")}
    assert "\n".join(lines).count("row-1") == 12


def test_sentences_are_broken_between_words() -> None:
    error = "batch_norm names hidden layer 2, and there is one: use 1 to 1, or all of them"
    lines = printed(Table(["error", "trials"], [{"error": error, "trials": 4}]), 60)
    assert " ".join(lines[2:]).replace(" 4", "").split() == error.split()
