"""Time a training step of each implementation as the network grows, as `bench train` does (5.2.6)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlpctl.bench.step_model import FEWEST_ROUNDS, find_crossings, fit_step_times, step_shares
from mlpctl.display.tables import Table, for_people
from mlpctl.report.dataframes import frame_rows
from mlpctl.report.figures.plot import Line, Plot
from mlpctl.runner.experiment_file import Effort
from mlpctl.textbook.exercises.catalog import Exercise
from mlpctl.textbook.exercises.ranking import rank_values
from mlpctl.textbook.exercises.wording import list_text, percent_of, value_text

if TYPE_CHECKING:
    import pandas as pd

    from mlpctl.textbook.exercises.collect import ExerciseOptions

STEP_BATCH, STEP_LAYERS = 256, 2
"""Minibatch of the exercise's network, and its layers with weights: one hidden, and the outputs."""

NOISY_SPREAD = 0.10
"""Relative spread of the rounds from which a time is called noisy."""

LINE_NAMES = {"numpy": "NumPy by hand", "scratch": "from scratch (torch tensors)", "concise": "concise (torch.nn)",
              "kernel": "compiled kernel"}  # fmt: skip


@dataclass(frozen=True)
class StepPlan:
    """Steps to time: implementations, widths of the hidden layer; rounds, and runs in each."""

    names: tuple[str, ...]
    widths: tuple[int, ...]
    rounds: int
    runs: int


STEP_PLANS: dict[Effort, StepPlan] = {
    "quick": StepPlan(("scratch", "concise", "kernel"), (16, 64, 256), 2, 3),
    "default": StepPlan(tuple(LINE_NAMES), (16, 64, 256, 1024, 2048), 7, 3),
    "thorough": StepPlan(
        ("numpy", "manual", "autograd", "function", "scratch", "concise", "module", "kernel", "lanes"),
        (16, 32, 64, 128, 256, 512, 1024, 2048, 4096), 9, 5,
    ),
}  # fmt: skip


def collect_data(options: "ExerciseOptions") -> "pd.DataFrame":
    """Return a row per round, width and implementation: seconds of a step, and what the machine allows."""
    from mlpctl.bench.train import train_options
    from mlpctl.textbook.exercises.collect import measure_rounds

    plan = STEP_PLANS[options.effort]
    steps = train_options(plan.names, {"width": plan.widths, "depth": (1,), "batch": (STEP_BATCH,)})

    def measure_round(number: int) -> "pd.DataFrame":
        import pandas as pd

        from mlpctl.bench.sampling import TimingPlan
        from mlpctl.bench.train import measure_training

        measured, timed = measure_training(steps, TimingPlan(warmup=1, runs=plan.runs, max_seconds=None, seed=number))
        if measured.interrupted or timed.ceilings is None:
            raise KeyboardInterrupt  # the rounds before are kept
        rows = []
        for point, names in timed.times.items():
            step = timed.costs[point]
            limits = {"arithmetic": timed.ceilings.arithmetic(step), "memory": timed.ceilings.memory(step)}
            rows += [{"seed": number, "status": "ok", "hidden_units": point.width, "implementation": name,
                      "seconds_per_step": timed.median(point, name), "flops": step.flops, **limits}
                     for name in names]  # fmt: skip
        return pd.DataFrame(rows)

    return measure_rounds(options, plan.rounds, "seed", measure_round)


class StepStudy(NamedTuple):
    """Times of training steps."""

    timings: "pd.DataFrame"  # a row per round, width and implementation
    medians: "pd.DataFrame"  # a row per width and implementation: median and range of the rounds, limits where known
    units: list[int]  # the widths, smallest first


