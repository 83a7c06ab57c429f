"""Show the plan of a sweep as tables: for people in their units, for machines whole."""

import shlex
from collections.abc import Sequence

from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.display.text import duration
from mlpctl.engines.program.command import filled, values_of, words_of
from mlpctl.models.cost import in_bytes
from mlpctl.runner.dry_run import SweepPlan
from mlpctl.runner.trial import Trial
from mlpctl.spec import option_of
from mlpctl.store.schema import LOGS_FOLDER

SHOWN_CONFIGURATIONS = 5
"""Configurations that are left out, shown to people; machines get all trials."""


def tables(plan: SweepPlan, *, people: bool) -> list[Table]:
    """Return a plan as tables: its numbers, for machines in one row, and what is left out where there are limits."""
    new = plan.fit + plan.left_out
    invalid = len(plan.invalid) if not plan.sample else round(new * len(plan.invalid) / max(len(plan.runs), 1))
    seconds, low, high = plan.seconds
    peak, data, trial = plan.memory
    line: dict[str, Cell] = {
        "trials": new + plan.stored + invalid,
        "stored": plan.stored,
        "new": new,
        "invalid": invalid,
        **({"fit": plan.fit, "left_out": plan.left_out} if plan.limit else {}),
        "epochs": plan.epochs,
    }
    if plan.is_measured and people:
        line |= {"time": f"{duration(seconds)} ({duration(low)} to {duration(high)})", "memory": in_bytes(peak)}
    elif plan.is_measured:
        line |= {"seconds": seconds, "low": low, "high": high, "memory_bytes": peak}
    notes = [f"results in {plan.folder}", *dict.fromkeys(f"invalid: {row['error']}" for row in plan.invalid)]
    if plan.guessed:
        method = plan.experiment.search.method
        notes.append(f"{method} decides as it learns: played with made-up scores, so the numbers are approximate")
    if plan.sample:
        notes.append(f"too many to look at each: epochs, time and invalid are estimated from {plan.sample} of them")
    if plan.trials and not plan.is_measured:
        notes.append(f"the first: {first_command(plan)}")
    elif plan.runs:
        notes.append(
            "time: of the whole command, epochs: to be trained; measured now on trials of each shape. memory: of which "
            f"data {in_bytes(data)}, a trial in training at most {in_bytes(trial)}"
        )
    told: list[dict[str, Cell]] = [
        {"what": name.replace("_", " "), "number": for_people(n)} for name, n in line.items()
    ]
    first = Table(["what", "number"] if people else list(line), told if people else [line], plan.experiment.name, notes)
    return [first, *left_out(plan, people=people)] if plan.limit and (plan.left or plan.rungs) else [first]


def first_command(plan: SweepPlan) -> str:
    """Return what the first trial of a program runs, as a shell would write it."""
    spec = plan.trials[0].spec
    words = words_of(str(spec.command))
    return shlex.join(filled(words, values_of(spec, plan.folder / LOGS_FOLDER / plan.trials[0].key)))


def left_out(plan: SweepPlan, *, people: bool) -> list[Table]:
    """Return what does not fit: of a search that learns how much, then the trials, where they are known."""
    certain = [trial for trial in plan.left if trial.key not in plan.guesses]
    tables = [_rungs(plan)] if plan.rungs else []
    return [*tables, _trials(plan, certain, people=people)] if certain or not tables else tables


def _rungs(plan: SweepPlan) -> Table:
    """Return how many configurations a search does not get to, on each rung."""
    rows: list[dict[str, Cell]] = [
        {**({"epochs": rung.epochs} if rung.epochs else {}), "configurations": rung.planned, "left_out": rung.left}
        for rung in plan.rungs
    ]
    method = plan.experiment.search.method
    notes = [f"configurations: that {method} asks for; which the others are depends on scores that are not there yet"]
    if len(plan.experiment.seeds) > 1:
        notes.append("left_out: those that lack a seed are among them")
    return Table(list(rows[0]), rows, f"Not reached by {method} for {plan.limit}", notes)


def _trials(plan: SweepPlan, left: Sequence[Trial], *, people: bool) -> Table:
    """Return the trials that do not fit: for people the first configurations with their seeds, for machines all."""
    varied = list(dict.fromkeys((*plan.experiment.varied, "epochs")))
    rows: list[dict[str, Cell]] = [
        {"key": trial.key, **{name: _value(trial, name) for name in varied}, "seed": trial.spec.seed} for trial in left
    ]
    title = f"Left out by {plan.limit}"
    if not people:
        return Table(["key", *varied, "seed"], rows, title)
    groups: dict[tuple[Cell, ...], list[str]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in varied), []).append(str(row["seed"]))
    lines = [{**dict(zip(varied, group, strict=True)), "seeds": ", ".join(seeds)} for group, seeds in groups.items()]
    notes = ["order of training: seed by seed, of each the axes as they are given, the last one fastest"]
    if plan.rungs:
        notes = ["asked for already, in this order"]
    if len(lines) > SHOWN_CONFIGURATIONS:
        notes.append(
            f"… and {len(lines) - SHOWN_CONFIGURATIONS} more configurations; --format json lists all {len(rows)} trials"
        )
    return Table([*varied, "seeds"], lines[:SHOWN_CONFIGURATIONS], title, notes, varied)


def _value(trial: Trial, name: str) -> Cell:
    if option := option_of(name):
        return str(getattr(trial.spec, option[0]).get(option[1], ""))
    return trial.spec.flat()[name]
