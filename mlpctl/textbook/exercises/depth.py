"""Exercise 5.2.2: one more hidden layer."""

from typing import TYPE_CHECKING

import numpy as np

from mlpctl.display.tables import for_people
from mlpctl.textbook.exercises.answer import Answer, Plot
from mlpctl.textbook.exercises.sentences import (
    best,
    changes,
    difference,
    failures,
    line_of,
    named,
    percent,
    rank,
    sentences,
    shown,
    table_of,
    tested,
    within,
)

if TYPE_CHECKING:
    import pandas as pd

NOUN = "{} hidden layers"


def answer(trials: "pd.DataFrame") -> Answer:
    """Return what the second hidden layer changes at the end and after the first epochs, and what it costs."""
    trials = trials.sort_values(["hidden_layers", "epochs"], kind="stable")
    layers, epochs = sorted(trials["hidden_layers"].unique()), sorted(trials["epochs"].unique())
    last = trials[trials["epochs"] == epochs[-1]]
    ranking = rank(last, "hidden_layers")
    said = []
    if len(layers) > 1:
        what = (
            "a second hidden layer"
            if layers[:2] == [1, 2]
            else f"{shown(layers[1])} instead of {shown(layers[0])} layers"
        )
        ends = {n: trials[trials["epochs"] == n] for n in dict.fromkeys((epochs[-1], epochs[0]))}
        for n, some in ends.items():
            sentence = changes(what, difference(some, "hidden_layers", layers[1], layers[0]))
            said.append(f"After {shown(n)} epoch{'s' if n > 1 else ''}: {within(sentence)}")
        said.append(
            changes(what, difference(last, "hidden_layers", layers[1], layers[0], "val_loss"), "validation loss")
        )
        said.append(_price(last, layers[0], layers[1]))
    if len(layers) > 2:
        said.append(best(ranking, NOUN))
    said += [tested(last, ranking, NOUN), failures(trials, "hidden_layers")]
    more = (
        last[last["status"] == "ok"]
        .groupby("hidden_layers")[["val_loss", "parameters", "seconds"]]
        .mean()
        .reset_index()
    )
    table = table_of(ranking, f"Validation accuracy by hidden layers after {shown(epochs[-1])} epochs", more)
    lines = tuple(
        line_of(rank(trials[trials["hidden_layers"] == n], "epochs").table, "epochs", named(NOUN, n)) for n in layers
    )
    title = "Validation accuracy of deeper networks\nmean and 95 % interval over seeds"
    plot = Plot(title, "epochs", "validation accuracy", lines, log_x=len(epochs) > 2)
    return Answer(sentences(*said), table, plot)


def _price(last: "pd.DataFrame", base: int, more: int) -> str:
    good = last[last["status"] == "ok"].groupby("hidden_layers")[["parameters", "seconds"]].median()
    if base not in good.index or more not in good.index:
        return ""
    (size, seconds), (larger, longer) = good.loc[[base, more]].to_numpy(dtype=np.float64)
    text = f"It costs {for_people(int(larger - size))} more parameters ({percent(larger / size - 1)})"
    return f"{text} and {longer / seconds:.2g} times the seconds." if seconds > 0 else f"{text}."
