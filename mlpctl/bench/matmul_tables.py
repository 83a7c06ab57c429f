"""What people read of `mlpctl bench matmul`: its table, the answer in a sentence per group, hints."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from mlpctl.bench.compare import Change
from mlpctl.bench.matmul import Result, Timing
from mlpctl.bench.matmul_cases import name_of, place_of
from mlpctl.bench.records import told
from mlpctl.bench.verdicts import MATTERS, Judged
from mlpctl.display.tables import Cell, Table

QUESTION = "Matrix products: time per useful operation against the first size"


def table(
    result: Result,
    stamp: Mapping[str, Cell],
    hints: Sequence[str],
    *,
    matters: float = MATTERS,
    changes: Sequence[Change | None] = (),
) -> Table:
    """Return the table for people: ms and GFLOP/s, then a sentence per group, then what to know and to do."""
    rows: list[dict[str, Cell]] = []
    for number, timing in enumerate(result.timings):
        estimate, judged = timing.estimate, timing.judged
        half = (estimate.high - estimate.low) / 2 / estimate.median
        row: dict[str, Cell] = {
            "where": place_of(timing.case),
            "size": name_of(timing.case),
            "runs": estimate.runs,
            "median ms": f"{estimate.median * 1e3:.4g} ± {half:.1%}",
            "GFLOP/s": f"{timing.flops / 1e9:.4g}",
            "time per operation": between(judged) if judged else "",
            "verdict": judged.verdict if judged else "",
        }
        if changes:
            change = changes[number]
            row["before"] = "not measured" if change is None else f"{percent(change.ratio)}: {change.verdict}"
        rows.append(row)
    notes = [*_answers(result.timings, matters), *(f"hint: {hint}" for hint in [*_undecided(result), *hints])]
    if missing := sum(len(samples.works) for samples in result.measured.groups.values()) - len(result.timings):
        notes.append(f"{missing} products have not run twice and are not shown")
    notes += [*result.lacks, *_left_out(result.timings), told(stamp, result.measured.seconds)]
    return Table(list(rows[0]) if rows else [], rows, QUESTION, notes)


def between(judged: Judged) -> str:
    """Return the interval of a ratio: +1.2 % … +2.0 %; "?" where too few rounds leave it without ends."""
    if not 0 < judged.low <= judged.high < float("inf"):
        return f"{percent(judged.ratio)} (?)"
    return f"{percent(judged.low)} … {percent(judged.high)}"


def percent(ratio: float) -> str:
    """Return a ratio of times as a change: +1.2 %, and as a factor where it is large: × 2.5."""
    if not 0.5 < ratio < 2:
        return f"× {ratio:.3g}"
    return f"{100 * (ratio - 1):+.1f} %".replace("-", "−")


def _answers(timings: Sequence[Timing], matters: float) -> list[str]:
    """Return a sentence per group: which sizes are slower or faster than the first, which take the same."""
    said = []
    for where, group in groupby(timings, key=lambda timing: place_of(timing.case)):
        first, *others = list(group)
        judged = [(timing, timing.judged) for timing in others if timing.judged]
        if not judged:
            continue
        parts = []
        for verdict, how in (
            ("slower", f"more than {matters:.3g} slower"),
            ("faster", f"more than {matters:.3g} faster"),
            ("same", f"the same within {matters:.3g}"),
            ("undecided", "undecided"),
        ):
            names = [f"{name_of(t.case)} ({percent(j.ratio)})" for t, j in judged if j.verdict == verdict]
            if names:
                parts.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {how}")
        said.append(f"{where}: against {name_of(first.case)}, {'; '.join(parts)}.")
    return [text.replace(f"{matters:.3g}", f"{100 * matters:.3g} %") for text in said]


def _undecided(result: Result) -> list[str]:
    undecided = sum(t.judged is not None and t.judged.verdict == "undecided" for t in result.timings)
    if not undecided or result.measured.interrupted:
        return []
    more = "--max-seconds" if result.measured.out_of_time else "--runs"
    return [
        f"{undecided} of {len(result.timings)} are undecided, their intervals reach over the difference that matters: "
        f"raise {more}, stop other programs, or choose another --difference"
    ]


def _left_out(timings: Sequence[Timing]) -> list[str]:
    taken, used = sum(t.taken for t in timings), sum(t.estimate.runs for t in timings)
    if used == taken:
        return []
    return [f"{taken - used} of {taken} runs, in which the system gave the processor to other programs, are left out."]
