"""Exercise 5.2.6: seconds per epoch of each implementation as the network grows."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mlpctl.exercises.answer import Answer, Line, Plot
from mlpctl.exercises.words import listed, rank, sentences, share, shown
from mlpctl.render import Table, for_people
from mlpctl.report.tables import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from mlpctl.exercises.running import Setting
    from mlpctl.experiment import Experiment

NOISY = 0.10
"""Relative spread of the repetitions from which a time says that it is not to be trusted."""

NAMES = {"scratch": "from scratch (torch tensors)", "concise": "concise (torch.nn)", "kernel": "compiled kernel"}


def measure(setting: "Setting") -> "pd.DataFrame":
    """Return the trials, trained one at a time, with `seconds_per_epoch` and `implementation`.

    The first epoch of a trial is its warm-up, and the last scores the test set too: both are left out where there are
    others, and of these the median counts.
    """
    import pandas as pd

    from mlpctl.exercises.running import experiment_for, trained
    from mlpctl.results import load

    whole, parts = experiment_for(setting), []
    for seed in whole.seeds:  # in rounds, so that a slow minute of the machine hits all implementations alike
        for experiment, engine in _by_engine(replace(whole, seeds=(seed,))):
            again = replace(setting, options=replace(setting.options, engine=engine))
            parts.append(trained(again, experiment, jobs=1, threads=1))
    trials = pd.concat(parts, ignore_index=True)
    epochs = load(setting.folder / whole.name).epochs.merge(trials[["key", "epochs_done"]], on="key")
    inner = epochs[(epochs["epoch"] > 1) & (epochs["epoch"] < epochs["epochs_done"])]
    times = inner.groupby("key")["seconds"].median().rename("seconds_per_epoch")
    timed = trials.merge(times, on="key", how="left")
    timed["implementation"] = timed["impl"].where(timed["impl"] != "auto", timed["used_engine"])
    return pd.DataFrame(timed)


def _by_engine(experiment: "Experiment") -> "Iterator[tuple[Experiment, str]]":
    """Yield the part of an experiment that names an implementation, and that which leaves it to the kernel."""
    for kernel in (False, True):
        axes = [
            replace(axis, values=tuple(value for value in axis.values if (value == "auto") == kernel))
            if axis.name == "impl"
            else axis
            for axis in experiment.axes
        ]
        if all(axis.values for axis in axes):
            yield replace(experiment, axes=tuple(axes)), "kernel" if kernel else "auto"


def answer(trials: "pd.DataFrame") -> Answer:
    """Return which implementation is fastest for the smallest and the largest network, and how time grows."""
    import pandas as pd

    trials = trials.sort_values(["hidden_units", "implementation"], kind="stable")
    units = sorted(trials["hidden_units"].unique())
    good = trials[(trials["status"] == "ok") & trials["seconds_per_epoch"].notna()]
    times = good.groupby(["implementation", "hidden_units"], sort=False)["seconds_per_epoch"]
    spread = pd.DataFrame(times.agg(n="count", median="median", low="min", high="max"))
    table = spread.reset_index().sort_values(["hidden_units", "median"], ignore_index=True)
    fastest = table.groupby("hidden_units")["median"].transform("min")
    table["times_fastest"] = table["median"] / fastest
    said = sentences(
        *(_fastest(good, table, n) for n in dict.fromkeys((units[0], units[-1]))),
        _changes_hands(table),
        _growth(table),
        _noise(table),
    )
    lines = []
    for name in dict.fromkeys(good["implementation"]):
        own = table[table["implementation"] == name]
        lines.append(
            Line(NAMES.get(name, name), own["hidden_units"].astype(float).tolist(), own["median"].tolist(),
                 own["low"].tolist(), own["high"].tolist())
        )  # fmt: skip
    title = "Seconds per epoch against hidden units\nmedian and range of the repetitions, one thread"
    plot = Plot(title, "hidden units", "seconds per epoch", tuple(lines), log_x=True, log_y=True)
    return Answer(said, Table(list(table.columns), rows_of(table), "Seconds per epoch"), plot)


def _fastest(good: "pd.DataFrame", table: "pd.DataFrame", units: int) -> str:
    some = table[table["hidden_units"] == units].set_index("implementation")["median"]
    if len(some) < 2:
        return ""
    own = good[good["hidden_units"] == units].copy()
    own["log_seconds"] = np.log(own["seconds_per_epoch"])  # ratios, not differences, are what a slow moment multiplies
    ranking = rank(own, "implementation", "log_seconds", "low")
    first, verdict = some.index[0], ranking.verdict
    assert verdict is not None
    others = listed([f"{_name(name)} takes {some[name] / some[first]:.3g} times as long" for name in some.index[1:]])
    seconds = for_people(float(some[first]))
    start = f"With {shown(units)} hidden units {_name(first)} is fastest, {seconds} s per epoch; {others}"
    if verdict.seeds < 2:
        return f"{start}; measured once, so a slow moment of the machine may have decided."
    if verdict.is_clear and verdict.best == first:
        return f"{start}: beyond chance over {verdict.seeds} repetitions."
    near = listed([_name(name) for name in ranking.tied if name != first])
    return f"{start}. Over {verdict.seeds} repetitions it cannot be told apart from {near}." if near else f"{start}."


def _name(implementation: object) -> str:
    return f"the {implementation}" if implementation == "kernel" else str(implementation)


def _changes_hands(table: "pd.DataFrame") -> str:
    leaders = table.drop_duplicates("hidden_units").set_index("hidden_units")["implementation"]
    turns = [
        (n, leaders[n])
        for n, before in zip(leaders.index[1:], leaders.to_numpy()[:-1], strict=True)
        if leaders[n] != before
    ]
    if len(leaders) < 2:
        return ""
    if not turns:
        return f"The order of the fastest does not change over the {len(leaders)} widths."
    return "The lead changes: " + listed([f"{_name(name)} from {shown(n)} units on" for n, name in turns]) + "."


def _growth(table: "pd.DataFrame") -> str:
    """Return how time grows with width from the second largest network to the largest, and from the smallest on."""
    told = []
    for name, own in table.sort_values("hidden_units").groupby("implementation", sort=False):
        if len(own) < 3:
            continue
        logs = np.log2(own[["hidden_units", "median"]].to_numpy(dtype=np.float64))
        first, last = ((logs[i + 1] - logs[i]) for i in (0, len(logs) - 2))
        told.append(f"{_name(name)} {2 ** (first[1] / first[0]):.2f} and {2 ** (last[1] / last[0]):.2f} times")
    if not told:
        return ""
    return (
        f"Doubling the width multiplies the time of an epoch, at the small and at the large end of the range: "
        f"{listed(told)}. Twice would be time spent on products alone; less is time spent on steps of any size."
    )


def _noise(table: "pd.DataFrame") -> str:
    spread = (table["high"] - table["low"]) / table["median"]
    noisy = int((spread > NOISY).sum())
    if not noisy:
        return ""
    return (
        f"{noisy} of {len(table)} times spread over more than {share(NOISY)} between repetitions: stop other programs."
    )
