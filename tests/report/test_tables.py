"""Reports of results that are mixed, partly failed or not finished: nothing is lost, mislabelled or out of order."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from mlpctl.report.figures.draw import draw
from mlpctl.report.figures.effects import effect_plot, heat_of
from mlpctl.report.summary import STAMPS, summarize
from mlpctl.report.tables import grouped
from mlpctl.store.results import load
from tests.helpers.cli import Cli
from tests.helpers.synthetic import write


def holes(folder: Path) -> Path:
    """Write a sweep over lr and hidden_units with a cell that failed and one that was never run."""
    rows = [
        {"lr": lr, "hidden_units": units, "widths": str(units), "seed": seed, "val_accuracy": 0.5 + 0.1 * lr}
        for lr, units in ((0.1, 4), (0.1, 8), (0.2, 4)) for seed in (0, 1)
    ]  # fmt: skip
    return write(folder, [*rows, {"lr": 0.3, "hidden_units": 4, "widths": "4", "status": "diverged", "error": "inf"}])


@pytest.mark.parametrize("by", [(), ("--by", "lr")])
def test_machines_get_every_dataset(cli: Cli, tmp_path: Path, by: tuple[str, ...]) -> None:
    write(tmp_path / "a", [{"lr": lr, "val_accuracy": 0.8} for lr in (0.1, 0.2)])
    write(tmp_path / "b", [{"key": f"b{lr}", "dataset": "wine", "lr": lr, "val_accuracy": 0.5} for lr in (0.1, 0.2)])
    tables = json.loads(cli("report", "a", "b", *by, "--format", "json").out)
    assert [title.partition(":")[0] for title in tables] == ["iris (a, b)", "wine (a, b)"]
    assert [len(rows if by else rows["settings"]) for rows in tables.values()] == [2, 2]


def test_one_dataset_with_two_tasks_has_two_titles(tmp_path: Path) -> None:
    rows = [{"dataset": "table", "val_accuracy": 0.8}, {"dataset": "table", "task": "regression", "val_mse": 1.0}]
    titles = [summary.title for summary in summarize(load(write(tmp_path / "r", rows)))]
    assert titles == ["table classification (r)", "table regression (r)"]


def test_what_never_worked_is_in_the_machine_formats(cli: Cli, tmp_path: Path) -> None:
    holes(tmp_path / "r")
    rows = list(csv.DictReader(io.StringIO(cli("report", "r", "--format", "csv").out)))
    assert [(row["lr"], row["n"], row["failed"], row["mean"]) for row in rows][-1] == ("0.3", "0", "1", "")


def test_a_pivot_is_rows_of_numbers_for_machines(cli: Cli, tmp_path: Path) -> None:
    holes(tmp_path / "r")
    rows = json.loads(cli("report", "r", "--by", "lr,hidden_units", "--format", "json").out)
    assert [(row["lr"], row["hidden_units"], row["n"], row["failed"]) for row in rows] == [
        (0.1, 4, 2, 0), (0.1, 8, 2, 0), (0.2, 4, 2, 0), (0.3, 4, 0, 1),
    ]  # fmt: skip
    assert rows[0]["mean"] == pytest.approx(0.51)


def test_failed_and_never_run_are_told_apart(tmp_path: Path) -> None:
    [summary] = summarize(load(holes(tmp_path / "r")))
    lines = grouped(summary, ["lr", "hidden_units"]).rows
    assert lines[2].get("hidden_units 4") == "failed"
    assert lines[2].get("hidden_units 8") is None
    assert lines[0]["hidden_units 4"] == "0.5100 ± 0"  # two trials each, said once
    *cells, legend = [text.get_text() for text in draw(heat_of(summary, "lr", "hidden_units")).axes[0].texts]
    assert cells == ["0.5100", "0.5100", "0.5200", "", "failed", ""]
    assert "hatched: no\ntrial has a score; empty: not run" in legend


@pytest.mark.parametrize("on", ["test", "train"])
def test_the_stamp_is_on_grouped_tables_too(cli: Cli, tmp_path: Path, on: str) -> None:
    scores = {"val_accuracy": 0.5, "test_accuracy": 0.5, "fit_accuracy": 0.5}
    write(tmp_path / "r", [{"lr": lr, "hidden_units": h, **scores} for lr in (0.1, 0.2) for h in (4, 8)])
    stamp = STAMPS["test" if on == "test" else "train"]
    for by in ("lr", "lr,hidden_units"):
        assert stamp in cli("report", "r", "--by", by, "--select-on", on).out.replace("\n", " ").replace("  ", " ")
        assert stamp not in cli("report", "r", "--by", by).out.replace("\n", " ").replace("  ", " ")


def test_numbers_in_text_columns_are_in_order(tmp_path: Path) -> None:
    sizes = ["16", "32", "128", "1024"]
    rows = [{"batch_size": size, "config": size, "val_accuracy": 0.5} for size in [*reversed(sizes), "full"]]
    [summary] = summarize(load(write(tmp_path / "words", rows)))
    assert [row["batch_size"] for row in grouped(summary, ["batch_size"]).rows] == [*sizes, "full"]
    ticks = draw(effect_plot(summary, "batch_size")).axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == [*sizes, "full"]
    [summary] = summarize(load(write(tmp_path / "numbers", rows[:-1])))
    assert draw(effect_plot(summary, "batch_size")).axes[0].get_xscale() == "log"


def test_options_of_several_types_and_empty_cells_are_axes(cli: Cli, tmp_path: Path) -> None:
    options = [{"data": json.dumps({"k": k}), "config": k, "val_accuracy": 0.5} for k in ("10", "abc", "2")]
    write(tmp_path / "r", [*options, {"config": "none", "val_accuracy": 0.5}])
    assert cli("report", "r", "--by", "data.k", "--plot", "k.png").code == 0
    assert cli("report", "r", "--by", "data.k,seed", "--plot", "two.png").code == 0
    rows = json.loads(cli("report", "r", "--by", "data.k", "--format", "json").out)
    assert [row["data.k"] for row in rows] == [2, 10, "abc", None]


def test_an_interrupted_trial_does_not_count_against_its_configuration(tmp_path: Path) -> None:
    rows = [{"lr": lr, "seed": seed, "val_accuracy": lr} for lr in (0.9, 0.2) for seed in (0, 1)]
    [summary] = summarize(load(write(tmp_path / "r", [*rows, {"lr": 0.9, "seed": 2, "status": "interrupted"}])))
    assert summary.best is not None
    assert (summary.best["lr"], summary.best["failed"]) == (0.9, 0)
    assert summary.failures.empty
    assert any("1 of 5 trials were interrupted" in note for note in summary.notes)


def test_unequal_seeds_and_missing_scores_are_told(tmp_path: Path) -> None:
    rows = [{"lr": 0.1, "seed": 0, "val_accuracy": 0.9}, {"lr": 0.1, "seed": 1}]
    rows += [{"lr": 0.2, "seed": seed, "val_accuracy": 0.5} for seed in range(3)]
    [summary] = summarize(load(write(tmp_path / "r", rows)))
    notes = " ".join(summary.notes)
    assert "1 of 2 configurations have one seed only, the best among them" in notes
    assert "One seed each" not in notes
    assert "1 of 5 trials were not scored" in notes


@pytest.mark.parametrize(
    "arguments", [("--by", "lr", "--plot", "a.png"), ("--by", "lr,seed", "--plot", "a.png"), ("--curves", "a.png")]
)
def test_nothing_to_draw_is_said(cli: Cli, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write(tmp_path / "r", [{"lr": lr, "status": "diverged", "error": "inf"} for lr in (0.1, 0.2)])
    done = cli("report", "r", *arguments)
    assert done.code == 2
    assert "nothing to draw" in done.err
    assert not Path("a.png").exists()


def test_the_same_field_twice_is_refused(cli: Cli, tmp_path: Path) -> None:
    done = cli("report", str(holes(tmp_path / "r")), "--by", "lr,lr")
    assert done.code == 2
    assert "got 'lr' twice" in done.err


def test_a_field_of_many_numbers_is_cut_into_ranges(tmp_path: Path) -> None:
    """Of a search of 1,000 a row each would be no table: the means of the ranges are those of their trials."""
    rng = np.random.default_rng(0)
    rates = 10 ** rng.uniform(-3, 0, 400)
    rows = [{"lr": lr, "val_accuracy": 0.9 - 0.1 * abs(np.log10(lr / 0.1))} for lr in rates.tolist()]
    [summary] = summarize(load(write(tmp_path / "r", rows, epochs=False)))
    table = grouped(summary, ["lr"])
    assert len(table.rows) == 8
    assert [row["n"] for row in table.rows] == [50] * 8
    lowest = np.sort(rates)[:50]
    assert table.rows[0]["lr"] == f"{lowest[0]:.3g} – {lowest[-1]:.3g}"
    assert table.rows[0]["mean"] == pytest.approx(np.mean(0.9 - 0.1 * abs(np.log10(lowest / 0.1))))
    assert len(grouped(summary, ["lr"], people=False).rows) == 400  # a program gets every value
    [line] = effect_plot(summary, "lr").lines
    assert line.x[0] == pytest.approx(np.median(lowest))


def test_another_axis_has_a_line_for_each_of_its_values(tmp_path: Path) -> None:
    """The mean of good and bad settings hides the best one: at lr 1 it is 64 units, though the mean is worst there."""
    scores = {(0.1, 4): 0.6, (0.1, 64): 0.8, (1.0, 4): 0.3, (1.0, 64): 0.9}
    rows = [
        {"lr": lr, "hidden_units": units, "widths": str(units), "val_accuracy": score}
        for (lr, units), score in scores.items()
    ]
    [summary] = summarize(load(write(tmp_path / "r", rows)))
    plot = effect_plot(summary, "lr")
    assert [(line.name, line.x, line.y) for line in plot.lines] == [
        ("hidden units 4", [0.1, 1.0], [0.6, 0.3]), ("hidden units 64", [0.1, 1.0], [0.8, 0.9]),
    ]  # fmt: skip
    assert plot.best is not None
    assert plot.best[:2] == (1.0, 0.9)


def test_beside_several_axes_the_best_setting_at_each_value_is_drawn(tmp_path: Path) -> None:
    rows = [
        {"lr": lr, "activation": word, "batch_size": size, "config": f"{lr} {word} {size}",
         "val_accuracy": lr * (0.5 + 0.1 * (word == "relu") + 0.2 * (size == "16"))}
        for lr in (0.5, 1.0) for word in ("relu", "tanh") for size in ("16", "32")
    ]  # fmt: skip
    [summary] = summarize(load(write(tmp_path / "r", rows)))
    mean, best = effect_plot(summary, "lr").lines
    assert mean.y == pytest.approx([0.325, 0.65])
    assert best.name == "best setting"
    assert best.y == pytest.approx([0.4, 0.8])
