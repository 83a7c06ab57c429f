"""Results folders that an earlier mlpctl wrote: every command says of them what it said then, and trains nothing again.

The folders and the expected outputs are in tests/golden/eb080f9 (its README.md says how they were made). Each file of
`expected/` has a command in its first line, and below it what that command did: its exit code, stdout, stderr, and
the files that it wrote or changed. Nothing here knows a module of mlpctl: commands run as a user runs them.
"""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.helpers.cli import Cli

OLD = Path(__file__).parent.parent / "golden" / "eb080f9"
EXPECTED = sorted((OLD / "expected").glob("*.txt"))
MOMENTARY = ("environment.json", ".lock")  # what the last run ran on differs from machine to machine
TEXTS = (".csv", ".json", ".md", ".toml", ".txt", ".removed")
SETTINGS = {"COLUMNS": "100", "PYTHONUTF8": "1", "MLPCTL_OFFLINE": "1"}

Done = tuple[int, str, str]
"""Exit code, stdout, stderr."""

Run = Callable[[list[str]], Done]


def command_of(expected: str) -> str:
    """Return the command line of an expected output."""
    return expected.splitlines()[0].removeprefix("$ ")


def in_copy(folder: Path) -> Path:
    """Return the folder with a copy of the old results folders and the files that commands read."""
    shutil.copytree(OLD / "results", folder / "results")
    for path in [*OLD.glob("*.toml"), *OLD.glob("*.csv")]:
        shutil.copy(path, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return path -> content of the files below a folder, but for those that tell of this machine."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in MOMENTARY)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def done(command: str, folder: Path, run: Run) -> str:
    """Run a command in a copy of the old folders and return what it did, in the form of the files of `expected/`."""
    before = contents(in_copy(folder))
    code, out, err = run(shlex.split(command)[1:])
    after = contents(folder)
    parts = [f"$ {command}\nexit code {code}\n", section("stdout", out), section("stderr", err)]
    parts += [f"---- removed {name}\n" for name in sorted(before.keys() - after.keys())]
    parts += [section(f"file {name}", shown(name, after[name])) for name in after if after[name] != before.get(name)]
    return settled("".join(parts), command, folder)


def section(title: str, text: str) -> str:
    """Return a text under its title; nothing for an empty text."""
    return f"---- {title}\n{text.rstrip()}\n" if text else ""


def shown(name: str, content: bytes) -> str:
    """Return of a file what is compared: its text; of a page the words and the data; of a drawing that it is there."""
    if name.endswith(".html"):
        page = Page()
        page.feed(content.decode())
        return "\n".join(page.lines)
    return content.decode() if name.endswith(TEXTS) else "not compared"


class Page(HTMLParser):
    """The words of a page, and the data that its script shows."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what follows: data, something that is neither words nor data, or words."""
        if tag in ("script", "style"):
            self.inside = "data" if ("type", "application/json") in attrs else tag

    def handle_endtag(self, tag: str) -> None:
        """Note that words follow."""
        if tag in ("script", "style"):
            self.inside = ""

    def handle_data(self, data: str) -> None:
        """Keep words, and data with one entry a line."""
        if self.inside == "data":
            self.lines += [f"{name}: {json.dumps(part, sort_keys=True)}" for name, part in json.loads(data).items()]
        elif not self.inside and data.strip():
            self.lines.append(" ".join(data.split()))


def settled(text: str, command: str, folder: Path) -> str:
    """Return what a command did without what differs from machine to machine.

    That is the path of the test's folder, the time and memory that a dry run expects, and the last digits of a
    number: sums by another processor's vectors, in float32 for predictions.
    """
    text = text.replace(str(folder), "FOLDER")
    if "--dry-run" in command:
        text = re.sub(r"^((?:time|memory) +).*$", r"\1…", text, flags=re.MULTILINE)
        text = re.sub("─+", "─", text)  # as long as the time is wide
        text = re.sub(r'("(?:seconds|low|high|memory_bytes)": )[^,\n]*', r"\1…", text)
    text = re.sub(r"(new runs?), about [\d.]+ (?:s|min|h)$", r"\1, about …", text, flags=re.MULTILINE)
    digits = 5 if command.startswith("mlpctl predict") else 9
    return re.sub(r"(?<![\w.])\d+\.\d{5,}(?:e[-+]\d+)?(?![\w.])", lambda found: f"{float(found[0]):.{digits}g}", text)


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.stem)
def test_an_old_results_folder_says_what_it_said(
    path: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)

    def run(arguments: list[str]) -> Done:
        result = cli(*arguments)
        return result.code, result.out, result.err

    expected = path.read_text("utf-8")
    assert done(command_of(expected), tmp_path, run) == expected


def test_a_search_that_its_budget_ended_goes_on_from_its_states(tmp_path: Path, cli: Cli) -> None:
    results = in_copy(tmp_path) / "results" / "stopped"
    before = {name: cells(results / name) for name in ("trials.csv", "epochs.csv")}
    command = command_of((OLD / "expected" / "again-stopped-dry-run.txt").read_text("utf-8"))
    assert cli(*shlex.split(command.removesuffix(" --dry-run"))[1:], "-q").code == 0
    after = {name: cells(results / name) for name in before}
    for name, rows in before.items():  # what was there stays; columns that are newer are empty
        assert [{column: row[column] for column in rows[0]} for row in after[name][: len(rows)]] == rows
    assert len(after["trials.csv"]) == 13  # 9 trials of 1 epoch, 3 of 3, 1 of 9
    assert not (results / "states").exists()  # the search is done


def cells(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file as texts."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def expect_anew(path: Path) -> None:
    """Write an expected output anew, by a process of the installed mlpctl."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLPCTL_")} | SETTINGS

    def run(arguments: list[str]) -> Done:
        result = subprocess.run(
            [sys.executable, "-m", "mlpctl", *arguments],
            cwd=empty, env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        return result.returncode, result.stdout, result.stderr

    command = command_of(path.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as empty:
        path.write_text(done(command, Path(empty), run), "utf-8")


if __name__ == "__main__":  # python -m tests.store.test_old_results [NAME…]
    for chosen in [OLD / "expected" / f"{name}.txt" for name in sys.argv[1:]] or EXPECTED:
        expect_anew(chosen)
