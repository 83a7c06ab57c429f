"""The data of the page: what it shows is what the summary says, and nothing in it can end the page's own HTML."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpctl.report.dataframes import summary_frame
from mlpctl.report.ending import best_passage, sure_passage
from mlpctl.report.figures.effects import effect_of
from mlpctl.report.page.content import MOST_ROWS, part_of, reproducing
from mlpctl.report.page.encode import html_safe_json
from mlpctl.report.page.write import write_page
from mlpctl.report.summary import Summary, summarize
from mlpctl.store.results import ResultsFolders, load
from tests.helpers.cli import Cli
from tests.helpers.synthetic import conditional, known, write, write_many


def one(folder: Path) -> tuple[Summary, ResultsFolders]:
    results = load(folder)
    [summary] = summarize(results)
    return summary, results


def decoded(columns: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return name -> values, as the page's script decodes them."""
    return {
        column["name"]: column["values"] if "values" in column
        else [None if code < 0 else column["levels"][code] for code in column["codes"]]
        for column in columns
    }  # fmt: skip


def test_the_tables_of_the_page_are_those_of_the_summary(tmp_path: Path) -> None:
    summary, results = one(known(tmp_path / "r"))
    data = part_of(summary, results).data
    configurations = decoded(data["configurations"])
    for name in ("mean", "low", "high"):
        assert configurations[name] == pytest.approx(summary.configurations[name].tolist(), rel=1e-5)
    assert configurations["lr"] == summary.configurations["lr"].tolist()
    assert configurations["verdict"][0] == "best"
    assert set(configurations["verdict"][1:]) == {"worse"}
    trials = decoded(data["trials"])
    by_key = summary.trials.set_index("key")
    assert trials["val accuracy"] == pytest.approx(by_key.loc[trials["trial"], "val_accuracy"].tolist(), rel=1e-5)
    assert trials["rank"] == sorted(trials["rank"])
    assert not any("test" in name for name in trials)  # the test set is scored for the chosen configuration alone


def test_the_plots_draw_what_the_summary_says(tmp_path: Path) -> None:
    summary, results = one(known(tmp_path / "r"))
    data = part_of(summary, results).data
    drawn = {effect["axis"]: effect for effect in data["effects"]}
    for name in ("lr", "hidden_units"):
        effect, expected = drawn[name.replace("_", " ")], effect_of(summary, name)
        assert effect["x"] == expected[name].tolist()
        for column in ("mean", "low", "high"):
            assert effect[column] == pytest.approx(expected[column].tolist(), rel=1e-5)
    assert drawn["lr"]["scale"] == "log"
    [pair] = data["pairs"]
    rows, columns = (data["axes"][pair[name]] for name in ("rows", "columns"))
    cells = summary_frame(summary.trials, ["lr", "hidden_units"], summary.column).set_index(["lr", "hidden_units"])[
        "mean"
    ]
    for r, row in enumerate(rows["values"]):
        for c, column in enumerate(columns["values"]):
            at = {rows["label"]: float(row), columns["label"]: float(column)}
            assert pair["mean"][r][c] == pytest.approx(cells[at["lr"], at["hidden units"]], rel=1e-5)
    best = data["curves"]["curves"][0]
    assert (best["place"], best["epoch"]) == (1, [1, 2])
    assert best["mean"][-1] == pytest.approx(summary.configurations["mean"].iloc[0], rel=1e-5)


def test_what_matters_most_comes_first(tmp_path: Path) -> None:
    summary, results = one(known(tmp_path / "r"))
    part = part_of(summary, results)
    assert [axis["label"] for axis in part.data["axes"]] == ["lr", "hidden units"]
    assert re.fullmatch(r"lr \d+ % of the differences", part.cards["What matters?"].headline)
    assert [bar["label"] for bar in part.bars] == ["lr", "hidden_units", "combination"]


def test_an_axis_that_some_trials_do_not_have_has_a_place_for_them(tmp_path: Path) -> None:
    summary, results = one(conditional(tmp_path / "r"))
    data = part_of(summary, results).data
    assert {axis["label"] for axis in data["axes"]} == {"optimizer", "lr", "momentum"}  # batch size follows from these
    momentum = next(effect for effect in data["effects"] if effect["axis"] == "momentum")
    assert (momentum["values"], momentum["scale"], momentum["n"]) == (["0.5", "0.9", "—"], "words", [6, 6, 6])
    column = next(column for column in data["configurations"] if column["name"] == "momentum")
    [values] = [values for name, values in decoded([column]).items()]
    assert [place == 2 for place in column["places"]] == [value is None for value in values]


def test_a_range_is_cut_into_classes_and_what_is_not_listed_is_said(tmp_path: Path) -> None:
    summary, results = one(write_many(tmp_path / "r", MOST_ROWS + 5000))
    part = part_of(summary, results)
    lr = next(effect for effect in part.data["effects"] if effect["axis"] == "lr")
    assert (len(lr["values"]), lr["classes"], sum(lr["n"])) == (8, True, summary.statuses["ok"])
    assert 100 < len(lr["points"]) <= 400
    trials = decoded(part.data["trials"])
    assert len(trials["trial"]) == MOST_ROWS
    assert trials["status"].count("diverged") == summary.statuses["diverged"]
    assert part.left_out[0].startswith(f"Listed are {MOST_ROWS:,} of 25,000 trials")
    assert len(html_safe_json(part.data)) < 3_000_000