def build_study(timings: "pd.DataFrame", _: Exercise) -> StepStudy:
    """Return the study of the timings."""
    import pandas as pd

    known = timings[timings["seconds_per_step"].notna()].sort_values(["hidden_units", "implementation"], kind="stable")
    times = known.groupby(["implementation", "hidden_units"], sort=False)["seconds_per_step"]
    spread = pd.DataFrame(times.agg(n="count", median="median", low="min", high="max"))
    medians = spread.reset_index().sort_values(["hidden_units", "median"], ignore_index=True)
    medians["times_fastest"] = medians["median"] / medians.groupby("hidden_units")["median"].transform("min")
    medians = with_limits(medians, known) if "arithmetic" in known else medians
    return StepStudy(known, medians, [int(n) for n in sorted(known["hidden_units"].unique())])


def _by_implementation(study: StepStudy) -> "list[tuple[str, pd.DataFrame]]":
    order = study.medians.sort_values("hidden_units").groupby("implementation", sort=False)
    return [(str(name), own) for name, own in order]


def with_limits(medians: "pd.DataFrame", timings: "pd.DataFrame") -> "pd.DataFrame":
    """Return the medians with the share of the machine's peak and with what limits each."""
    floors = timings.groupby("hidden_units")[["arithmetic", "memory"]].median().to_dict("index")
    medians = medians.assign(peak=np.nan, limit="")
    for _, own in medians.groupby("implementation", sort=False):
        least = [max(floors[n].values()) for n in own["hidden_units"]]
        overhead = fit_step_times([STEP_LAYERS] * len(own), least, own["median"].tolist()).overhead(STEP_LAYERS)
        for row, n, seconds in zip(own.index, own["hidden_units"], own["median"], strict=True):
            shares = step_shares(float(seconds), overhead, floors[n]["arithmetic"], floors[n]["memory"])
            medians.loc[row, ["peak", "limit"]] = [shares.arithmetic, shares.limit]
    return medians


def fastest_when_small(study: StepStudy) -> str:
    """Claim which implementation is fastest for the smallest network."""
    return _fastest(study, study.units[0])


def fastest_when_large(study: StepStudy) -> str:
    """Claim which implementation is fastest for the largest network."""
    return _fastest(study, study.units[-1]) if len(study.units) > 1 else ""


def _fastest(study: StepStudy, units: int) -> str:
    some = study.medians[study.medians["hidden_units"] == units].set_index("implementation")["median"]
    if len(some) < 2:
        return ""
    own = study.timings[study.timings["hidden_units"] == units]
    own = own.assign(log_seconds=np.log(own["seconds_per_step"]))  # a slow moment multiplies, it does not add
    ranking = rank_values(own, "implementation", "log_seconds", "low")
    first, verdict = some.index[0], ranking.verdict
    assert verdict is not None
    others = list_text(
        [f"{_named(name)} takes {some[name] / some[first]:.3g} times as long" for name in some.index[1:]]
    )
    us = float(some[first]) * 1e6
    time = for_people(round(us) if us >= 1000 else us)
    start = f"With {value_text(units)} hidden units {_named(first)} is fastest, {time} µs per step; {others}"
    if verdict.seeds < 2:
        return f"{start}; measured once, so a slow moment of the machine may have decided."
    if verdict.is_clear and verdict.best == first:
        return f"{start}: beyond chance over {verdict.seeds} rounds."
    near = list_text([_named(name) for name in ranking.tied if name != first])
    return f"{start}. Over {verdict.seeds} rounds it cannot be told apart from {near}." if near else f"{start}."


