"""Test that texts of files, names and paths reach a terminal in one line, without control characters."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest

from mlpctl.display.tables import Table, to_text
from mlpctl.errors import DataError, UsageError
from tests.helpers.cli import Cli

HOSTILE = {"ESC": "\x1b[2J", "OSC": "\x1b]0;owned\x07", "C1": "\x9b2J", "bidi": "\u202etxt.exe", "newline": "a\nb"}
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_of_it_leaves_a_command(cli: Cli, text: str) -> None:
    classes = [f"{text}{number % 2}" for number in range(40)]
    with Path("a.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["x", "target"], *([n, name] for n, name in enumerate(classes))])
    with Path("b.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([[f"x{text}", "target"], *([n, n % 2] for n in range(40))])
    commands = [
        ("data", "show", "table", "--data", "path=a.csv"),
        ("data", "show", "table", "--data", "path=b.csv"),
        ("train", "--dataset", "table", "--data", "path=a.csv", "--epochs", "1", "--save"),
        ("predict", "results/table-mlp", "--index", "0,1"),
        ("train", "--dataset", text),
        ("train", "--dataset", "table", "--data", f"path={text}"),
        ("sweep", "--axis", f"{text}=1,2"),
        ("sweep", "--dataset", "iris", "--axis", "lr=0.1,0.2", "--name", text),
        ("report", f"results/{text}"),
        ("sweep", f"{text}.toml"),
        (text,),
    ]
    for command in commands:
        done = cli(*command)
        assert not CONTROL.search(done.out + done.err), command
        assert all(line.startswith(("error:", "note:")) for line in done.err.splitlines()), command
    assert cli("sweep", "--dataset", "iris", "--axis", "lr=0.1,0.2", "--name", text).code == 2
    assert cli("train", "--dataset", "table", "--data", "path=b.csv").code == 4


@pytest.mark.parametrize("error", [DataError, UsageError])
def test_an_error_is_one_line_of_printable_characters(error: type[DataError] | type[UsageError]) -> None:
    told = str(error("".join(HOSTILE.values())))
    assert told.isprintable()
    assert len(str(error("x" * 10**6))) < 1100


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)"])
def test_a_cell_for_people_is_no_formula(cell: str) -> None:
    text = to_text([Table(["a", "b"], [{"a": cell, "b": -1.5}, {"a": "-1.5", "b": -2}])], "csv")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[1] == [f"'{cell}", "-1.5"]
    assert rows[2] == ["-1.5", "-2"]
    assert np.isfinite(float(rows[2][0]))
