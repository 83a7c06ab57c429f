"""Say in words what a sweep found: BEST, SURE?, the settings, MATTERS, NOTE, and where to read more."""

from collections.abc import Mapping

import numpy as np

from mlpctl.display.passages import Line, Passage
from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.display.text import duration
from mlpctl.report.conclusion import NextRuns, gaps_by_standing, next_runs, sure_of
from mlpctl.report.failures import first_notes, retry_note
from mlpctl.report.grouping import codes_of
from mlpctl.report.statistics.edges import edge_notes
from mlpctl.report.summary import TOLD, Summary
from mlpctl.report.tables import STANDINGS, counted, examples_told, heading, rows_of, setting_of, with_interval
from mlpctl.store.results import ResultsFolders

FEW_SEEDS = 10
"""Below so many seeds chance can be large."""

BESIDE = 7
"""Terminal cells of the labels BEST and SURE?."""

COLOURS = {"best": "green", "close": "cyan", "behind": "yellow", "worse": "red"}
"""Colours of the classes; their words say the same."""


def ending(
    summary: Summary,
    results: ResultsFolders,
    why: Table | None,
    *,
    top: int = 10,
    stats: bool = False,
    shares: bool = False,
) -> list[Table | Passage]:
    """Return what a report says of one dataset.

    Args:
        summary: of it.
        results: all that was read.
        why: importance of the axes; None where nothing varies.
        top: settings to list.
        stats: tell intervals and p values in full.
        shares: tell the importance as a table.
    """
    told: list[Table | Passage | None] = [
        _header(summary, results),
        best_passage(summary, stats=stats),
        sure_passage(summary, results),
        _settings(summary, top, stats=stats),
    ]
    if why is not None and (shares or not why.rows):
        told.append(why if why.rows else Passage("MATTERS", [[(why.notes[0],)]]))
    elif why is not None:
        told.append(Passage("MATTERS", [[(", ".join(shares_told(why)),)]]))
    if notes := [*notes_of(summary), *(summary.doubts if stats else ())]:
        told.append(Passage("NOTE", [[(note,)] for note in notes]))
    told.append(_failures(summary))
    return [part for part in told if part is not None]


def more(summary: Summary, results: ResultsFolders) -> Passage:
    """Return the commands that show more."""
    command = " ".join(["mlpctl report", *map(str, results.folders)])
    axis = max(summary.varied, key=lambda name: len(codes_of(summary.rows[name])[1]), default=None)
    options = ["--html page.html", "--stats", f"--by {axis}" if axis else "--curves -"]
    return Passage("", [[(f"More: {command}", " | ".join(options))]])


def notes_of(summary: Summary) -> list[str]:
    """Return what a reader has to know beside the answer: doubtful scores, and a best value at an end of its axis."""
    return [*summary.notes, *edge_notes(summary)]


def _header(summary: Summary, results: ResultsFolders) -> Passage:
    saved = f"saved in {', '.join(map(str, results.folders))}"
    return Passage("", [[(f"{summary.name}: {heading(summary)}", saved)]])


def best_passage(summary: Summary, *, stats: bool = False) -> Passage:
    """Return which setting is best, and its scores; with their intervals where statistics are asked for."""
    best = summary.best
    if best is None:
        return Passage("BEST", [[("No run has a score, so there is no best setting.",)]], BESIDE)
    own = summary.compared["config"] == best["config"]
    scores = summary.compared[summary.column].astype(np.float64)[own & (summary.compared["status"] == "ok")]
    low, high = (for_people(float(end)) for end in (np.nanmin(scores), np.nanmax(scores)))
    about = f"seeds {low} to {high}" if best["n"] > 1 else "one seed"
    used = [about, _examples(summary, summary.column, "used to choose")]
    lines = [(f"{summary.on} {summary.metric}", with_interval(best, "", stats), used)]
    if "test_mean" in best and summary.on != "test":
        used = [_examples(summary, f"test_{summary.metric}", "not used to choose: quote this one")]
        lines.append((f"test {summary.metric}", with_interval(best, "test_", stats), used))
    wide = max(len(name) for name, *_ in lines)
    scored: list[Line] = [(f"{name:{wide}}  {score}", f"({'; '.join(used)})") for name, score, used in lines]
    blocks: list[list[Line]] = [[(setting_of(best, summary.varied) or "the only setting",)], scored]
    if summary.baseline:
        blocks.append([(summary.baseline,)])
    return Passage("BEST", blocks, BESIDE)


def _examples(summary: Summary, column: str, use: str) -> str:
    size = examples_told(summary.compared, column)
    return f"{size}, {use}" if size else use


