"""What README and docs say is true: every command runs, every derived page is fresh, the code examples work."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest

from mlpctl import docs
from mlpctl.cli import COMMANDS, load_command
from mlpctl.data.base import Source

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def shown_commands() -> list[str]:
    pages = [README, *(path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md")))]
    lines = [line for page in pages for block in blocks(page, "console") for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def test_every_command_that_is_shown_runs(tmp_path: Path) -> None:
    """In the order of the page and in one folder, as a reader would type them."""
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    environment = {**os.environ, "COLUMNS": "100"}
    for command in shown_commands():
        program, *arguments = shlex.split(command)
        assert program == "mlpctl", command
        done = subprocess.run(
            [sys.executable, "-m", "mlpctl", *arguments], cwd=tmp_path, capture_output=True, text=True, env=environment,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def masked(text: str) -> list[str]:
    """Return lines without their numbers: another processor rounds otherwise and takes another time."""
    return [re.sub(r"\s+", " ", re.sub(r"[0-9]+([.,][0-9]+)*", "#", line)).strip() for line in text.splitlines()]


def test_the_session_of_the_readme_is_real(tmp_path: Path) -> None:
    session = blocks(README, "console")[0]
    command, *printed = session.splitlines()
    done = subprocess.run(
        [sys.executable, "-m", "mlpctl", *shlex.split(command)[2:], "-q"], cwd=tmp_path, capture_output=True, text=True,
        check=True, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    assert masked(done.stdout)[: len(printed)][0] == masked("\n".join(printed))[0]
    assert {line for line in masked(done.stdout) if line} >= {
        line for line in masked("\n".join(printed)) if line and not line.startswith("Best")
    }


def test_every_command_is_in_the_readme() -> None:
    shown = {" ".join(command.split()[1:3]) for command in shown_commands()}
    for name in COMMANDS:
        below = getattr(load_command(name), "commands", None)
        for words in [f"{name} {one}" for one in below] if below else [name]:
            assert any(f"{command} ".startswith(f"{words} ") for command in shown), words


def test_derived_pages_are_fresh() -> None:
    for name, content in docs.pages().items():
        assert (ROOT / name).read_text("utf-8") == content, f"{name} is stale: run `make docs`"


def test_every_experiment_opens_with_its_question_and_command() -> None:
    for path in sorted((ROOT / "experiments").glob("*.toml")):
        head = list(takewhile(lambda line: line.startswith("#"), path.read_text("utf-8").splitlines()))
        assert head[0].startswith("# Question: "), path
        number = path.stem.removeprefix("exercise-")
        commands = [f"sweep experiments/{path.name}", f"verify experiments/{path.name}", f"exercise {number}"]
        assert any(f"# Run: mlpctl {command}" in head for command in commands), path
        from mlpctl.experiment_file import read_experiment

        read_experiment(path)


def test_the_python_of_the_readme_and_of_the_api_s_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = blocks(README, "python")[0]
    exec(session, {})
    assert (tmp_path / "lr.png").is_file()
    (other,) = blocks((ROOT / "docs/api.md").read_text("utf-8"), "python")
    assert set(other.splitlines()) - set(session.splitlines()) == {'results.plot(by="lr")'}


def test_the_ten_lines_of_the_readme_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpctl import data
    from mlpctl.engine.reference import ENGINE
    from mlpctl.registry import REGISTRY
    from mlpctl.spec import make_spec
    from mlpctl.trial import trial_of

    space: dict[str, object] = {}
    _, dataset_lines, model_lines = blocks(README, "python")
    exec(dataset_lines, space)
    exec(model_lines, space)
    monkeypatch.setitem(REGISTRY["dataset"], "disc", "tests.readme_example:DISC")
    monkeypatch.setitem(REGISTRY["model"], "logistic", "tests.readme_example:LOGISTIC")
    import types

    module = types.ModuleType("tests.readme_example")
    module.__dict__.update(space)
    monkeypatch.setitem(sys.modules, "tests.readme_example", module)
    assert isinstance(data.source_of("disc"), Source)
    for model in ("mlp", "logistic"):
        trial = trial_of(make_spec({"dataset": "disc", "model": model, "epochs": 50}))
        session = ENGINE.open("cpu", 1, 1)
        accuracy = list(session.advance([trial.work()]))[-1].scores["val_accuracy"]
        assert accuracy > (0.8 if model == "mlp" else 0.3)
