"""Write docs/reproductions.md and the README's sentence on it from results/reproductions.csv."""

import csv
import re
from pathlib import Path

from mlpctl.display.tables import Cell, Table, as_chosen, for_people, to_text

FIGURES_FILE, PAGE = "results/reproductions.csv", "docs/reproductions.md"
FIGURES_COMMAND = f"mlpctl verify --format csv -o {FIGURES_FILE}"
ABOUT = f"""Reference: what the textbooks print, and what mlpctl gets. Where chance plays a part, ours is the mean over
seeds or splits, and a single published run is judged by where 99 % of our single runs lie; properties and bounds
have to hold for every trial. `{FIGURES_COMMAND}` wrote the figures."""

BEGIN, END = "<!-- reproductions -->\n", "<!-- /reproductions -->\n"


def reproductions_page(root: Path, notice: str) -> str:
    """Return the page: all experiments in one table, then each with its question, source, command and figures."""
    text = f"{notice}\n# Reproductions\n\n{ABOUT}\n"
    rows = _rows(root)
    experiments = {row["experiment"]: [one for one in rows if one["experiment"] == row["experiment"]] for row in rows}
    lines: list[dict[str, Cell]] = [
        {
            "experiment": f"[{name}](#{name})",
            "figures": len(own),
            "reproduced": _reproduced(own),
            "the first of them": _first(own[0]),
        }
        for name, own in experiments.items()
    ]
    text += "\n" + to_text([Table(["experiment", "figures", "reproduced", "the first of them"], lines)], "md")
    for name, own in experiments.items():
        text += f"\n## {name}\n\n{_heading(root / 'experiments' / f'{name}.toml')}\n\n"
        columns = ["figure", "published", "ours", "interval", "trials", "verdict", "why"]
        text += to_text([Table(columns, [_line(row) for row in own])], "md")
    return text


def readme_with_reproductions(root: Path) -> str:
    """Return the README with its sentence on reproductions brought up to date."""
    text = (root / "README.md").read_text("utf-8")
    rows = _rows(root)
    told = f"{_reproduced(rows)} of {len(rows)} published figures are reproduced: [all of them]({PAGE}).\n"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: BEGIN + told + END, text, flags=re.DOTALL)


def _reproduced(rows: list[dict[str, str]]) -> int:
    return sum(row["verdict"] == "reproduced" for row in rows)


def _rows(root: Path) -> list[dict[str, str]]:
    with (root / FIGURES_FILE).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _heading(path: Path) -> str:
    """Return the comment that a file opens with, as Markdown."""
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    text = " ".join(lines)
    text = re.sub(r"Run: (mlpctl \S+ \S+)", r"Run: `\1`.", text).removeprefix("Question: ")
    return text[:1].upper() + text[1:]


def _line(row: dict[str, str]) -> dict[str, str | None]:
    low, high = row["low"], row["high"]
    return {
        "figure": row["figure"],
        "published": as_chosen(float(row["published"])) if row["published"] else None,
        "ours": for_people(float(row["ours"])) if row["ours"] else None,
        "interval": f"{for_people(float(low))} to {for_people(float(high))}" if low else None,
        **{name: row[name] for name in ("trials", "verdict", "why")},
    }


def _first(row: dict[str, str]) -> str:
    line = _line(row)
    published = f"published {line['published']}, ours {line['ours']}" if line["published"] else f"ours {line['ours']}"
    return f"{row['figure']}: {published}"