def sure_passage(summary: Summary, results: ResultsFolders) -> Passage | None:
    """Return whether the best is sure, and how the others stand; None where there is nothing to compare it with."""
    verdict, sure = summary.verdict, sure_of(summary)
    if verdict is None or sure is None:
        return None
    others = verdict.compared - 1
    first = {
        "yes": f"Yes: it is better than {'the other setting' if others == 1 else f'all {others:,} others'}; "
        "chance is allowed for.",
        "not yet": f"Not yet: {verdict.seeds} seeds " + ("are few." if verdict.seeds < FEW_SEEDS else "leave it open."),
        "unknown": "Unknown: with one seed each, a difference may be chance.",
    }[sure]
    blocks: list[list[Line]] = [[(first,)]]
    if sure != "unknown":
        blocks.append(_standings(summary))
    if (apart := int((summary.ranked["n"] >= 0).sum()) - verdict.compared) > 0:
        why = "some of their runs failed, or were stopped earlier"
        blocks[-1].append((f"{_are(apart)} not compared", why))
    following = next_runs(summary, results)
    if following is not None:
        blocks.append([(f"Next: {following.command}", runs_told(following))])
    return Passage("SURE?", blocks, BESIDE)


def runs_told(following: NextRuns) -> str:
    """Return what the next command costs: "63 new runs, about 15 s"."""
    about = "" if following.seconds is None else f", about {duration(max(following.seconds, 1.0))}"
    return f"{counted(following.runs, 'new run')}{about}"


def _standings(summary: Summary) -> list[Line]:
    """Return how the others stand: a line for each class."""
    assert summary.verdict is not None
    gaps, told = gaps_by_standing(summary), list[Line]()
    if close := gaps.get("close"):
        which = "either may be the best" if len(close) == 1 else f"any of these {len(close) + 1:,} may be the best"
        told.append((f"{_are(len(close))} close (within {for_people(close[-1])})", which))
    if behind := gaps.get("behind"):
        apart = " to ".join(dict.fromkeys(for_people(gap) for gap in (behind[0], behind[-1])))
        told.append((f"{_are(len(behind))} behind, {apart}", f"{summary.verdict.seeds} seeds cannot exclude bad luck"))
    if worse := gaps.get("worse"):
        told.append((f"{_are(len(worse))} worse",))
    return told


def _are(count: int) -> str:
    return "1 setting is" if count == 1 else f"{count:,} settings are"


def _settings(summary: Summary, top: int, *, stats: bool) -> Table | None:
    """Return the table of the leading settings; None where there is one setting and nothing to compare."""
    ranked = summary.ranked
    if len(ranked) < 2 and not stats:
        return None
    shown = rows_of(ranked.rows(np.arange(min(top, len(ranked)))))
    left = len(ranked) - len(shown)
    notes = [f"… and {left:,} more: --top {len(ranked)} shows all."] if left else []
    if stats:
        return Table([*summary.varied, *TOLD], shown, "", notes, summary.varied, COLOURS)
    rows = [
        {**row, summary.metric: row["mean"], "seeds": row["n"], "worst seed": row["worst"],
         "behind": None if row["verdict"] == "best" else row["behind"], "verdict": verdict_told(row, summary.better)}
        for row in shown
    ]  # fmt: skip
    hidden = set() if ranked["failed"].any() else {"failed"}
    if sure_of(summary) in (None, "unknown"):  # with one seed nothing is known of chance
        hidden |= {"verdict", "worst seed"}
    columns = [*summary.varied, "seeds", "failed", summary.metric, "worst seed", "behind", "verdict"]
    return Table([name for name in columns if name not in hidden], rows, "", notes, summary.varied, COLOURS)


def verdict_told(row: Mapping[str, Cell], better: str) -> str:
    """Return how a setting stands, and how many of its seeds collapsed."""
    words = next((said for standing, said in STANDINGS.items() if standing == row["verdict"]), "not compared")
    if not row["unstable"]:
        return words
    way = "below" if better == "high" else "above"
    return f"{words}; unstable: {counted(int(row['unstable'] or 0), 'seed')} far {way}"


def shares_told(why: Table) -> list[str]:
    """Return how much each axis matters, the most important first: "lr 21 % (0 to 49 %)"."""
    if "p" in why.columns:
        return [f"{why.rows[0]['axis']}: its values differ by more than seeds do."]
    column = "share" if "share" in why.columns else "total"
    told: list[str] = []
    for row in why.rows:
        share, low, high = (100 * float(row[name] or 0) for name in (column, "low", "high"))
        of = " of the differences" if not told else ""
        told.append(f"{axis_told(row)} {share:.0f} %{of} ({low:.0f} to {high:.0f} %)")
    return told


def axis_told(row: Mapping[str, Cell]) -> str:
    """Return the name of a row of importance."""
    return "combination" if row["axis"] == "interactions" else str(row["axis"])


def _failures(summary: Summary) -> Table | None:
    if not len(summary.failed):
        return None
    rows = rows_of(summary.failed)
    columns = [name for name in summary.failed.names if name != "again"]
    return Table(columns, rows, "Failures", [*first_notes(rows), *retry_note(summary.rows)])


def price_passage(cost: Table | None) -> list[Passage]:
    """Return what a search cost as a passage; nothing where nothing was searched."""
    return [Passage("PRICE", [[(note,)] for note in cost.notes])] if cost is not None else []
