"""Compare the searches on a trained grid: the accuracy that each finds, and its share of the grid's model-epochs.

The grid of experiments/halving.toml is trained once and its epochs are looked up from then on: a search over it costs
nothing, so each is repeated with many seeds. The schedule is constant: a trial of 9 epochs is the beginning of one of
27, and epoch 9 of the latter is its score.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from benchmarks.tables import RESULTS, commit, keep, today
from mlpctl.cli.screens.sweep import SweepScreen
from mlpctl.display.tables import Cell, Table
from mlpctl.runner.experiment import Experiment, most_epochs
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.sweep import sweep
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.search.make import make_search
from mlpctl.search.space import Proposal
from mlpctl.search.table import SearchTable
from mlpctl.spec import Spec
from mlpctl.store.results import load
from mlpctl.system.facts import cpu_model, usable_cores

EXPERIMENT = Path(__file__).parent.parent / "experiments" / "halving.toml"

SEARCHES = {
    "random": SearchTable(method="random", trials=43),
    "sobol": SearchTable(method="sobol", trials=43),
    "tpe": SearchTable(method="tpe", trials=43),
    "halving": SearchTable(method="halving", trials=216),
    "halving, half of the space": SearchTable(method="halving", trials=108),
    "asha": SearchTable(method="asha", trials=216),
    "hyperband": SearchTable(method="hyperband"),
}
"""Searches to compare; 43 configurations with all their epochs are a fifth of the grid."""

KnownScores = Mapping[tuple[object, ...], Mapping[int, float]]
"""Configuration -> epochs -> validation accuracy."""


def grid_of(experiment: Experiment, seeds: int) -> Experiment:
    """Return the experiment as a grid over some seeds."""
    return replace(experiment, name="searches-grid", seeds=tuple(range(seeds)), search=SearchTable(method="grid"))


def known_scores(experiment: Experiment, folder: Path, seed: int) -> KnownScores:
    """Return the scores of the trained grid for a seed."""
    results = load(folder)
    names = experiment.varied
    trials = results.trials[results.trials["seed"] == seed]
    of_key = {
        row["key"]: Spec.from_flat({name: _given(row[name]) for name in names}) for row in trials.to_dict("records")
    }
    table: dict[tuple[object, ...], dict[int, float]] = {}
    epochs = results.epochs[results.epochs["key"].isin(trials["key"])]
    for key, epoch, score in epochs[["key", "epoch", "val_accuracy"]].itertuples(index=False):
        table.setdefault(_place(of_key[key].model_dump(), names), {})[int(epoch)] = float(score)
    return table


def _given(value: object) -> object:
    return None if value != value else value  # noqa: PLR0124  a missing cell


def _place(proposal: Mapping[str, object], names: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(proposal[name] for name in names)


def play(experiment: Experiment, table: SearchTable, known: KnownScores) -> tuple[int, float]:
    """Return (model-epochs, best accuracy of a configuration with all epochs) of a search over a trained grid."""
    most = most_epochs(experiment.base)
    search = make_search(table, experiment.space(), most, lambda proposal: _place(proposal, experiment.varied))
    spent: dict[tuple[object, ...], int] = {}
    best = 0.0

    def score(proposal: Proposal) -> float | None:
        nonlocal best
        place, epochs = _place(proposal, experiment.varied), int(proposal.get("epochs", most))
        spent[place] = max(spent.get(place, 0), epochs)  # survivors continue
        accuracy = known[place].get(epochs)
        if epochs == most and accuracy is not None:
            best = max(best, accuracy)
        return accuracy

    while batch := list(search.ask()):
        for proposal in batch:
            search.tell(proposal, score(proposal))
        if not search.learns:
            break
    return sum(spent.values()), best


def main() -> None:
    """Train the grid where it is not trained yet, replay the searches, print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="seeds that the grid is trained with")
    parser.add_argument("--repeats", type=int, default=20, help="seeds of each search, per grid")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the grid is, or will be")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    experiment = read_experiment(EXPERIMENT)
    grid = grid_of(experiment, given.seeds)
    screen = SweepScreen(grid, jobs=usable_cores(), quiet=False)
    with screen:
        sweep(grid, given.results, RunOptions(jobs=usable_cores()), screen, Stop())
    known = {seed: known_scores(experiment, given.results / grid.name, seed) for seed in grid.seeds}
    most = most_epochs(experiment.base)
    best = {seed: max(scores.get(most, 0.0) for scores in table.values()) for seed, table in known.items()}
    whole = len(known[0]) * most
    columns = ("search", "share of epochs", "accuracy", "short by", "finds the best")
    rows: list[dict[str, Cell]] = [dict(zip(columns, ("grid", 1.0, fmean(best.values()), 0.0, 1.0), strict=True))]
    for name, table in SEARCHES.items():
        played = [
            (seed, *play(experiment, table.model_copy(update={"seed": repeat}), known[seed]))
            for seed in grid.seeds
            for repeat in range(given.repeats)
        ]
        cells = (name, fmean(epochs for _, epochs, _ in played) / whole, fmean(found for _, _, found in played),
                 fmean(best[seed] - found for seed, _, found in played),
                 fmean(found >= best[seed] for seed, _, found in played))  # fmt: skip
        rows.append(dict(zip(columns, cells, strict=True)))
    notes = [
        f"{EXPERIMENT.name}: {len(known[0])} configurations of Fashion-MNIST, {most} epochs, 12,000 training and "
        "48,000 validation pictures; mean over "
        f"{given.seeds} training seeds × {given.repeats} seeds of the search",
        "share of epochs: model-epochs over the grid's; accuracy: validation, of the best configuration with all "
        "epochs; finds the best: share of runs that end with the very configuration that the grid ends with",
        f"{cpu_model()}, {today()}, commit {commit()}",
    ]
    keep(
        [Table(columns, rows, "What a search finds of the grid's best, and its price", notes)], "searches", given.output
    )


if __name__ == "__main__":
    main()
