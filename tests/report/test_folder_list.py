"""mlpctl results list: every folder is there, a damaged one is named."""

import json
import os
from pathlib import Path

import pytest

from mlpctl.errors import UsageError
from mlpctl.report.folder_list import folder_list
from tests.helpers.cli import Cli
from tests.helpers.synthetic import write


def test_each_folder_has_a_row_the_last_changed_first(cli: Cli, tmp_path: Path) -> None:
    old = write(tmp_path / "results" / "old", [{"lr": lr, "val_accuracy": lr} for lr in (0.25, 0.5)])
    write(tmp_path / "results" / "deep" / "new", [{"dataset": "wine", "status": "diverged", "error": "inf"}])
    os.utime(old / "trials.csv", (1e9, 1e9))
    rows = json.loads(cli("results", "list", "--format", "json").out)
    assert [(row["folder"], row["dataset"], row["trials"], row["failed"], row["best"]) for row in rows] == [
        (str(Path("results/deep/new")), "wine", 1, 1, None), (str(Path("results/old")), "iris", 2, 0, 0.5),
    ]  # fmt: skip
    assert rows[1]["of"] == "validation accuracy"


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "trials.csv").write_text("no,columns\n1,2\n")
    table = folder_list(tmp_path)
    assert not table.rows
    assert "bad cannot be read" in table.notes[0]


def test_no_folder_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no results folder under"):
        folder_list(tmp_path)
