"""Figures: every word is inside and on none other, text stays text, equal results give equal files."""

import itertools
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mlpctl.display.figure_style import COLOURS, contrast, ink_on, readable, save
from mlpctl.report.figures.draw import draw
from mlpctl.report.figures.effects import curve_plots, effect_plot, heat_of
from mlpctl.report.figures.plot import Heat, Line, Plot, spread_positions
from mlpctl.report.summary import summarize
from mlpctl.store.results import load
from tests.helpers.synthetic import write

RANDOM = random.Random(0)
LONG = "a dataset whose name is so long that no title carries it in one line (and-a-folder-like-that): effect of lr"


def words_of(figure: Figure) -> list[tuple[str, Bbox]]:
    """Return the texts that can be seen, with their boxes in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    unseen = set()  # ticks beyond the limits are kept by an axis, and not drawn
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_transform().transform(axis.get_view_interval()))
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low - 1e-9 <= axis.get_transform().transform(tick.get_loc()) <= high + 1e-9:
                unseen |= {tick.label1, tick.label2}
    found = []
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and text.get_text().strip() and text not in unseen:
            found.append((text.get_text(), text.get_window_extent(renderer)))
    return found


def check(figure: Figure) -> None:
    words = words_of(figure)
    frame = figure.bbox
    outside = [text for text, box in words if box.x0 < frame.x0 - 1 or box.x1 > frame.x1 + 1
               or box.y0 < frame.y0 - 1 or box.y1 > frame.y1 + 1]  # fmt: skip
    assert outside == []
    for number, (text, box) in enumerate(words):
        for other, there in words[number + 1 :]:
            wide = min(box.x1, there.x1) - max(box.x0, there.x0)
            high = min(box.y1, there.y1) - max(box.y0, there.y0)
            assert not (wide > 1 and high > 1), f"'{text}' lies on '{other}'"


def many(n: int, *, words: bool = False, log: bool = False) -> Plot:
    y = [RANDOM.random() for _ in range(n)]
    names = tuple(f"category number {k}" + " with a long name, longer than fits" * (k % 5 == 0) for k in range(n))
    x = list(range(n)) if words else [10.0 ** (k - 4) if log else k for k in range(n)]
    return Plot(f"{LONG}\nmean and 95 % interval", "lr", "validation accuracy (share right)",
                (Line("", x, y, [v - 0.1 for v in y], [v + 0.1 for v in y]),), log_x=log, words=names if words else (),
                best=(x[0], y[0], "best 0.5"))  # fmt: skip


def curves(n: int, length: int = 20) -> Plot:
    lines = tuple(
        Line(f"configuration {k}, activation tanh", list(range(1, length + 1)),
             [math.exp(-e / 10) * (1 + k / 50) + 0.01 for e in range(1, length + 1)]) for k in range(n)
    )  # fmt: skip
    return Plot("curves\nmean", "epoch", "loss", lines, band=True)


@pytest.mark.parametrize(
    "plot",
    [
        many(1), many(2), many(7, log=True), many(40), many(1, words=True), many(3, words=True), many(30, words=True),
        curves(1), curves(2), curves(5), curves(9, 50),
        Plot("zero", "x", "R²", (Line("", [0, 0.01, 0.1, 1], [-9, -3, 0.2, math.nan]),), log_x=True, failed=(1.0,)),
    ],
)  # fmt: skip
def test_every_word_is_inside_and_on_none_other(plot: Plot) -> None:
    check(draw(plot))


def test_panels_side_by_side_too() -> None:
    check(draw(*[curves(5), curves(5)]))


def heat(rows: int, columns: int) -> Heat:
    values = [[math.nan if (r + c) % 7 == 6 else RANDOM.random() for c in range(columns)] for r in range(rows)]
    texts = [["failed" if math.isnan(v) else f"{v:.4f}" for v in row] for row in values]
    return Heat("heat\nmean", "lr", "hidden units", "loss", tuple(f"0.0{r}1" for r in range(rows)),
                tuple(str(16 * c) for c in range(columns)), tuple(map(tuple, values)), tuple(map(tuple, texts)),
                "low")  # fmt: skip


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (3, 3), (12, 12), (30, 25)])
def test_cells_of_heat_maps_can_be_read(rows: int, columns: int) -> None:
    figure = draw(heat(rows, columns))
    check(figure)
    axes = figure.axes[0]
    [image] = axes.get_images()
    for text in axes.texts:
        c, r = text.get_position()
        value = np.asarray(image.get_array())[int(r), int(c)] if text.get_text().startswith("0.") else None
        if value is not None:
            assert contrast(text.get_color(), image.cmap(image.norm(value))) >= 4.5


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_ink_is_readable_on_every_colour(colour: tuple[float, float, float]) -> None:
    assert contrast(ink_on(colour), colour) >= 4.5


def test_names_are_readable_on_white() -> None:
    assert all(contrast(readable(colour), "white") >= 4.5 for colour in COLOURS)


@settings(deadline=None)
@given(st.lists(st.floats(-0.5, 1.5), max_size=20), st.floats(0.001, 0.2))
def test_names_are_moved_apart_in_order(wanted: list[float], gap: float) -> None:
    places = spread_positions(wanted, 0.0, 1.0, gap)
    room = min(gap, 1.0 / max(len(wanted) - 1, 1))
    ordered = sorted(places)
    assert all(b - a >= room - 1e-9 for a, b in itertools.pairwise(ordered))
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    for a, at in zip(wanted, places, strict=True):
        assert all(at > there for b, there in zip(wanted, places, strict=True) if a > b)


def results(folder: Path) -> Path:
    rows = [{"lr": lr, "seed": s, "activation": a, "val_accuracy": 0.5 + 0.1 * k + 0.01 * s}
            for k, lr in enumerate((0.01, 0.1, 1.0)) for s in range(3) for a in ("relu", "tanh")]  # fmt: skip
    return write(folder, [*rows, {"lr": 10.0, "status": "diverged", "error": "inf"}])


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_equal_results_give_equal_files(tmp_path: Path, suffix: str) -> None:
    read = load(results(tmp_path / "r"))
    for name in ("a", "b"):
        [summary] = summarize(read)
        save(draw(effect_plot(summary, "lr")), tmp_path / f"{name}1.{suffix}")
        save(draw(heat_of(summary, "lr", "activation")), tmp_path / f"{name}2.{suffix}")
        save(draw(*reversed(curve_plots(summary, read.epoch_rows))), tmp_path / f"{name}3.{suffix}")
    for number in (1, 2, 3):
        first, second = ((tmp_path / f"{name}{number}.{suffix}").read_bytes() for name in ("a", "b"))
        assert first == second
        assert b"CreationDate" not in first
        assert b"<dc:date>" not in first


def test_text_stays_text(tmp_path: Path) -> None:
    [summary] = summarize(load(results(tmp_path / "r")))
    save(draw(effect_plot(summary, "lr")), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text("utf-8")
    for text in ("effect of lr", "validation accuracy (share right)", "best 0.7100", "no trial has a score"):
        assert text in svg
    save(draw(effect_plot(summary, "lr")), tmp_path / "a.pdf")
    assert b"/FontFile2" in (tmp_path / "a.pdf").read_bytes()  # TrueType, embedded


def test_what_failed_is_shown(tmp_path: Path) -> None:
    [summary] = summarize(load(results(tmp_path / "r")))
    [axes] = draw(effect_plot(summary, "lr")).axes
    assert [np.asarray(line.get_xdata())[0] for line in axes.lines if line.get_marker() == "X"] == [10.0]
    texts = [text.get_text() for text in draw(heat_of(summary, "lr", "activation")).axes[0].texts]
    assert texts.count("failed") == 1
    assert texts.count("") >= 1
