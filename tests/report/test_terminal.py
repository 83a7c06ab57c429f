"""Drawings in the terminal: they fit, they are ASCII where asked, points are where the numbers say."""

import math
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpctl.report.figures.effects import curve_plots, effect_plot, heat_of
from mlpctl.report.figures.plot import Heat, Line, Plot, has_log_axis, log_ticks, nice_ticks
from mlpctl.report.summary import summarize
from mlpctl.report.terminal.heat_map import draw_heat
from mlpctl.report.terminal.plot import HEIGHT, draw
from mlpctl.store.results import load
from tests.helpers.cli import Cli
from tests.helpers.synthetic import write

numbers = st.one_of(st.floats(-1e6, 1e6, allow_subnormal=False), st.just(math.nan))
names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cn", "Co", "Mn", "Me", "Mc", "Cf")), max_size=30
)


@st.composite
def plots(draw: st.DrawFn) -> Plot:
    n = draw(st.integers(1, 20))
    words = draw(st.one_of(st.just([]), st.lists(names, min_size=n, max_size=n)))
    log_x, log_y = draw(st.booleans()), draw(st.booleans())
    x = sorted(draw(st.sets(st.floats(0, 1e4, allow_subnormal=False), min_size=n, max_size=n)))
    series = st.lists(numbers.map(abs) if log_y else numbers, min_size=n, max_size=n)
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        y = draw(series)
        lines.append(Line(draw(names), list(range(n)) if words else x, y, [v - 1 for v in y], [v + 1 for v in y]))
    positive = log_y and any(v > 0 for line in lines for v in line.y if math.isfinite(v))
    return Plot(draw(names), draw(names), draw(names), tuple(lines), log_x=log_x and any(v > 0 for v in x),
                log_y=positive, words=tuple(words), band=draw(st.booleans()))  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(plots(), st.integers(40, 200), st.booleans())
def test_every_plot_fits(plot: Plot, width: int, ascii_only: bool) -> None:
    lines = draw(plot, width, ascii_only=ascii_only)
    assert [line for line in lines if line.cell_len > width] == []
    assert not ascii_only or all(line.plain.isascii() for line in lines)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.integers(1, 12), st.integers(40, 200), st.booleans(), st.data())
def test_every_heat_map_fits(rows: int, columns: int, width: int, ascii_only: bool, data: st.DataObject) -> None:
    values = tuple(tuple(data.draw(numbers) for _ in range(columns)) for _ in range(rows))
    texts = tuple(tuple("failed" for _ in range(columns)) for _ in range(rows))
    down, across = (tuple(f"value {k}" for k in range(n)) for n in (rows, columns))
    heat = Heat("h\nmean", "rows", "columns", "loss", down, across, values, texts, "low")
    lines = draw_heat(heat, width, ascii_only=ascii_only)
    assert [line for line in lines if line.cell_len > width] == []
    assert not ascii_only or all(line.plain.isascii() for line in lines)


def test_points_are_where_the_numbers_say() -> None:
    """A straight line over a log axis: the marks descend evenly, one tick after the other."""
    plot = Plot("t", "lr", "y", (Line("", [0.01, 0.1, 1, 10], [4, 3, 2, 1]),), log_x=True)
    lines = [line.plain for line in draw(plot, 64, ascii_only=True)]
    places = [(row, line.index("o")) for row, line in enumerate(lines[2:-3]) if "o" in line]
    assert len(places) == 4
    steps = {b[1] - a[1] for a, b in pairwise(places)}
    assert max(steps) - min(steps) <= 1
    falls = {b[0] - a[0] for a, b in pairwise(places)}
    assert max(falls) - min(falls) <= 1
    assert lines[-2].split() == ["0.01", "0.1", "1", "10"]


def test_lines_are_told_apart_without_colour() -> None:
    plot = Plot("t", "epoch", "loss", tuple(Line(f"kind {k}", [1, 2, 3], [k, k + 1, k]) for k in range(3)))
    text = "\n".join(line.plain for line in draw(plot, 80))
    for mark, k in zip("●▲■", range(3), strict=True):
        assert f"{mark} kind {k}" in text
        assert text.count(mark) >= 3
    long = replace(plot, lines=tuple(replace(line, name=f"{line.name}: a long name") for line in plot.lines))
    narrow = [line.plain for line in draw(long, 40)]  # no room beside the lines: below
    assert narrow[-3:] == ["● kind 0: a long name", "▲ kind 1: a long name", "■ kind 2: a long name"]


