"""Measure the bottleneck and the death of a hidden layer of a single neuron, on trained weights (5.2.3)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.display.tables import for_people
from mlpctl.textbook.exercises.sweeps import SweepStudy
from mlpctl.textbook.exercises.wording import percent_of, value_text

if TYPE_CHECKING:
    import pandas as pd

    from mlpctl.textbook.exercises.collect import ExerciseOptions

OUTPUT_SAMPLE = 2000
"""Examples from which the directions of the outputs are computed."""


def collect_data(options: "ExerciseOptions") -> "pd.DataFrame":
    """Return the trials with the facts of their trained weights: see `weight_facts`."""
    import pandas as pd

    from mlpctl.store.weights import read_weights
    from mlpctl.store.writer import Store
    from mlpctl.textbook.exercises.collect import experiment_for, grid_trials, train_experiment

    experiment = experiment_for(options)
    trials = train_experiment(options, experiment, save=True)
    store = Store(options.folder / experiment.name)
    files = {trial.key: (trial, store.weights_file(trial.key)) for trial in grid_trials(experiment)}
    rows = {key: weight_facts(trial, read_weights(file)) for key, (trial, file) in files.items() if file.is_file()}
    facts = pd.DataFrame.from_dict(rows, orient="index").rename_axis("key").reset_index()
    return trials.merge(facts, on="key", how="left")


def weight_facts(trial: Any, weights: dict[str, NDArray[Any]]) -> dict[str, float]:
    """Return facts of the weights of a trial with one hidden layer of ReLUs.

    - classes: number of classes that are predicted for some validation example;
    - dead: share of the hidden units whose input is positive for no training example: their gradient is zero;
    - dead_at_start: the same with the initial weights;
    - active: share of the training examples whose input to a hidden unit is positive, mean over the units;
    - first_direction: share of the outputs' variance over validation examples in their first principal direction.
    """
    from mlpctl.engines.initial_weights import initial_weights
    from mlpctl.inspection.loader import outputs_of, upto

    work = trial.work()
    data, network, hidden = work.data, work.network, upto(work.network, 1)
    outputs = outputs_of(network, work.spec, weights, data, data.parts["val"])  # (N, C)
    positive, at_start = (outputs_of(hidden, work.spec, own, data, data.parts["train"]) > 0  # (N, H)
                          for own in (weights, initial_weights(network, work.spec)))  # fmt: skip
    centred = (outputs - outputs.mean(axis=0))[:OUTPUT_SAMPLE].astype(np.float64)
    strengths = np.linalg.svd(centred, compute_uv=False) ** 2
    return {
        "classes": float(len(np.unique(outputs.argmax(axis=1)))),
        "dead": float(np.mean(~positive.any(axis=0))),
        "dead_at_start": float(np.mean(~at_start.any(axis=0))),
        "active": float(positive.mean()),
        "first_direction": float(strengths[0] / strengths.sum()) if strengths.sum() > 1e-9 else float("nan"),
    }


def bottleneck(study: SweepStudy) -> str:
    """Claim how many classes pass a single unit, and how much variance one direction of the outputs holds."""
    one, rest, many = _fewest(study), _with(study, study.values[-1]), value_text(study.values[-1])
    classes = one["classes"].dropna()
    if not len(classes):
        return ""
    low, high = int(classes.min()), int(classes.max())
    span, wide = f"{low} to {high}" if low < high else str(high), rest["classes"].dropna()
    text = (
        f"One number is all that passes the bottleneck: of ten classes {span} are ever predicted in validation (mean "
    )
    text += for_people(float(classes.mean()))
    text += f"; {for_people(float(wide.mean()))} with {many} units)" if len(wide) else ")"
    alive, wide = one["first_direction"].dropna(), rest["first_direction"].dropna()
    if len(alive):
        text += f", and a single direction holds {percent_of(alive.mean())} of the outputs' variance"
        text += f" ({percent_of(wide.mean())} with {many})" if len(wide) else ""
    return f"{text}."


def dead_units(study: SweepStudy) -> str:
    """Claim in how many seeds the single unit is dead, and whether it died in training."""
    known = _fewest(study).dropna(subset=["dead", "dead_at_start"])
    n, dead = len(known), known["dead"] == 1.0
    if not n:
        return "Whether the unit dies is not known: no weights were kept."
    k, at_start = int(dead.sum()), int((dead & (known["dead_at_start"] == 1.0)).sum())
    low, high = proportion_interval(k, n)
    if n == 1:
        return f"The unit is {'dead' if k else 'alive'} in the one seed there is, which says little about how often."
    if not k:
        return f"In none of {n} seeds is the unit dead; up to {percent_of(high)} of seeds could be so by that."
    score = known.loc[dead, "val_accuracy"].mean()
    return (
        f"In {k} of {n} seeds ({percent_of(k / n)}, 95 % interval {percent_of(low)} to {percent_of(high)}) the unit is "
        "dead: no training example makes its input positive, so its gradient is zero for good and all pictures get one "
        f"output; mean accuracy {for_people(float(score))}. {at_start} of these {k} were dead before the first step, "
        f"{k - at_start} died in training."
    )


def nearly_dead_units(study: SweepStudy) -> str:
    """Claim in how many more seeds one class is predicted throughout, though the unit is not dead."""
    one = _fewest(study)
    nearly = one[(one["dead"] == 0.0) & (one["classes"] == 1)]
    if nearly.empty:
        return ""
    return (
        f"In {len(nearly)} more it is positive for {percent_of(nearly['active'].max(), 2)} of the training examples at "
        f"most and one class is predicted throughout: mean accuracy {for_people(float(nearly['val_accuracy'].mean()))}."
    )


def living_units(study: SweepStudy) -> str:
    """Claim the accuracy in the other seeds."""
    one = _fewest(study)
    alive = one[(one["dead"] == 0.0) & (one["classes"] > 1)]["val_accuracy"].dropna()
    if len(alive) < 2 or len(alive) == len(one):
        return ""
    mean, low, high = (for_people(float(x)) for x in (alive.mean(), alive.min(), alive.max()))
    return f"In the other {len(alive)}, accuracy is {mean} on average, from {low} to {high}."


def _with(study: SweepStudy, units: int) -> "pd.DataFrame":
    return study.good[study.good["hidden_units"] == units].sort_values("seed", kind="stable")


def _fewest(study: SweepStudy) -> "pd.DataFrame":
    return _with(study, study.values[0])


def proportion_interval(k: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion, k of n (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    return low, float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
