"""Write docs/reproductions.md and the README's sentence on it from results/reproductions.csv."""

import csv
import re
from pathlib import Path
from typing import Any

from mlpctl.display.tables import Cell, Table, to_text
from mlpctl.textbook.figure_check import VERDICTS, headline
from mlpctl.textbook.published import figure_lines

FIGURES_FILE, PAGE = "results/reproductions.csv", "docs/reproductions.md"
FIGURES_COMMAND = f"mlpctl verify --format csv -o {FIGURES_FILE}"
ABOUT = f"""Reference: what the textbooks print, and what mlpctl gets. Printed digits have to be ours where the source
leaves nothing to chance. Where chance plays a part, ours is the mean over seeds or splits, and the printed run is
judged by where 99 % of our single runs lie; beside it stands the width of what we would accept, as a share of the
printed value. A property has to hold for every trial. `{FIGURES_COMMAND}` wrote the figures."""

WHOLE, REAL = {"number", "decimals", "trials"}, {"published", "ours", "low", "high", "width", "percentile"}

BEGIN, END = "<!-- reproductions -->\n", "<!-- /reproductions -->\n"


def reproductions_page(root: Path, notice: str) -> str:
    """Return the page: all experiments in one table, then each with its question, source, command and figures."""
    rows = _rows(root)
    text = f"{notice}\n# Reproductions\n\n{ABOUT}\n\n{headline(str(row['verdict']) for row in rows)}.\n\n"
    meanings: list[dict[str, Cell]] = [{"verdict": name, "meaning": meaning} for name, meaning in VERDICTS.items()]
    text += to_text([Table(["verdict", "meaning"], meanings)], "md")
    experiments = {
        str(row["experiment"]): [one for one in rows if one["experiment"] == row["experiment"]] for row in rows
    }
    lines: list[dict[str, Cell]] = [
        {"experiment": f"[{name}](#{name})", "figures": headline(str(row["verdict"]) for row in own)}
        for name, own in experiments.items()
    ]
    text += "\n" + to_text([Table(["experiment", "figures"], lines)], "md")
    for name, own in experiments.items():
        text += f"\n## {name}\n\n{_heading(root / 'experiments' / f'{name}.toml')}\n\n"
        lines = figure_lines(own)
        text += to_text([Table(list(lines[0]), lines)], "md")
    return text


def readme_with_reproductions(root: Path) -> str:
    """Return the README with its sentence on reproductions brought up to date."""
    text = (root / "README.md").read_text("utf-8")
    counted = headline(str(row["verdict"]) for row in _rows(root))
    told = f"Published figures against ours: {counted} ([all of them]({PAGE})).\n"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: BEGIN + told + END, text, flags=re.DOTALL)


def _rows(root: Path) -> list[dict[str, Any]]:
    """Return the figures of the file, fields of `FigureCheck` with their types."""
    with (root / FIGURES_FILE).open(encoding="utf-8", newline="") as stream:
        return [{name: _typed(name, cell) for name, cell in row.items()} for row in csv.DictReader(stream)]


def _typed(name: str, cell: str) -> str | int | float | None:
    if name in WHOLE | REAL:
        return None if not cell else int(cell) if name in WHOLE else float(cell)
    return cell


def _heading(path: Path) -> str:
    """Return the comment that a file opens with, as Markdown."""
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    text = " ".join(lines)
    text = re.sub(r"Run: (mlpctl \S+ \S+)", r"Run: `\1`.", text).removeprefix("Question: ").replace(" Answer: ", "\n\n")
    return text[:1].upper() + text[1:]
