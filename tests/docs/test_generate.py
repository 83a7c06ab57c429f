"""Test README and docs: every command runs, every link leads somewhere, derived pages are fresh."""

import re
import sys
import types
from itertools import takewhile
from pathlib import Path

import pytest

from docs import generate
from mlpctl.cli import COMMANDS, load_command
from mlpctl.data.base import Source
from tests.helpers.pages import PAGES, README, ROOT, Reader, Shown, anchors, blocks, difference, shown, targets

SHOWN = [one for page in PAGES for one in shown(page)]
KINDS = ("Tutorial", "How-to guide", "Reference", "Explanation")
"""Purposes of pages; docs/index.md has a heading for each."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("pages"))


def _case(one: Shown) -> object:
    words = "-".join(one.command.split()[1:3])
    marks = [pytest.mark.xdist_group(one.page.stem)]
    above = [other.command for other in SHOWN if other.page == one.page and other.place <= one.place]
    if any(word in command for command in above for word in ("fashion-mnist", "exercise 5.2")):
        marks.append(pytest.mark.needs("fashion-mnist"))
    return pytest.param(one, id=f"{one.page.stem}-{one.place}-{words}", marks=marks)


@pytest.mark.parametrize("one", [_case(one) for one in SHOWN])
def test_a_command_that_is_shown_runs_and_prints_what_is_shown(one: Shown, reader: Reader) -> None:
    done = reader.type(one)
    assert done.returncode == 0, f"{one.command}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    if one.output.strip():
        assert not difference(one.output, done.stdout)


def test_a_difference_from_what_is_shown_is_found() -> None:
    printed = "lr   mean\n───\n0.1  0.9807\n30 trials in 2.1 s\ndone\n"
    assert not difference("lr mean\n─────\n0.1 0.9731\n30 trials in 11 ms\ndone", printed)
    assert not difference("lr mean\n…\n30 trials in 5 s\n…", printed)
    assert difference("lr mean\n0.1 0.9107\n…", printed) == "shown 0.9107, printed 0.9807"
    assert difference("lr mean\n…\n31 trials in 2 s\n…", printed).startswith("not printed: 31 trials")
    assert difference("lr mean\n0.1 0.9807", printed).startswith("printed, but not shown: 30 trials")


def test_every_command_is_shown() -> None:
    known = {" ".join(one.command.split()[1:3]) for one in SHOWN}
    for name in COMMANDS:
        below = getattr(load_command(name), "commands", None)
        for words in [f"{name} {one}" for one in below] if below else [name]:
            assert any(f"{command} ".startswith(f"{words} ") for command in known), words


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in targets(page):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_names_its_purpose_and_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    listed = {}
    for section in index.read_text("utf-8").split("\n## ")[1:]:
        (heading, *_) = section.splitlines()
        for name in re.findall(r"\]\((\S+\.md)\)", section):
            listed[ROOT / "docs" / name] = heading.removesuffix("s")
    assert set(listed.values()) == {*KINDS}
    assert set(listed) == {*PAGES} - {README, index}
    for page, kind in listed.items():
        opening = re.search(r"^# .+\n\n(.+)", page.read_text("utf-8"), re.MULTILINE)
        assert opening is not None
        assert opening[1].startswith(f"{kind}: "), page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_of_code_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"(?<![\w./-])((?:[a-z_]+/)+[a-z_]+\.py)\b", page.read_text("utf-8")))
    folders = set(re.findall(r"`((?:[a-z_]+/)+)`", page.read_text("utf-8"))) if page.stem == "architecture" else set()
    places = (ROOT, ROOT / "mlpctl")
    assert not [name for name in sorted(named | folders) if not any((place / name).exists() for place in places)]


def test_derived_pages_are_fresh() -> None:
    for name, content in generate.pages().items():
        assert (ROOT / name).read_text("utf-8") == content, f"{name} is stale: run `make docs`"


def test_every_experiment_opens_with_its_question_and_command() -> None:
    for path in sorted((ROOT / "experiments").glob("*.toml")):
        head = list(takewhile(lambda line: line.startswith("#"), path.read_text("utf-8").splitlines()))
        assert head[0].startswith("# Question: "), path
        number = path.stem.removeprefix("exercise-")
        commands = [f"sweep experiments/{path.name}", f"verify experiments/{path.name}", f"exercise {number}"]
        assert any(f"# Run: mlpctl {command}" in head for command in commands), path
        from mlpctl.runner.experiment_file import read_experiment

        read_experiment(path)


def test_the_python_of_the_api_s_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (session,) = blocks(ROOT / "docs" / "api.md", "python")
    space: dict[str, object] = {}
    exec(session, space)
    assert "results" in space


def test_a_dataset_and_a_model_of_ten_lines_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpctl import data
    from mlpctl.engines.reference import ENGINE
    from mlpctl.registry import REGISTRY
    from mlpctl.runner.trial import trial_of
    from mlpctl.spec import make_spec

    space: dict[str, object] = {}
    dataset_lines, model_lines = blocks(ROOT / "docs" / "extend.md", "python")
    exec(dataset_lines, space)
    exec(model_lines, space)
    monkeypatch.setitem(REGISTRY["dataset"], "disc", "tests.example:DISC")
    monkeypatch.setitem(REGISTRY["model"], "logistic", "tests.example:LOGISTIC")
    module = types.ModuleType("tests.example")
    module.__dict__.update(space)
    monkeypatch.setitem(sys.modules, "tests.example", module)
    assert isinstance(data.source_of("disc"), Source)
    for model in ("mlp", "logistic"):
        trial = trial_of(make_spec({"dataset": "disc", "model": model, "epochs": 50}))
        session = ENGINE.open("cpu", 1, 1)
        accuracy = list(session.advance([trial.work()]))[-1].scores["val_accuracy"]
        assert accuracy > (0.8 if model == "mlp" else 0.3)