def test_an_interval_is_drawn_from_its_low_to_its_high() -> None:
    plot = Plot("t", "kind", "y", (Line("", [0, 1], [0.5, 0.5], [0.0, 0.4], [1.0, 0.6]),), words=("wide", "tight"))
    lines = [line.plain for line in draw(plot, 60, ascii_only=True)]
    wide, tight = (next(line for line in lines if line.startswith(word)) for word in ("wide", "tight"))
    assert wide.rindex("|") - wide.index("|") > 4 * (tight.rindex("|") - tight.index("|"))
    assert wide.index("o") == tight.index("o")


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(1.0, 1e6), st.integers(2, 8))
def test_ticks_enclose_what_is_shown(low: float, ratio: float, most: int) -> None:
    ticks = nice_ticks(low, low * ratio, most)
    slack = 1e-6 * low * ratio
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low * ratio - slack
    powers = log_ticks(low, low * ratio, most)
    assert powers[0] <= low * (1 + 1e-6)
    assert powers[-1] >= low * ratio * (1 - 1e-6)
    assert len(powers) <= most + 1


def test_which_axes_are_logarithmic() -> None:
    assert has_log_axis([0, 0.01, 0.1, 0.5])
    assert has_log_axis([0.001, 0.01, 0.1])
    assert not has_log_axis([0, 1, 2, 3])
    assert not has_log_axis([-1, 1, 10, 100])


def sweep(folder: Path) -> Path:
    rows = [{"lr": lr, "seed": s, "val_accuracy": 0.5 + 0.1 * k + 0.01 * s} for k, lr in enumerate((0.01, 0.1, 1.0))
            for s in range(3)]  # fmt: skip
    failed = {"lr": 10.0, "status": "diverged", "error": "inf"}
    return write(folder, [*rows, failed])


def test_the_data_of_an_effect(tmp_path: Path) -> None:
    [summary] = summarize(load(sweep(tmp_path / "r")))
    plot = effect_plot(summary, "lr")
    [line] = plot.lines
    assert list(line.x) == [0.01, 0.1, 1.0]
    assert list(line.y) == pytest.approx([0.51, 0.61, 0.71])
    assert plot.log_x
    assert plot.failed == (10.0,)
    assert plot.best is not None
    assert plot.best[::2] == (1.0, "best 0.7100")
    assert plot.best[1] == pytest.approx(0.71)
    heat = heat_of(summary, "lr", "seed")
    assert heat.texts[-1] == ("failed", "", "")
    assert all(math.isnan(value) for value in heat.values[-1])


def test_the_data_of_curves(tmp_path: Path) -> None:
    results = load(sweep(tmp_path / "r"))
    [summary] = summarize(results)
    [plot] = curve_plots(summary, results.epoch_rows)
    assert [line.name for line in plot.lines] == ["lr 1", "lr 0.1", "lr 0.01"]
    assert list(plot.lines[0].x) == [1, 2]
    assert len(plot.lines[0].low) == 2
    assert plot.lines[1].low == ()  # the interval of the best alone


@pytest.mark.parametrize("width", [40, 72, 130])
@pytest.mark.parametrize("arguments", [("--by", "lr"), ("--by", "lr,seed"), ("--curves", "-"), ("--plot", "-")])
def test_the_command_draws_and_fits(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, arguments: tuple[str, ...]
) -> None:
    sweep(tmp_path / "r")
    monkeypatch.setenv("COLUMNS", str(width))
    done = cli("report", "r", *arguments)
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= width
    assert "\x1b" not in done.out
    plain = cli("report", "r", *arguments, "--ascii")
    assert plain.out.isascii()
    assert len(plain.out.splitlines()) >= HEIGHT


def test_machines_get_no_drawing(cli: Cli, tmp_path: Path) -> None:
    sweep(tmp_path / "r")
    assert cli("report", "r", "--by", "lr", "--format", "csv").out.startswith("lr,n,failed")
    done = cli("report", "r", "--curves", "-", "--format", "csv")
    assert (done.code, "--format table alone" in done.err) == (2, True)


def test_an_encoding_without_braille_gets_ascii(tmp_path: Path) -> None:
    sweep(tmp_path / "r")
    code = "import sys\nfrom mlpctl.cli import main\nsys.argv = ['mlpctl', 'report', 'r', '--by', 'lr']\nmain()"
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code], cwd=tmp_path, capture_output=True, check=True,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "80"},
    )  # fmt: skip
    assert done.stdout.isascii()
    assert b"effect of lr" in done.stdout
    assert b"x no trial has a score" in done.stdout