def crossovers(study: StepStudy) -> str:
    """Claim at which width the faster of two implementations changes."""
    units, names = study.units, [str(name) for name in dict.fromkeys(study.timings["implementation"])]
    wide = study.timings.pivot_table(
        index="seed", columns=["hidden_units", "implementation"], values="seconds_per_step"
    )
    times = [{str(name): wide[n][name].to_numpy() for name in wide[n]} for n in units]
    pairs = find_crossings(units, times, names)
    if not pairs:
        return ""
    claimed = []
    for (one, other), own in pairs.items():
        if own.verdict == "crosses" and own.at is not None and own.low is not None and own.high is not None:
            before, after = (one, other) if own.first == 0 else (other, one)
            claimed.append(f"from {own.at:.0f} hidden units on (95 % interval {own.low:.0f} to {own.high:.0f}) "
                           f"{_named(after)} is faster than {_named(before)}")  # fmt: skip
    none, open_ = (sum(own.verdict == verdict for own in pairs.values()) for verdict in ("none", "undecided"))
    ends = f"{value_text(units[0])} and {value_text(units[-1])} hidden units"
    rest = f"{none} of {len(pairs)} pairs do not cross between {ends}"
    few = f" (a crossing needs {FEWEST_ROUNDS} rounds)" if len(wide) < FEWEST_ROUNDS else ""
    rest += f", and of {open_} it cannot be said{few}" if open_ else ""
    return f"{list_text(claimed)}; {rest}.".replace("from", "From", 1) if claimed else f"{rest}."


def limiting_resources(study: StepStudy) -> str:
    """Claim what limits each implementation at the smallest and at the largest network."""
    if "limit" not in study.medians or len(study.units) < 3:
        return ""
    claimed = []
    for name, own in _by_implementation(study):
        small, large = own.iloc[0], own.iloc[-1]
        turn = own.loc[own["limit"] != small["limit"], "hidden_units"]
        how = f"by {small['limit']} throughout"
        if len(turn):
            how = f"by {small['limit']} at first and by {large['limit']} from {value_text(turn.iloc[0])} units on"
        claimed.append(f"{_named(name)} {how}, at {percent_of(float(large['peak']))} of the peak in the end")
    return f"What limits a step most: {list_text(claimed)}."


def growth(study: StepStudy) -> str:
    """Claim by how much a doubled width multiplies the time of a step, at both ends of the range."""
    claimed = []
    for name, own in _by_implementation(study):
        if len(own) > 2:
            steps = np.diff(np.log2(own[["hidden_units", "median"]].to_numpy(dtype=np.float64)), axis=0)
            first, last = (2 ** (step[1] / step[0]) for step in (steps[0], steps[-1]))
            claimed.append(f"{_named(name)} {first:.2f} and {last:.2f} times")
    if not claimed:
        return ""
    return (
        f"Doubling the width multiplies the time of a step, at the small and at the large end of the range: "
        f"{list_text(claimed)}. Twice would be time spent on products alone; less is overhead, which no width changes."
    )


def noisy_times(study: StepStudy) -> str:
    """Claim how many times are noisy."""
    times = study.medians
    noisy = int(((times["high"] - times["low"]) / times["median"] > NOISY_SPREAD).sum())
    what = f"{noisy} of {len(times)} times spread over more than {percent_of(NOISY_SPREAD)} between rounds"
    rounds = f"times are medians of {int(times['n'].max())} rounds"
    return f"{rounds}; {what}: stop other programs and measure again (`--force`)." if noisy else f"{rounds}."


def answer_table(study: StepStudy) -> Table:
    """Return the table of an answer: a row per width and implementation."""
    own = study.medians
    note = ("limit: the largest of overhead (fitted: time = overhead + factor · floor), arithmetic (FLOPs at the "
            "measured peak), memory (bytes at the measured bandwidth); peak: share of the measured peak.")  # fmt: skip
    return Table(list(own.columns), frame_rows(own), "Seconds per step", [note], ["hidden_units"])


def answer_plot(study: StepStudy) -> Plot:
    """Return the plot of an answer: time against width, a line for each implementation."""
    lines = []
    for name, own in _by_implementation(study):
        y, low, high = ((own[column] * 1e6).tolist() for column in ("median", "low", "high"))
        lines.append(Line(LINE_NAMES.get(name, name), own["hidden_units"].astype(float).tolist(), y, low, high))
    title = f"µs per step against hidden units, minibatch {STEP_BATCH}\nmedian and range of the rounds, one thread"
    return Plot(title, "hidden units", "µs per step", tuple(lines), log_x=True, log_y=True)


def _named(implementation: object) -> str:
    return f"the {implementation}" if implementation == "kernel" else str(implementation)
