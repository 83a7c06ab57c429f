"""Exercise 5.2.3: a hidden layer of a single neuron, its bottleneck and its death measured on trained weights."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.display.tables import for_people
from mlpctl.textbook.exercises.answer import Answer, Line, Plot
from mlpctl.textbook.exercises.sentences import changes, difference, failures, rank, sentences, share, shown, table_of

if TYPE_CHECKING:
    import pandas as pd

    from mlpctl.textbook.exercises.solve import Setting

LOOKED_AT = 2000
"""Examples from which the directions of the outputs are computed."""


def measure(setting: "Setting") -> "pd.DataFrame":
    """Return the trials with what their weights show: see `facts_of`."""
    import pandas as pd
    from safetensors.numpy import load_file

    from mlpctl.store.writer import Store
    from mlpctl.textbook.exercises.solve import experiment_for, trained, trials_of

    experiment = experiment_for(setting)
    trials = trained(setting, experiment, save=True)
    store = Store(setting.folder / experiment.name)
    facts = {}
    for trial in trials_of(experiment):
        if store.weights_file(trial.key).is_file():
            facts[trial.key] = facts_of(trial, load_file(store.weights_file(trial.key)))
    found = pd.DataFrame.from_dict(facts, orient="index").rename_axis("key").reset_index()
    return trials.merge(found, on="key", how="left")


def facts_of(trial: Any, weights: dict[str, NDArray[Any]]) -> dict[str, float]:
    """Return what the weights of a trial with one hidden layer of ReLUs show.

    - classes: how many classes are predicted for some validation example;
    - dead: share of the hidden units whose input is positive for no training example: their gradient is zero;
    - dead_at_start: the same with the initial weights;
    - active: share of the training examples whose input to a hidden unit is positive, mean over the units;
    - first_direction: share of the outputs' variance over validation examples in their first principal direction.
    """
    from mlpctl.engines.initial_weights import initial_weights

    work = trial.work()
    parts = {name: _scaled(work.data, work.data.parts[name]) for name in ("train", "val")}
    outputs = np.maximum(_hidden(parts["val"], weights), 0) @ weights["1.weight"] + weights["1.bias"]  # (N, C)
    start = initial_weights(work.network, work.spec)
    positive = _hidden(parts["train"], weights) > 0  # (N, H)
    centred = (outputs - outputs.mean(axis=0))[:LOOKED_AT].astype(np.float64)
    strengths = np.linalg.svd(centred, compute_uv=False) ** 2
    return {
        "classes": float(len(np.unique(outputs.argmax(axis=1)))),
        "dead": float(np.mean(~positive.any(axis=0))),
        "dead_at_start": float(np.mean(~(_hidden(parts["train"], start) > 0).any(axis=0))),
        "active": float(positive.mean()),
        "first_direction": float(strengths[0] / strengths.sum()) if strengths.sum() > 1e-9 else float("nan"),
    }


def _scaled(data: Any, rows: NDArray[np.int64]) -> NDArray[Any]:
    X = data.X[rows]
    return X if data.scale is None else X * data.scale + data.shift  # type: ignore[no-any-return]


def _hidden(X: NDArray[Any], weights: dict[str, NDArray[Any]]) -> NDArray[Any]:
    return np.asarray(X @ weights["0.weight"] + weights["0.bias"])  # (N, H)


def answer(trials: "pd.DataFrame") -> Answer:
    """Return what one neuron costs, how narrow it is, and how often it dies."""
    trials = trials.sort_values(["hidden_units", "seed"], kind="stable")
    units = sorted(trials["hidden_units"].unique())
    few, many = units[0], units[-1]
    ranking = rank(trials, "hidden_units")
    what = (
        f"a single hidden unit instead of {shown(many)}" if few == 1 else f"{shown(few)} units instead of {shown(many)}"
    )
    one, rest = (trials[(trials["hidden_units"] == n) & (trials["status"] == "ok")] for n in (few, many))
    said = sentences(
        changes(what, difference(trials, "hidden_units", few, many)) if few != many else "",
        _narrow(one, rest, many),
        _death(one),
        _all_but_dead(one),
        _alive(one),
        failures(trials, "hidden_units"),
    )
    columns = ["classes", "dead", "dead_at_start", "active", "first_direction"]
    more = trials[trials["status"] == "ok"].groupby("hidden_units")[columns].mean().reset_index()
    lines = []
    for n in units:
        scores = np.sort(
            trials.loc[(trials["hidden_units"] == n) & (trials["status"] == "ok"), "val_accuracy"].dropna()
        )
        name = f"{shown(n)} hidden unit{'s' if n > 1 else ''}"
        lines.append(Line(name, [float(i) for i in range(1, len(scores) + 1)], scores.tolist()))
    title = "Validation accuracy of every seed\nsorted, worst first"
    plot = Plot(title, "seeds, worst first", "validation accuracy", tuple(lines))
    return Answer(said, table_of(ranking, "Means by hidden units", more), plot)


def _narrow(one: "pd.DataFrame", rest: "pd.DataFrame", many: object) -> str:
    seen = one["classes"].dropna()
    if not len(seen):
        return ""
    most = f"{int(seen.min())} to {int(seen.max())}" if seen.min() < seen.max() else f"{int(seen.max())}"
    text = f"One number is all that passes the bottleneck: of ten classes {most} are ever predicted in validation"
    text += f" (mean {for_people(float(seen.mean()))}"
    if len(rest) and rest["classes"].notna().any():
        text += f"; {for_people(float(rest['classes'].mean()))} with {shown(many)} units"
    text += ")"
    alive, wide = one["first_direction"].dropna(), rest["first_direction"].dropna()
    if len(alive):
        text += f", and a single direction holds {share(alive.mean())} of the outputs' variance"
        text += f" ({share(wide.mean())} with {shown(many)})" if len(wide) else ""
    return text + "."


def _death(one: "pd.DataFrame") -> str:
    known = one.dropna(subset=["dead", "dead_at_start"])
    n = len(known)
    if not n:
        return "Whether the unit dies is not known: no weights were kept."
    dead = known["dead"] == 1.0
    k, at_start = int(dead.sum()), int((dead & (known["dead_at_start"] == 1.0)).sum())
    low, high = share_interval(k, n)
    if n == 1:
        return f"The unit is {'dead' if k else 'alive'} in the one seed there is, which says little about how often."
    if not k:
        return f"In none of {n} seeds is the unit dead; up to {share(high)} of seeds could be so by that."
    score = known.loc[dead, "val_accuracy"].mean()
    return (
        f"In {k} of {n} seeds ({share(k / n)}, 95 % interval {share(low)} to {share(high)}) the unit is dead: no "
        f"training example makes its input positive, so its gradient is zero for good and all pictures get one output; "
        f"mean accuracy {for_people(float(score))}. {at_start} of these {k} were dead before the first step, "
        f"{k - at_start} died in training."
    )


def _all_but_dead(one: "pd.DataFrame") -> str:
    nearly = one[(one["dead"] == 0.0) & (one["classes"] == 1)]
    if nearly.empty:
        return ""
    most = share(nearly["active"].max(), 2)
    return (
        f"In {len(nearly)} more it is positive for {most} of the training examples at most and "
        f"one class is predicted throughout: mean accuracy {for_people(float(nearly['val_accuracy'].mean()))}."
    )


def _alive(one: "pd.DataFrame") -> str:
    alive = one[(one["dead"] == 0.0) & (one["classes"] > 1)]["val_accuracy"].dropna()
    if len(alive) < 2 or len(alive) == len(one):
        return ""
    mean, low, high = (for_people(float(x)) for x in (alive.mean(), alive.min(), alive.max()))
    return f"In the other {len(alive)}, accuracy is {mean} on average, from {low} to {high}."


def share_interval(k: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, k of n (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    return low, float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
