"""Test the grouping of trials: the same data, or data that differ by an option; never two files."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlpctl.report.comparable import split_by_data
from mlpctl.report.dataframes import summary_frame
from mlpctl.report.ending import best_passage
from mlpctl.report.figures.draw import draw
from mlpctl.report.figures.effects import effect_plot
from mlpctl.report.summary import summarize
from mlpctl.store.results import load
from tests.helpers.synthetic import write


def row(path: str, digest: str | None, lr: float = 0.1, **more: Any) -> dict[str, Any]:
    options = {"path": path, **more.pop("options", {})}
    return {"dataset": "table", "data": json.dumps(options), "digest": digest, "lr": lr, "val_accuracy": lr, **more}


def titles(folder: Path, rows: list[dict[str, Any]]) -> list[str]:
    return [summary.title for summary in summarize(load(write(folder, rows)))]


def test_two_files_are_two_rankings_and_a_copy_is_none(tmp_path: Path) -> None:
    rows = [row("a.csv", "d1"), row("b.csv", "d2", 0.9), row("copy.csv", "d1", 0.2)]
    summaries = summarize(load(write(tmp_path / "r", rows)))
    assert [summary.title for summary in summaries] == ["table a.csv (r)", "table b.csv (r)"]
    assert [len(summary.trials) for summary in summaries] == [2, 1]
    assert [summary.varied for summary in summaries] == [("lr",), ()]


def test_a_file_that_was_changed_is_another_one(tmp_path: Path) -> None:
    assert titles(tmp_path / "r", [row("a.csv", "d1"), row("a.csv", "d2", 0.2)]) == [
        "table digest d1 (r)",
        "table digest d2 (r)",
    ]


def test_an_option_of_the_data_is_an_axis(tmp_path: Path) -> None:
    rows = [row("a.csv", f"d{drop}", options={"drop": drop}, config=drop) for drop in ("x", "y")]
    [summary] = summarize(load(write(tmp_path / "r", rows)))
    assert summary.varied == ("data.drop",)
    noise = [{"dataset": "linreg", "task": "regression", "data": f'{{"noise":"{n}"}}', "digest": f"n{n}", "val_mse": n}
             for n in (0.1, 2.0)]  # fmt: skip
    assert titles(tmp_path / "linreg", noise) == ["linreg (linreg)"]


def test_what_never_got_to_its_data_stays_with_its_dataset(tmp_path: Path) -> None:
    bad = {"dataset": "diabetes", "status": "invalid", "error": "no", "task": None, "digest": None, "config": "bad"}
    rows: list[dict[str, Any]] = [bad, {"dataset": "diabetes", "task": "regression", "digest": "d", "val_mse": 1.0}]
    [(name, trials)] = split_by_data(load(write(tmp_path / "r", rows)).rows)
    assert (name, len(trials), set(trials["task"])) == ("diabetes", 2, {"regression"})


def test_equal_accuracies_are_no_certainty(tmp_path: Path) -> None:
    """A share of few examples is rounded: its interval is never narrower than that of the rounding alone."""
    rows = [{"lr": lr, "seed": s, "val_accuracy": a} for lr, a in ((0.1, 0.75), (0.2, 0.5)) for s in range(3)]
    trials = load(write(tmp_path / "r", rows)).trials
    table = summary_frame(trials, ["lr"], "val_accuracy")
    half = 4.302652729749464 * 0.25 / 4**0.5 / 3**0.5
    assert table["sd"].tolist() == [0, 0]
    assert (table["mean"] - table["low"]).tolist() == pytest.approx([half, half])
    [summary] = summarize(load(tmp_path / "r"))
    assert "validation accuracy 0.7500 [0.4395, 1.0000] (" in best_passage(summary, stats=True).sentences[1]


@pytest.mark.parametrize("better", ["high", "low"])
def test_the_label_best_is_off_its_error_bar(tmp_path: Path, better: str) -> None:
    column = "val_accuracy" if better == "high" else "val_loss"
    rows = [{"lr": lr, "seed": s, column: lr + 0.05 * s} for lr in (0.1, 0.2, 0.3) for s in range(3)]
    metric = "accuracy" if better == "high" else "loss"
    [summary] = summarize(load(write(tmp_path / "r", rows, epochs=False)), metric=metric)
    figure = draw(effect_plot(summary, "lr"))
    figure.draw_without_rendering()
    [axes] = figure.axes
    [label] = [text for text in axes.texts if text.get_text().startswith("best")]
    box = label.get_window_extent()
    bars: Any = axes.containers[0]
    for segment in bars.lines[2][0].get_segments():
        (x, low), (_, high) = axes.transData.transform(segment)
        assert not (box.x0 < x < box.x1 and low < box.y1 and box.y0 < high)
