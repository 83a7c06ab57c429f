"""The page in a real Chromium: it sorts, filters, prints; on a phone, in the dark, by keyboard, with hostile names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from mlpctl.report.page.write import write_page
from mlpctl.report.summary import summarize
from mlpctl.store.results import load
from tests.helpers.browser import DRAWN, Scheme, launched, opened
from tests.helpers.synthetic import conditional, known, write, write_many

pytestmark = pytest.mark.needs("chromium")

SORTED = "th[aria-sort]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


def page_of(folder: Path) -> Path:
    """Write the page of a results folder beside it."""
    results = load(folder)
    path = folder.with_suffix(".html")
    write_page(results, summarize(results), path)
    return path


@pytest.fixture(scope="module")
def simple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_of(known(tmp_path_factory.mktemp("simple") / "r"))


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_of(conditional(tmp_path_factory.mktemp("halves") / "r"))


def column(page: Page, table: str, name: str) -> list[str]:
    """Return the cells of a column that are shown, top to bottom."""
    heads = page.locator(f"#{table} thead th").all_inner_texts()
    place = [head.strip(" ▲▼") for head in heads].index(name) + 1
    return page.locator(f"#{table} tbody tr > :nth-child({place})").all_inner_texts()


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def test_the_first_screen_answers_and_its_table_sorts_by_mouse_and_keyboard(browser: Browser, simple: Path) -> None:
    with opened(browser, simple) as one:
        for question, answer in (
            ("Answer", "hidden_units 16, lr 0.1"),
            ("How sure?", "Yes: "),
            ("What matters?", "lr "),
        ):
            card = one.page.locator(".card", has=one.page.get_by_role("heading", name=question, exact=True))
            assert card.locator(".headline").inner_text().startswith(answer)
            box = card.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 800
        assert one.page.title() == "iris (r)"

        table = "part-0-configurations"
        first = column(one.page, table, "rank")
        button = one.page.locator(f"#{table} thead button", has_text="lr")
        button.click()
        assert column(one.page, table, "lr") == ["0.001"] * 2 + ["0.01"] * 2 + ["0.1"] * 2 + ["1"] * 2
        assert one.page.locator(f"#{table} {SORTED}").get_attribute("aria-sort") == "ascending"
        one.page.keyboard.press("Enter")
        assert column(one.page, table, "lr")[0] == "1"
        assert one.page.locator(f"#{table} {SORTED}").get_attribute("aria-sort") == "descending"
        one.page.keyboard.press("Space")
        assert one.page.locator(f"#{table} {SORTED}").count() == 0
        assert column(one.page, table, "rank") == first
        one.page.keyboard.press("Tab")  # to the next header, which shows that it has the focus
        style = "getComputedStyle(document.activeElement).outlineStyle"
        assert one.page.evaluate(f"[document.activeElement.tagName, {style}]") == ["BUTTON", "solid"]


def test_filters_pick_rows_and_lines_and_the_heat_map_takes_other_axes(browser: Browser, halves: Path) -> None:
    with opened(browser, halves) as one:
        written = one.page.locator("#part-0-parallel .annotation-text").all_text_contents()
        assert "—" in written
        assert {"0.5", "0.9", "sgd", "momentum", "optimizer", "validation accuracy"} <= set(written)
        lines = one.page.locator("#part-0-parallel .scatterlayer path.js-line").all()
        ends = sum((line.get_attribute("d") or "").count("M") for line in lines)
        assert ends == 6  # a line for every configuration, none left out

        table = "part-0-configurations"
        assert len(column(one.page, table, "rank")) == 6
        one.page.locator(f"#{table}-filters summary").press("Enter")
        one.page.locator(f"#{table}-pick-momentum").select_option("—")
        assert column(one.page, table, "optimizer") == ["sgd", "sgd"]
        assert "1–2 of 2, picked from 6" in one.page.locator(f"#{table}-pager").inner_text()
        label = one.page.locator("#part-0-parallel .plot").get_attribute("aria-label")
        assert label is not None
        assert "2 configurations" in label  # the plot below shows what the filter lets through
        one.page.locator(f"#{table}-filters button").press("Enter")
        assert len(column(one.page, table, "rank")) == 6
        one.page.locator(f"#{table}-search").press_sequentially("momentum lr 0.01")
        assert set(column(one.page, table, "lr")) == {"0.01"}
        one.page.locator("#part-0-trials-filters summary").click()
        one.page.locator("#part-0-trials-filters input[aria-label='val accuracy from']").fill("0.88")
        scores = [float(cell) for cell in column(one.page, "part-0-trials", "val accuracy")]
        assert scores
        assert min(scores) >= 0.88

        one.page.get_by_label("Down").select_option("momentum")
        one.page.get_by_label("Across").select_option("optimizer")
        label = one.page.locator("#part-0-together .plot").get_attribute("aria-label")
        assert label is not None
        assert "by momentum and optimizer" in label
        one.page.locator("#part-0-together summary").click()
        rows = [row.split("\t") for row in one.page.locator("#part-0-together tbody").inner_text().splitlines()]
        assert [row[0] for row in rows] == ["0.5", "0.9", "—"]
        assert [cell == "not run" for cell in rows[2][1:]] == [True, False]  # momentum, sgd


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chart_shows_classes_by_colour_and_by_word(
    browser: Browser, simple: Path, width: int, scheme: Scheme
) -> None:
    with opened(browser, simple, width=width, scheme=scheme) as one:
        chart = one.page.locator("#part-0-settings")
        words = chart.locator(".annotation-text").all_text_contents()
        assert words[1::2] == ["best", *["worse"] * 7]
        assert chart.locator(".scatterlayer .trace").last.locator("path.point").count() == 8
        fills = [node.evaluate("node => node.style.fill") for node in chart.locator(".annotation-text").all()[1::2]]
        assert len(set(fills)) == 2
        heat = one.page.locator("#part-0-together")
        assert heat.locator(".shapelayer path").count() == 1
        boxes = [node.bounding_box() for node in (chart, heat)]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert (boxes[1]["x"] > boxes[0]["x"] + boxes[0]["width"]) == (width == 1280)  # beside it, or below
        one.page.get_by_text("What do these words mean?").click()
        assert one.page.locator("#part-0-words dt").all_inner_texts()[4:8] == [
            "best", "close", "behind, unproven", "worse",
        ]  # fmt: skip
        assert overflow(one.page) == 0


def test_a_screen_reader_finds_its_way(browser: Browser, halves: Path) -> None:
    with opened(browser, halves) as one:
        assert one.page.locator("html").get_attribute("lang") == "en"
        assert one.page.locator("main, nav[aria-label], footer").count() == 3
        assert one.page.locator("h1").count() == 1
        for section in one.page.locator("section").all():
            assert section.get_attribute("aria-label") or section.get_attribute("aria-labelledby")
        named = set(
            one.page.evaluate(
                "[...document.querySelectorAll('[aria-labelledby]')].map(n => n.getAttribute('aria-labelledby'))"
            )
        )
        assert named <= set(one.page.evaluate("[...document.querySelectorAll('[id]')].map(n => n.id)"))
        for plot in one.page.locator(".plot").all():
            assert plot.get_attribute("role") == "img"
            assert len(plot.get_attribute("aria-label") or "") > 20
        assert one.page.locator("table:not(:has(caption))").count() == 0
        assert one.page.locator("th:not([scope])").count() == 0
        assert one.page.locator("input:not([aria-label]):not(label input), select:not(label select)").count() == 0
        one.page.keyboard.press("Tab")
        assert one.page.evaluate("document.activeElement.className") == "skip"
        one.page.keyboard.press("Enter")
        assert one.page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_it_fits_any_width_in_light_and_dark(browser: Browser, halves: Path, width: int, scheme: Scheme) -> None:
    with opened(browser, halves, width=width, scheme=scheme) as one:
        assert overflow(one.page) == 0
        for filters in one.page.locator(".filters summary").all():
            filters.click()
        for details in one.page.locator("figure summary, footer summary").all():
            details.click()
        assert overflow(one.page) == 0
        paper, ink = one.page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
            ".map(text => text.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + +part, 0) / 765)"
        )
        assert (paper > 0.9 and ink < 0.2) if scheme == "light" else (paper < 0.2 and ink > 0.8)
        drawn = one.page.locator("figure .main-svg").first
        assert drawn.count() == 1
        tick = one.page.locator("figure .annotation-text").first.evaluate("node => node.style.fill")
        levels = [int(part) for part in tick.removeprefix("rgb(").removesuffix(")").split(",")]
        assert (sum(levels) / 765 > 0.5) == (scheme == "dark")


def test_what_users_typed_is_text(browser: Browser, tmp_path: Path) -> None:
    evil = "</script><script>document.title='pwned'</script><img src=x onerror=alert(1)><b>"
    rows: list[dict[str, Any]] = [
        {"dataset": evil, "activation": name, "lr": lr, "seed": seed, "val_accuracy": 0.5 + lr + seed / 100}
        for name in (evil, "&lt;i&gt;") for lr in (0.1, 0.2) for seed in (0, 1)
    ]  # fmt: skip
    rows.append({"dataset": evil, "status": "crashed", "error": evil, "lr": 0.3})
    experiment = {"name": evil, "spec": {"dataset": evil}, "axes": {"activation": [evil], "lr": [0.1, 0.2, 0.3]}}
    with opened(browser, page_of(write(tmp_path / "<script>r", rows, experiment=experiment))) as one:
        assert one.page.locator("h1").inner_text() == f"{evil} (<script>r)"
        assert one.page.title() == f"{evil} (<script>r)"
        assert one.page.locator("main img, main b:not(.bar b, .range b), svg b, svg a").count() == 0
        assert evil in column(one.page, "part-0-configurations", "activation")
        assert "&lt;i&gt;" in column(one.page, "part-0-configurations", "activation")
        written = one.page.locator("#part-0-parallel .annotation-text").all_text_contents()
        assert evil in written
        assert "&lt;i&gt;" in written
        one.page.locator("#experiment-0 summary").click()
        assert evil in one.page.locator("#experiment-0 pre").inner_text()


def test_it_prints_in_light_and_without_controls(browser: Browser, halves: Path) -> None:
    with opened(browser, halves, scheme="dark") as one:
        one.page.emulate_media(media="print")
        assert one.page.locator("nav").first.is_hidden()
        assert one.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert len(one.page.pdf()) > 50_000


def test_without_scripts_the_answers_are_there(browser: Browser, simple: Path) -> None:
    with opened(browser, simple, java_script_enabled=False) as one:
        said = one.page.locator(".headline").all_inner_texts()
        assert [text.split(",")[0].split(":")[0].split(" ")[0] for text in said] == ["hidden_units", "Yes", "lr"]
        assert one.page.locator("noscript").is_visible()


def test_a_hundred_thousand_trials_are_usable(browser: Browser, tmp_path: Path) -> None:
    path = page_of(write_many(tmp_path / "r", 100_000))
    assert path.stat().st_size < 6_000_000
    with opened(browser, path, width=390) as one:
        assert "Listed are 20,000 of 100,000 trials" in one.page.locator("main").inner_text()
        one.page.locator("#part-0-trials-filters summary").click()
        one.page.locator("#part-0-trials-pick-status").select_option("diverged")
        expect(one.page.locator("#part-0-trials-pager")).to_contain_text("picked from 20,000")
        assert set(column(one.page, "part-0-trials", "status")) == {"diverged"}
        one.page.locator("#part-0-trials thead button", has_text="lr").click()
        rates = [float(rate) for rate in column(one.page, "part-0-trials", "lr")]
        assert rates == sorted(rates)
        assert overflow(one.page) == 0
        assert one.page.locator(DRAWN).count() == 1
