"""The pages of the documentation as data: blocks, files, links, and commands with what they print."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
TIME = re.compile(r"\d+(?:\.\d+)?(?:e\d+)? (?:ns|µs|ms|s|min)\b|\b\d+:\d\d(?::\d\d)?\b")


@dataclass(frozen=True)
class Shown:
    """A command that a page shows, at its place among the page's commands, with what it prints, as far as shown."""

    page: Path
    place: int
    command: str
    output: str


def masked(text: str) -> list[str]:
    """Return lines without their numbers: another processor rounds otherwise and takes another time."""
    return [re.sub(r"\s+", " ", re.sub(r"[0-9]+([.,][0-9]+)*", "#", line)).strip() for line in text.splitlines()]


def blocks(page: Path, language: str) -> list[str]:
    """Return the contents of a page's fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def files(page: Path) -> dict[str, str]:
    """Return name -> content of the files that the reader of a page is told to save."""
    pattern = r"Save this as `(\S+?)`:\n\n```\w+\n(.*?)^```"
    return dict(re.findall(pattern, page.read_text("utf-8"), re.MULTILINE | re.DOTALL))


def shown(page: Path) -> list[Shown]:
    """Return the commands that a page shows, in its order."""
    texts = [text for block in blocks(page, "console") for text in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [Shown(page, place, *text.split("\n", 1)) for place, text in enumerate(texts, 1)]


def targets(page: Path) -> list[str]:
    """Return what the links and images of a page point to, addresses of the web left out."""
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and GitLab name them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


class Reader:
    """Types the commands of each page in an empty folder: in the page's order, and each of them once."""

    def __init__(self, folder: Path) -> None:
        """Keep the folders of the pages in a folder."""
        self.folder = folder
        self.done: dict[Shown, subprocess.CompletedProcess[str]] = {}

    def type(self, one: Shown) -> subprocess.CompletedProcess[str]:
        """Return what became of a command, after the page's commands before it."""
        folder = self.folder / one.page.stem
        if not folder.exists():
            shutil.copytree(ROOT / "experiments", folder / "experiments")
            for name, content in files(one.page).items():
                (folder / name).write_text(content, "utf-8")
        for each in shown(one.page)[: one.place]:
            if each not in self.done:
                self.done[each] = run(each.command, folder)
        return self.done[one]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `mlpctl …` in a folder, on a terminal of 100 columns."""
    program, *arguments = shlex.split(command)
    assert program == "mlpctl", command
    return subprocess.run(
        [sys.executable, "-m", "mlpctl", *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip


def difference(told: str, printed: str) -> str:
    """Return the first difference of what a page shows from what was printed, or nothing.

    "…" on a line of its own stands for any lines. Times are not compared. Whole numbers are equal; others may be 0.02
    or 2 % apart, since processors round otherwise. Spaces, line breaks and rules follow from the numbers' widths.
    """
    rest = _words(printed)
    for nth, part in enumerate(re.split(r"^…$", told, flags=re.MULTILINE)):
        words = _words(part)
        starts = range(len(rest)) if nth else (0,)
        start = next((start for start in starts if not _differs(words, rest[start:])), None) if words else 0
        if start is None:
            return _differs(words, rest) if not nth else f"not printed: {' '.join(words[:12])} …"
        rest = rest[start + len(words) :]
    open_end = told.rstrip().endswith("…")
    return "" if not rest or open_end else f"printed, but not shown: {' '.join(rest[:12])} …"


def _words(text: str) -> list[str]:
    return [word for word in TIME.sub("TIME", text).split() if not re.fullmatch("─+", word)]


def _differs(words: list[str], printed: list[str]) -> str:
    """Return the first difference of words from as many that were printed, or nothing."""
    for word, other in zip_longest(words, printed[: len(words)], fillvalue=""):
        numbers = list(zip_longest(NUMBER.findall(word), NUMBER.findall(other), fillvalue=""))
        if NUMBER.sub("#", word) != NUMBER.sub("#", other) or not all(_close(*pair) for pair in numbers):
            return f"shown {word}, printed {other}"
    return ""


def _close(one: str, other: str) -> bool:
    if "." not in one + other:
        return one == other
    a, b = (float(number.replace(",", "")) for number in (one, other))
    return abs(a - b) <= max(0.02, 0.02 * abs(b))
