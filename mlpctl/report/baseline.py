"""Say what an answer that needs no input scores, beside the scores of a trained network."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from mlpctl.display.tables import for_people
from mlpctl.metrics import PRIMARY

PART_NAMES = {"test": "test", "val": "validation"}


def baseline_words(rows: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Return the baseline in words, the mean over some trials of one configuration; "" where it is not known.

    Args:
        rows: of `trials.csv`.
        metric: that the trials are told in.
    """
    answers = {row.get("baseline") for row in rows}
    if len(answers) != 1 or None in answers:
        return ""
    scores = {part: [_score(row, part, metric) for row in rows] for part in PART_NAMES}
    told = ", ".join(
        f"{PART_NAMES[part]} {for_people(fmean(known))}"
        for part, found in scores.items()
        if len(known := [score for score in found if score is not None]) == len(rows)
    )
    guess = "the mean" if rows[0]["task"] == "regression" else f"'{answers.pop()}'"
    return f"always guessing {guess}: {told}" if told else ""


def _score(row: Mapping[str, Any], part: str, metric: str) -> float | None:
    score = row.get(f"{part}_baseline")
    if score is None or metric == PRIMARY.get(str(row["task"])):
        return score
    return score**0.5 if metric == "rmse" else None
