"""Reports: what they conclude from results whose truth is known, and how they say it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.report.dataframes import of_frame, summary_frame
from mlpctl.report.figures.effects import curves_of, effect_of
from mlpctl.report.figures.plot import is_log_spaced
from mlpctl.report.report import report
from mlpctl.report.summary import mean_interval, summarize
from mlpctl.store.results import load
from tests.helpers.cli import Cli
from tests.helpers.synthetic import LRS, known, write


def test_the_best_is_found_and_scored_once(tmp_path: Path) -> None:
    [summary] = summarize(load(known(tmp_path / "r")))
    assert summary.best is not None
    assert (summary.best["lr"], summary.best["hidden_units"], summary.best["n"]) == (0.1, 16, 3)
    assert summary.best["test_mean"] == pytest.approx(0.8)
    assert summary.varied == ("hidden_units", "lr")
    assert len(summary.configurations) == 8
    assert "test_accuracy" not in summary.configurations.columns
    assert summary.notes == ()
    assert summary.verdict is not None
    assert summary.verdict.is_clear
    assert summary.configurations["p"].isna().tolist() == [True] + [False] * 7  # the best is not compared with itself
    assert summary.configurations["p"].iloc[1:].max() < 0.05


def test_a_tie_is_called_one_and_one_seed_is_warned_of(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [{"lr": lr, "seed": s, "val_accuracy": 0.8 + 0.01 * rng.normal()} for s in range(3) for lr in (0.1, 0.11)]
    [summary] = summarize(load(write(tmp_path / "tie", rows)))
    assert summary.configurations["verdict"].tolist() == ["best", "close"]
    assert any("too high" in note for note in summary.doubts)
    [summary] = summarize(load(known(tmp_path / "one", seeds=1)))
    assert any("One seed each" in note for note in summary.notes)


def test_failures_are_counted_and_never_averaged(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"lr": 0.1, "seed": 0, "val_accuracy": 0.7},
        {"lr": 0.1, "seed": 1, "val_accuracy": 0.8},
        {"lr": 1.0, "seed": 0, "val_accuracy": 0.99},
        {"lr": 1.0, "seed": 1, "val_accuracy": 0.1, "status": "diverged", "error": "loss not finite in epoch 2"},
        {"lr": 9.0, "seed": 0, "val_accuracy": 0.1, "status": "diverged", "error": "loss not finite in epoch 1"},
    ]
    [summary] = summarize(load(write(tmp_path / "r", rows)))
    assert summary.best is not None
    assert summary.best["lr"] == 0.1  # a configuration with a failure comes after those without
    assert summary.configurations["mean"].tolist() == pytest.approx([0.75, 0.99, float("nan")], nan_ok=True)
    assert summary.configurations["failed"].tolist() == [0, 1, 1]  # the one that never worked is listed last, not lost
    assert summary.statuses == {"ok": 3, "diverged": 2}
    assert summary.failures["trials"].tolist() == [2]  # in which epoch is no kind of its own
    assert any("2 of 5 trials failed" in note for note in summary.notes)


def test_intervals_are_students() -> None:
    import pandas as pd
    from scipy import stats

    values = pd.Series([0.5, 0.7, 0.9, 0.4])
    mean, sd, low, high = mean_interval(values)
    expected = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert (low, high) == pytest.approx(expected)
    table = summary_frame(pd.DataFrame({"x": [1] * 4, "y": values, "status": "ok"}), ["x"], "y")
    assert table[["mean", "sd", "low", "high"]].iloc[0].tolist() == pytest.approx([mean, sd, low, high])


def test_options_of_the_dataset_are_axes(tmp_path: Path) -> None:
    rows = [{"dataset": "linreg", "task": "regression", "data": f'{{"noise":"{n}"}}', "val_mse": n} for n in (0.1, 2.0)]
    [summary] = summarize(load(write(tmp_path / "r", rows)))
    assert summary.varied == ("data.noise",)
    assert summary.best is not None
    assert summary.best["data.noise"] == 0.1
    assert (summary.metric, summary.better) == ("mse", "low")


def test_several_folders_and_datasets(cli: Cli, tmp_path: Path) -> None:
    known(tmp_path / "a")
    write(tmp_path / "b", [{"key": "x", "dataset": "wine", "val_accuracy": 0.5}])
    done = cli("report", "a", "b")
    assert done.code == 0
    assert "iris: 8 settings × 3 seeds = 24 runs, all finished." in done.out
    assert "wine: 1 setting × 1 seed = 1 run, finished.  saved in a, b" in done.out


@pytest.mark.parametrize("format_", ["table", "md", "csv", "json"])
def test_every_format(cli: Cli, tmp_path: Path, format_: str) -> None:
    known(tmp_path / "r")
    done = cli("report", "r", "--format", format_)
    assert done.code == 0
    if format_ == "json":
        told = json.loads(done.out)
        assert len(told["settings"]) == 8
        assert told["settings"][0]["lr"] == told["best"]["lr"] == 0.1
        assert (told["sure"], told["next"]) == ("yes", None)
    elif format_ == "csv":
        assert done.out.startswith("hidden_units,lr,n,failed,mean,sd,low,high,p,worst,behind,verdict,unstable\n16,")
    else:
        label = "**BEST**" if format_ == "md" else "BEST  "
        assert f"{label} hidden_units 16, lr 0.1\n" in done.out.replace("  \n", "\n")
        assert ("| --- |" in done.out) == (format_ == "md")
    cli("report", "r", "--format", format_, "-o", "out")
    assert Path("out").read_text()


def test_group_by_and_pivot(cli: Cli, tmp_path: Path) -> None:
    known(tmp_path / "r")
    rows = json.loads(cli("report", "r", "--by", "lr", "--format", "json").out)
    assert [row["lr"] for row in rows] == list(LRS)
    assert [row["n"] for row in rows] == [6] * 4
    done = cli("report", "r", "--by", "lr,hidden-units")
    assert "hidden_units 16" in done.out
    done = cli("report", "r", "--by", "leraning_rate")
    assert done.code == 2
    assert "no field 'leraning_rate'" in done.err
    assert cli("report", "r", "--by", "lr,hidden_units,seed").code == 2


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_figures_are_drawn(cli: Cli, tmp_path: Path, suffix: str) -> None:
    known(tmp_path / "r")
    heads = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for by in (("--by", "lr"), ("--by", "lr,hidden_units"), ("--by", "hidden_units"), ()):
        assert cli("report", "r", *by, "--plot", f"a.{suffix}", "--curves", f"b.{suffix}").code == 0
        assert Path(f"a.{suffix}").read_bytes().startswith(heads[suffix])
        assert Path(f"b.{suffix}").read_bytes().startswith(heads[suffix])


def test_the_data_of_the_figures(tmp_path: Path) -> None:
    results = load(known(tmp_path / "r"))
    [summary] = summarize(results)
    effect = effect_of(summary, "lr")
    assert effect["lr"].tolist() == list(LRS)
    assert effect["mean"].argmax() == 2
    curves = curves_of(summary, results.epoch_rows, "val_accuracy")
    assert len(curves) == 8 * 2
    assert curves["place"].tolist() == sorted(curves["place"])


def test_which_axes_are_logarithmic() -> None:
    assert is_log_spaced([0.001, 0.01, 0.1])
    assert is_log_spaced([4, 16, 64, 256])
    assert not is_log_spaced([1, 2, 3, 4])
    assert not is_log_spaced([0, 1, 10])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nowhere",), 4, "no results in nowhere"),
        (("r", "--metric", "acuracy"), 2, "did you mean 'accuracy'?"),
        (("r", "--metric", "mse"), 2, "have no mse"),
        (("r", "--select-on", "train"), 2, "use --select-on validation or --select-on test"),
        (("r", "--plot", "a.gif"), 2, ".png, .svg, .pdf files, got 'a.gif'"),
        (("r", "--plot", "/proc/a.png"), 2, "cannot write /proc/a.png"),
        (("r", "-o", "/proc/a.txt"), 2, "cannot write /proc/a.txt"),
        ((), 2, "no results folder given"),
    ],
)
def test_bad_reports(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    known(tmp_path / "r")
    done = cli("report", *arguments)
    assert done.code == code
    assert message in done.err
    assert "Traceback" not in done.err


def test_an_unfinished_folder_is_reported(cli: Cli, tmp_path: Path) -> None:
    known(tmp_path / "r")
    (tmp_path / "r" / "epochs.csv").unlink()
    path = tmp_path / "r" / "trials.csv"
    path.write_bytes(path.read_bytes()[:-9])
    done = cli("report", "r")
    assert done.code == 0
    assert "23 runs" in done.out


@pytest.mark.parametrize("name", ["experiment.toml", "environment.json"])
def test_a_damaged_description_is_one_line(cli: Cli, tmp_path: Path, name: str) -> None:
    (known(tmp_path / "r") / name).write_text("{[")
    done = cli("report", "r")
    assert done.code == 4
    assert f"{name} cannot be read" in done.err
    assert len(done.err.splitlines()) == 1


def test_it_is_fast_where_there_is_much(tmp_path: Path) -> None:
    """Not a timing: a hundred thousand trials are summed up in linear time, or this never ends."""
    import pandas as pd

    results = load(known(tmp_path / "r"))
    many = pd.concat([results.trials] * 4000, ignore_index=True)
    many["key"] = many.index.astype(str)
    from dataclasses import replace

    [summary] = summarize(replace(results, rows=of_frame(many)))
    assert len(summary.trials) == 96_000
    assert len(summary.configurations) == 8


def test_the_best_of_a_search_over_epochs_is_of_the_last_rung(tmp_path: Path) -> None:
    """A configuration is one, whatever its rungs; what was given up is listed below, however well it scored."""
    rows = [
        {"lr": lr, "epochs": epochs, "epochs_done": epochs, "config": f"{lr} {epochs}", "val_accuracy": score,
         "val_loss": loss}
        for lr, epochs, score, loss in (
            (0.1, 3, 0.95, 0.1), (0.2, 3, 0.99, 0.1), (0.3, 3, 0.9, 0.1), (0.1, 9, 0.9, 0.4), (0.3, 9, 0.9, 0.3)
        )
    ]  # fmt: skip
    experiment = {"search": {"method": "halving"}, "spec": {"dataset": "iris"}}
    [summary] = summarize(load(write(tmp_path / "r", rows, experiment=experiment)))
    assert summary.best is not None
    assert (summary.best["lr"], summary.best["epochs"]) == (0.3, 9)  # of equal means the smaller loss
    assert summary.configurations["lr"].tolist() == [0.3, 0.1, 0.2]
    assert len(summary.rows) == 5
    report([tmp_path / "r"], html=tmp_path / "page.html", output=tmp_path / "text")
    assert (tmp_path / "page.html").is_file()
