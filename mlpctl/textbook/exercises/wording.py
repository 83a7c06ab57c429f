"""Write values, differences and lists as words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlpctl.display.tables import as_chosen, for_people
from mlpctl.report.dataframes import frame_cell
from mlpctl.textbook.exercises.ranking import SeedDifference, ValueRanking

if TYPE_CHECKING:
    import pandas as pd

TITLES = {"hidden_units": "hidden units", "hidden_layers": "hidden layers", "epochs": "epochs", "lr": "learning rate",
          "activation": "activation", "init": "initial weights"}  # fmt: skip
NOUNS = {"hidden_units": "{} hidden units", "hidden_layers": "{} hidden layers", "epochs": "{} epochs",
         "lr": "a learning rate of {}"}  # fmt: skip
METRIC_PHRASES = {
    "val_accuracy": "validation accuracy",
    "train_accuracy": "training accuracy",
    "val_loss": "validation loss",
    "lead": "the lead of training over validation accuracy",
}
NO_ANSWER = "No trial has a score, so there is no answer."


def value_text(value: Any) -> str:
    """Return a value of a hyperparameter as somebody would write it."""
    return as_chosen(frame_cell(value))


def noun_text(field: str, value: Any) -> str:
    """Return a value of a field with its noun, in the singular for one."""
    noun = NOUNS.get(field, "{}")
    text = noun.format(value_text(value))
    return text.removesuffix("s") if value == 1 and noun.startswith("{} ") else text


def list_text(items: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else list(items))


def or_text(values: Sequence[Any]) -> str:
    """Return the values that may be the best: "a", "a or b", "one of a, b and c"."""
    texts = [value_text(value) for value in values]
    return f"one of {list_text(texts)}" if len(texts) > 2 else " or ".join(texts)


def under_condition(condition: str, sentence: str) -> str:
    """Return a sentence behind its condition, which ends with a colon; "" is no condition."""
    return condition + sentence[:1].lower() + sentence[1:] if condition else sentence


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return ("+" if value > 0 else "−" if value < 0 else "") + amount(abs(float(value)))


def amount(size: float) -> str:
    """Return the size of a difference: four digits after the point, or two that count."""
    return for_people(size) if size >= 0.001 or not size else f"{size:.2g}"


def percent_change(ratio: float) -> str:
    """Return a ratio as a signed change in percent: "+2.0 %" for 1.02."""
    return f"{100 * (ratio - 1):+.1f} %".replace("-", "−")


def percent_of(part: float, digits: int = 0) -> str:
    """Return a share in percent."""
    return f"{100 * part:.{digits}f} %"


def p_text(p: float) -> str:
    """Return a p value."""
    return f"p {'< 0.001' if p < 0.001 else f'= {p:.2g}'}"


def seeds_text(gap: SeedDifference) -> str:
    """Return how a difference was tested."""
    return f"{gap.pairs} seeds, {p_text(gap.p)}"


def mean_text(row: "pd.Series[Any]") -> str:
    """Return a mean with its 95 % interval."""
    if row["n"] < 2:
        return f"{for_people(float(row['mean']))} (one seed)"
    return f"{for_people(float(row['mean']))} (95 % interval {for_people(row['low'])} to {for_people(row['high'])})"


def difference_text(what: str, gap: SeedDifference, metric: str) -> str:
    """Return the sentence of a difference: "With 64 instead of 4 hidden units validation accuracy rises by 0.1."."""
    if not gap.pairs:
        return f"What {what} does to {metric} cannot be said: no seed has a score for both."
    size = amount(abs(gap.mean))
    if gap.pairs < 2:
        way = "higher" if gap.mean > 0 else "lower"
        return f"With {what} {metric} is {size} {way} for the one seed there is: that may be chance, use more seeds."
    spread = f"95 % interval {signed(gap.low)} to {signed(gap.high)}, {seeds_text(gap)}"
    if gap.is_real:
        return f"With {what} {metric} {'rises' if gap.mean > 0 else 'falls'} by {size} ({spread})."
    return f"With {what} {metric} changes by {signed(gap.mean)} ({spread}): that cannot be told apart from no change."


def best_text(ranking: ValueRanking) -> str:
    """Return the sentence that names the value with the best validation accuracy, or those it may share that with."""
    verdict, metric = ranking.verdict, METRIC_PHRASES["val_accuracy"]
    if verdict is None:
        return NO_ANSWER
    value, score = noun_text(ranking.by, verdict.best), mean_text(ranking.row(verdict.best))
    if verdict.compared < 2:
        return f"Only {value} could be scored: {metric} {score}; there is nothing to compare it with."
    if verdict.seeds < 2:
        unknown = "one seed cannot tell an effect from chance: which is best is not known, use more seeds"
        return f"The highest {metric} is {score}, with {value}; but {unknown}."
    seeds = f"({verdict.seeds} seeds, corrected for {verdict.compared} compared)"
    if verdict.is_clear:
        others = "the other" if verdict.compared == 2 else f"each of the {verdict.compared - 1} others"
        return f"Best is {value}: {metric} {score}, better than {others} beyond chance {seeds}."
    others = list_text([value_text(v) for v in ranking.tied if v != verdict.best])
    tie = f"it cannot be told apart from that of {others} {seeds}"
    return f"The highest mean {metric} is {score}, with {value}, but {tie}."
