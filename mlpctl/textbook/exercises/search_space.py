"""Why a joint search is hard, read off a full grid: what it costs with each axis, and how much the axes interact."""

import math
from typing import TYPE_CHECKING

from mlpctl.display.tables import for_people
from mlpctl.report.statistics.significance import ALPHA
from mlpctl.report.statistics.student import f_tail
from mlpctl.textbook.exercises.sentences import listed, share

if TYPE_CHECKING:
    import pandas as pd

AXES = ("lr", "epochs", "hidden_layers", "hidden_units")


def size_and_cost(grid: "pd.DataFrame") -> str:
    """Return the sentence on the number of combinations: it multiplies with each axis, and so does the cost."""
    counts = {name: int(grid[name].nunique()) for name in AXES if name in grid and grid[name].nunique() > 1}
    if len(counts) < 2:
        return ""
    replicates = max(int(grid["replicate"].nunique()), 1)
    cost = grid.groupby("replicate")["spent"].max().mean()
    runs = grid.groupby(["replicate", *(name for name in counts if name != "epochs")])["seconds"].max()
    seconds = runs.sum() / replicates  # trials that differ in epochs alone were one run
    alone = sum(counts.values()) - len(counts) + 1
    took = f" and {for_people(float(seconds))} s of training" if seconds > 0 else ""
    return (
        f"It is harder because combinations multiply: {' × '.join(str(n) for n in counts.values())} values of "
        f"{listed([name.replace('_', ' ') for name in counts])} make {math.prod(counts.values())} combinations, "
        f"{for_people(float(cost))} model-epochs{took} per seed; one axis at a time would need {alone}."
    )


def interactions(grid: "pd.DataFrame") -> str:
    """Return the sentence on how much of the variance the axes explain one by one and only together.

    The decomposition of a balanced factorial design: sums of squares of the means along each axis, of the cells beyond
    these, and of what is left between seeds in a cell; the interaction is tested by its F ratio.
    """
    good = grid[(grid["status"] == "ok") & grid["val_accuracy"].notna()]
    axes = [name for name in AXES if name in good and good[name].nunique() > 1]
    if len(axes) < 2:
        return ""
    cells = good.groupby(axes)["val_accuracy"].agg(["count", "mean"])
    full = math.prod(good[name].nunique() for name in axes)
    if len(cells) < full or cells["count"].nunique() > 1:
        return (
            "How much the axes interact cannot be said: some combinations have no score, so the grid is not balanced."
        )
    n, mean, score = len(good), good["val_accuracy"].mean(), good["val_accuracy"]
    per_cell = int(cells["count"].iloc[0])
    total = float(((score - mean) ** 2).sum())
    if total < 1e-12:
        return "How much the axes interact cannot be said: all scores are equal."
    main = {a: float(((good.groupby(a)["val_accuracy"].transform("mean") - mean) ** 2).sum()) for a in axes}
    between = float((per_cell * (cells["mean"] - mean) ** 2).sum())
    joint = max(between - sum(main.values()), 0.0)
    told = listed(
        [f"{a.replace('_', ' ')} {share(v / total)}" for a, v in sorted(main.items(), key=lambda item: -item[1])]
    )
    text = f"Of the variance of validation accuracy over the grid the axes explain one by one: {told}; beyond that, "
    text += f"by interaction, {share(joint / total)}"
    if per_cell < 2:
        return f"{text}, chance included: with one seed that cannot be taken apart."
    noise = max(total - between, 1e-15)
    freedom = full - 1 - sum(int(good[a].nunique()) - 1 for a in axes)
    p = f_tail((joint / freedom) / (noise / (n - full)), freedom, n - full)
    if p >= ALPHA:
        return f"{text}, not beyond chance (p = {p:.2g}): that tuning one axis after the other is worse is not shown."
    known = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    return f"{text} ({known}): the best value of one depends on the others, and tuning one after the other can miss it."