def test_drawn_values_that_repeat_are_cut_into_classes_that_have_trials(tmp_path: Path) -> None:
    epochs, batches = [1] * 30 + [3] * 10 + [9, *range(10, 18)], [*range(2, 51)]
    rows = [
        {"epochs": n, "batch_size": str(m), "lr": 0.1 * m, "val_accuracy": 0.5, "config": f"{n} {m}"}
        for n, m in zip(epochs, batches, strict=True)
    ]  # fmt: skip
    drawn = {"axes": {name: {"low": 1, "high": 60} for name in ("epochs", "batch_size")}}
    summary, results = one(write(tmp_path / "r", rows, experiment=drawn))
    effects = {effect["axis"]: effect for effect in part_of(summary, results).data["effects"]}
    for effect in effects.values():
        assert len(effect["values"]) == len(set(effect["values"])) == len(effect["n"])
        assert sum(effect["n"]) == len(rows)
    assert (effects["epochs"]["values"][0], effects["epochs"]["n"][0]) == ("1 – 3", 40)
    batch = next(effect for name, effect in effects.items() if name.startswith("batch size"))
    assert sorted(x for x, _ in batch["points"]) == batches


@pytest.mark.parametrize(("noise", "seeds", "headline"), [
    (0.001, 3, "Yes: it is better than all 7 others; chance is allowed for."),
    (0.2, 3, "Not yet: 3 seeds are few."),
    (0.001, 1, "Unknown: with one seed each, a difference may be chance."),
])  # fmt: skip
def test_it_says_what_the_terminal_says(tmp_path: Path, noise: float, seeds: int, headline: str) -> None:
    summary, results = one(known(tmp_path / "r", noise=noise, seeds=seeds))
    cards = part_of(summary, results).cards
    assert cards["How sure?"].headline == headline
    answer, sure = best_passage(summary), sure_passage(summary, results)
    assert sure is not None
    assert [cards["Answer"].headline, *cards["Answer"].sentences] == answer.sentences
    said = [cards["How sure?"].headline, *cards["How sure?"].sentences]
    following = cards["How sure?"]
    assert said + [f"Next: {following.command}; {following.about}"] * bool(following.command) == sure.sentences


def test_the_chart_has_every_setting_with_its_seeds_and_its_class(tmp_path: Path) -> None:
    summary, results = one(known(tmp_path / "r"))
    chart = part_of(summary, results).data["settings"]
    assert chart["more"] == 0
    assert [row["mean"] for row in chart["rows"]] == pytest.approx(summary.configurations["mean"].tolist(), rel=1e-5)
    assert [row["class"] for row in chart["rows"]] == summary.configurations["verdict"].tolist()
    for row in chart["rows"]:
        assert sum(row["seeds"]) / len(row["seeds"]) == pytest.approx(row["mean"], rel=1e-5)
    alone, results = one(known(tmp_path / "one", seeds=1))
    assert [row["class"] for row in part_of(alone, results).data["settings"]["rows"]] == ["best"] + [""] * 7


def test_the_chart_of_many_settings_says_how_many_more_there_are(tmp_path: Path) -> None:
    summary, results = one(write_many(tmp_path / "r", 500))
    chart = part_of(summary, results).data["settings"]
    assert (len(chart["rows"]), len(chart["rows"]) + chart["more"]) == (20, int((summary.ranked["n"] > 0).sum()))


@given(
    st.recursive(
        st.text() | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_on_the_page_means_what_it_says_and_has_no_markup(content: Any) -> None:
    text = html_safe_json(content)
    assert json.loads(text) == content
    assert not re.search("[<>&\u2028\u2029]", text)


def test_the_command_on_the_page_makes_the_results_again(cli: Cli) -> None:
    assert (
        cli("sweep", "--dataset", "iris", "-a", "lr=0.01,0.1", "--seeds", 2, "--epochs", 2, "--name", "first").code == 0
    )
    [made] = reproducing(load("results/first"))
    program, *arguments = shlex.split(made["command"])
    assert program == "mlpctl"
    assert cli(*arguments).code == 0
    first, again = (load(f"results/{name}").trials.set_index("key") for name in ("first", "first-again"))
    assert again.loc[first.index, "val_accuracy"].tolist() == first["val_accuracy"].tolist()


def test_the_option_writes_the_page_beside_the_tables(cli: Cli, tmp_path: Path) -> None:
    known(tmp_path / "r")
    done = cli("report", "r", "--html", "out/page.html", "--by", "lr")
    assert done.code == 0
    assert "by lr" in done.out
    page = (tmp_path / "out" / "page.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page.split('id="plotly"')[0])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["page.html"]  # nothing half-written is left


@pytest.mark.parametrize("name", ["r/trials.csv", "-", "folder.html"])
def test_a_slip_does_not_overwrite_results(cli: Cli, tmp_path: Path, name: str) -> None:
    before = (known(tmp_path / "r") / "trials.csv").read_bytes()
    (tmp_path / "folder.html").mkdir()
    done = cli("report", "r", "--html", name)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "--html writes a file that ends in .html" in done.err
    assert (tmp_path / "r" / "trials.csv").read_bytes() == before


def test_no_trial_is_no_page(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "r", [])
    done = cli("report", "r", "--html", "page.html")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert not (tmp_path / "page.html").exists()


def test_a_page_that_cannot_be_written_is_one_line(cli: Cli, tmp_path: Path) -> None:
    known(tmp_path / "r")
    (tmp_path / "file").write_text("")
    done = cli("report", "r", "--html", "file/page.html")
    assert done.code == 2
    assert "cannot write file/page.html" in done.err


def test_results_without_an_experiment_several_datasets_and_no_score_have_a_page(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"val_accuracy": 0.5},
        {"dataset": "wine", "status": "diverged", "error": "not finite"},
    ]
    results = load(write(tmp_path / "r", rows))
    write_page(results, summarize(results), tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text("utf-8")
    for words in ("2 datasets (r)", "No run has a score", "There is nothing to compare", "r has no experiment.toml"):
        assert words in page
