"""Exercise 5.2.6: seconds of a training step by each implementation as the network grows, as `bench train` times it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpctl.bench.step_model import FEWEST_ROUNDS, StepLimit, find_crossings, fit_step_times, step_shares
from mlpctl.display.tables import Table, for_people
from mlpctl.report.dataframes import rows_of
from mlpctl.runner.experiment_file import Effort
from mlpctl.textbook.exercises.answer import Answer, Line, Plot
from mlpctl.textbook.exercises.sentences import listed, rank, sentences, share, shown

if TYPE_CHECKING:
    import pandas as pd

    from mlpctl.textbook.exercises.solve import Setting

BATCH, LAYERS = 256, 2
"""Of the exercise's network: minibatch, and layers with weights: one hidden, and the outputs."""

NOISY = 0.10
"""Relative spread of the rounds from which a time says that it is not to be trusted."""

NAMES = {"numpy": "NumPy by hand", "scratch": "from scratch (torch tensors)", "concise": "concise (torch.nn)",
         "kernel": "compiled kernel"}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is timed: implementations, widths of the hidden layer; rounds, and runs in each."""

    names: tuple[str, ...]
    widths: tuple[int, ...]
    rounds: int
    runs: int


PLANS: dict[Effort, Plan] = {
    "quick": Plan(("scratch", "concise", "kernel"), (16, 64, 256), 2, 3),
    "default": Plan(tuple(NAMES), (16, 64, 256, 1024, 2048), 7, 3),
    "thorough": Plan(
        ("numpy", "manual", "autograd", "function", "scratch", "concise", "module", "kernel", "lanes"),
        (16, 32, 64, 128, 256, 512, 1024, 2048, 4096), 9, 5,
    ),
}  # fmt: skip


def measure(setting: "Setting") -> "pd.DataFrame":
    """Return a row per round, width and implementation: seconds of a step, and what the machine allows; kept as CSV.

    A round sets everything up anew, so that where arrays happen to lie in memory is part of the spread.
    """
    import pandas as pd

    from mlpctl.bench.sampling import TimingPlan
    from mlpctl.bench.train import measure_training, train_options
    from mlpctl.runner.experiment import seeds_of

    kept, plan = setting.folder / f"{setting.effort}.csv", PLANS[setting.effort]
    rounds = seeds_of(setting.seeds or plan.rounds, {})
    done = [pd.read_csv(kept)] if kept.is_file() and not setting.force else []
    known = set(done[0]["seed"]) if done else set()
    options = train_options(plan.names, {"width": plan.widths, "depth": (1,), "batch": (BATCH,)})
    for number in (n for n in rounds if n not in known):
        measured, timed = measure_training(options, TimingPlan(warmup=1, runs=plan.runs, max_seconds=None, seed=number))
        if measured.interrupted or timed.ceilings is None:
            raise KeyboardInterrupt  # the rounds before are kept
        rows = []
        for point, own in timed.times.items():
            step = timed.costs[point]
            limits = {"arithmetic": timed.ceilings.arithmetic(step), "memory": timed.ceilings.memory(step)}
            rows += [{"seed": number, "status": "ok", "hidden_units": point.width, "implementation": name,
                      "seconds_per_step": timed.median(point, name), "flops": step.flops, **limits}
                     for name in own]  # fmt: skip
        done.append(pd.DataFrame(rows))
        kept.parent.mkdir(parents=True, exist_ok=True)
        pd.concat(done).to_csv(kept, index=False)
    table = pd.concat(done)
    return table[table["seed"].isin(rounds)].reset_index(drop=True)


def answer(timings: "pd.DataFrame") -> Answer:
    """Return which implementation is fastest for which network, where they cross, and what limits them."""
    import pandas as pd

    timings = timings.sort_values(["hidden_units", "implementation"], kind="stable")
    units = sorted(timings["hidden_units"].unique())
    good = timings[timings["seconds_per_step"].notna()]
    times = good.groupby(["implementation", "hidden_units"], sort=False)["seconds_per_step"]
    spread = pd.DataFrame(times.agg(n="count", median="median", low="min", high="max"))
    table = spread.reset_index().sort_values(["hidden_units", "median"], ignore_index=True)
    fastest = table.groupby("hidden_units")["median"].transform("min")
    table["times_fastest"] = table["median"] / fastest
    table = _with_limits(table, good)
    said = sentences(
        *(_fastest(good, table, n) for n in dict.fromkeys((units[0], units[-1]))),
        _crossings(good),
        _limits(table),
        _growth(table),
        _noise(table),
    )
    lines = []
    for name in dict.fromkeys(good["implementation"]):
        own = table[table["implementation"] == name]
        lines.append(
            Line(NAMES.get(name, name), own["hidden_units"].astype(float).tolist(), (own["median"] * 1e6).tolist(),
                 (own["low"] * 1e6).tolist(), (own["high"] * 1e6).tolist())
        )  # fmt: skip
    title = f"µs per step against hidden units, minibatch {BATCH}\nmedian and range of the rounds, one thread"
    plot = Plot(title, "hidden units", "µs per step", tuple(lines), log_x=True, log_y=True)
    note = ("limit: the largest of overhead (fitted: time = overhead + factor · floor), arithmetic (FLOPs at the "
            "measured peak), memory (bytes at the measured bandwidth); peak: share of the measured peak.")  # fmt: skip
    return Answer(said, Table(list(table.columns), rows_of(table), "Seconds per step", [note], ["hidden_units"]), plot)


def _with_limits(table: "pd.DataFrame", good: "pd.DataFrame") -> "pd.DataFrame":
    """Return the table with the share of the peak and the limit of each time, where the machine's peak was measured."""
    if "arithmetic" not in good:
        return table
    floors = good.groupby("hidden_units")[["arithmetic", "memory"]].median().to_dict("index")
    limits: dict[tuple[str, int], tuple[float, StepLimit]] = {}
    for name, own in table.groupby("implementation", sort=False):
        floor = [max(floors[n].values()) for n in own["hidden_units"]]
        model = fit_step_times([LAYERS] * len(own), floor, own["median"].tolist())
        for n, seconds in zip(own["hidden_units"], own["median"], strict=True):
            parts = step_shares(float(seconds), model.overhead(LAYERS), floors[n]["arithmetic"], floors[n]["memory"])
            limits[str(name), n] = (parts.arithmetic, parts.limit)
    keys = list(zip(table["implementation"], table["hidden_units"], strict=True))
    return table.assign(peak=[limits[key][0] for key in keys], limit=[limits[key][1] for key in keys])


