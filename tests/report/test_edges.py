"""Axes whose best value is at an edge are told, with a value to try that the axis can take."""

from pathlib import Path

import pytest

from mlpctl.report.statistics.edges import edge_notes
from mlpctl.report.summary import summarize
from mlpctl.store.results import load
from tests.helpers.synthetic import write


def notes_of(folder: Path, field: str, scores: dict[float, float]) -> list[str]:
    rows = [{field: value, "config": str(value), "val_accuracy": score} for value, score in scores.items()]
    [summary] = summarize(load(write(folder, rows)))
    return edge_notes(summary)


@pytest.mark.parametrize(
    ("field", "scores", "advice"),
    [
        ("lr", {0.01: 0.5, 0.1: 0.7, 1.0: 0.9}, "--axis lr=0.01,0.1,1,10"),
        ("lr", {0.01: 0.9, 0.1: 0.7, 1.0: 0.5}, "--axis lr=0.001,0.01,0.1,1"),
        ("hidden_units", {4: 0.5, 16: 0.7, 64: 0.9}, "--axis hidden_units=4,16,64,256"),
        ("hidden_layers", {0: 0.5, 1: 0.7, 2: 0.9}, "--axis hidden_layers=0,1,2,3"),
        ("dropout", {0.0: 0.5, 0.25: 0.7, 0.5: 0.9}, "--axis dropout=0,0.25,0.5,0.75"),
    ],
)
def test_the_axis_goes_on_as_it_went(tmp_path: Path, field: str, scores: dict[float, float], advice: str) -> None:
    [note] = notes_of(tmp_path / "r", field, scores)
    assert advice in note


def test_a_value_that_the_axis_cannot_take_is_not_advised(tmp_path: Path) -> None:
    [note] = notes_of(tmp_path / "r", "dropout", {0.8: 0.5, 0.85: 0.7, 0.99: 0.9})
    assert "--axis" not in note
    [note] = notes_of(tmp_path / "s", "hidden_layers", {0: 0.9, 1: 0.7, 2: 0.5})
    assert "--axis" not in note


@pytest.mark.parametrize("scores", [{0.01: 0.5, 0.1: 0.9, 1.0: 0.7}, {0.01: 0.5, 0.1: 0.9}])
def test_a_best_value_in_the_middle_or_of_two_is_at_no_edge(tmp_path: Path, scores: dict[float, float]) -> None:
    assert notes_of(tmp_path / "r", "lr", scores) == []