def _fastest(good: "pd.DataFrame", table: "pd.DataFrame", units: int) -> str:
    some = table[table["hidden_units"] == units].set_index("implementation")["median"]
    if len(some) < 2:
        return ""
    own = good[good["hidden_units"] == units].copy()
    own["log_seconds"] = np.log(own["seconds_per_step"])  # ratios, not differences, are what a slow moment multiplies
    ranking = rank(own, "implementation", "log_seconds", "low")
    first, verdict = some.index[0], ranking.verdict
    assert verdict is not None
    others = listed([f"{_name(name)} takes {some[name] / some[first]:.3g} times as long" for name in some.index[1:]])
    microseconds = float(some[first]) * 1e6
    time = for_people(round(microseconds) if microseconds >= 1000 else microseconds)
    start = f"With {shown(units)} hidden units {_name(first)} is fastest, {time} µs per step; {others}"
    if verdict.seeds < 2:
        return f"{start}; measured once, so a slow moment of the machine may have decided."
    if verdict.is_clear and verdict.best == first:
        return f"{start}: beyond chance over {verdict.seeds} rounds."
    near = listed([_name(name) for name in ranking.tied if name != first])
    return f"{start}. Over {verdict.seeds} rounds it cannot be told apart from {near}." if near else f"{start}."


def _name(implementation: object) -> str:
    return f"the {implementation}" if implementation == "kernel" else str(implementation)


def _crossings(good: "pd.DataFrame") -> str:
    """Return the sentence on where the faster of two changes, for every pair."""
    units = [int(n) for n in sorted(good["hidden_units"].unique())]
    wide = good.pivot_table(index="seed", columns=["hidden_units", "implementation"], values="seconds_per_step")
    times = [{str(name): wide[n][name].to_numpy() for name in wide[n]} for n in units]
    found = find_crossings(units, times, [str(name) for name in dict.fromkeys(good["implementation"])])
    told = []
    for (one, other), own in found.items():
        if own.verdict == "crosses" and own.at is not None and own.low is not None and own.high is not None:
            before, after = (one, other) if own.first == 0 else (other, one)
            told.append(f"from {own.at:.0f} hidden units on (95 % interval {own.low:.0f} to {own.high:.0f}) "
                        f"{_name(after)} is faster than {_name(before)}")  # fmt: skip
    if not found:
        return ""
    none = sum(own.verdict == "none" for own in found.values())
    open_ = sum(own.verdict == "undecided" for own in found.values())
    rest = f"{none} of {len(found)} pairs do not cross between {shown(units[0])} and {shown(units[-1])} hidden units"
    few = f" (a crossing needs {FEWEST_ROUNDS} rounds)" if len(wide) < FEWEST_ROUNDS else ""
    rest += f", and of {open_} it cannot be said{few}" if open_ else ""
    return f"{listed(told)}; {rest}.".replace("from", "From", 1) if told else f"{rest}."


def _limits(table: "pd.DataFrame") -> str:
    """Return the sentence on what limits each implementation at the smallest and at the largest network."""
    if "limit" not in table or table["hidden_units"].nunique() < 3:
        return ""
    told = []
    for name, own in table.sort_values("hidden_units").groupby("implementation", sort=False):
        small, large = own.iloc[0], own.iloc[-1]
        turn = own.loc[own["limit"] != small["limit"], "hidden_units"]
        how = f"by {small['limit']} throughout" if turn.empty else (
            f"by {small['limit']} at first and by {large['limit']} from {shown(turn.iloc[0])} units on")  # fmt: skip
        told.append(f"{_name(name)} {how}, at {share(float(large['peak']))} of the peak in the end")
    return f"What limits a step most: {listed(told)}."


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
        f"Doubling the width multiplies the time of a step, at the small and at the large end of the range: "
        f"{listed(told)}. Twice would be time spent on products alone; less is overhead, which no width changes."
    )


def _noise(table: "pd.DataFrame") -> str:
    spread = (table["high"] - table["low"]) / table["median"]
    noisy = int((spread > NOISY).sum())
    if not noisy:
        return ""
    return f"{noisy} of {len(table)} times spread over more than {share(NOISY)} between rounds: stop other programs."
