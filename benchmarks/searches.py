"""`python -m benchmarks.searches`: what each search finds, and for which share of the grid's model-epochs.

The grid of experiments/halving.toml is trained once and its epochs are looked up from then on: a search over it costs
nothing, so each is repeated with many seeds. The schedule is constant: a trial of 9 epochs is the beginning of one of
27, and epoch 9 of the latter is its score.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from mlpctl.cli.screens.sweep import SweepScreen
from mlpctl.display.print_tables import print_tables
from mlpctl.display.tables import Cell, Table, to_text
from mlpctl.runner.experiment import Experiment, most_epochs
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.sweep import sweep
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.search.make import make_search
from mlpctl.search.space import Proposal
from mlpctl.search.table import SearchTable
from mlpctl.spec import Spec
from mlpctl.store.results import load
from mlpctl.system.facts import cpu_model, git_state, usable_cores

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
"""What is compared; 43 configurations with all their epochs are a fifth of the grid."""

Cells = Mapping[tuple[object, ...], Mapping[int, float]]
"""Configuration -> epochs -> validation accuracy."""


def grid_of(experiment: Experiment, seeds: int) -> Experiment:
    """Return the experiment as a grid over some seeds."""
    return replace(experiment, name="searches-grid", seeds=tuple(range(seeds)), search=SearchTable(method="grid"))


def cells(experiment: Experiment, folder: Path, seed: int) -> Cells:
    """Return what the trained grid says for a seed."""
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


def play(experiment: Experiment, table: SearchTable, known: Cells) -> tuple[int, float]:
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
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks"))
    given = parser.parse_args()
    experiment = read_experiment(EXPERIMENT)
    grid = grid_of(experiment, given.seeds)
    screen = SweepScreen(grid, jobs=usable_cores(), quiet=False)
    with screen:
        sweep(grid, given.results, RunOptions(jobs=usable_cores()), screen, Stop())
    known = {seed: cells(experiment, given.results / grid.name, seed) for seed in grid.seeds}
    most = most_epochs(experiment.base)
    best = {seed: max(scores.get(most, 0.0) for scores in table.values()) for seed, table in known.items()}
    whole = len(known[0]) * most
    rows: list[dict[str, Cell]] = [
        {
            "search": "grid",
            "share of epochs": 1.0,
            "accuracy": fmean(best.values()),
            "short by": 0.0,
            "finds the best": 1.0,
        }
    ]
    for name, table in SEARCHES.items():
        played = [
            (seed, *play(experiment, table.model_copy(update={"seed": repeat}), known[seed]))
            for seed in grid.seeds
            for repeat in range(given.repeats)
        ]
        rows.append(
            {
                "search": name,
                "share of epochs": fmean(epochs for _, epochs, _ in played) / whole,
                "accuracy": fmean(found for _, _, found in played),
                "short by": fmean(best[seed] - found for seed, _, found in played),
                "finds the best": fmean(found >= best[seed] for seed, _, found in played),
            }
        )
    commit = str((git_state(Path.cwd()) or {}).get("commit", ""))[:12]
    notes = [
        f"{EXPERIMENT.name}: {len(known[0])} configurations of Fashion-MNIST, {most} epochs, 12,000 training and "
        "48,000 validation pictures; mean over "
        f"{given.seeds} training seeds × {given.repeats} seeds of the search",
        "share of epochs: model-epochs over the grid's; accuracy: validation, of the best configuration with all "
        "epochs; finds the best: share of runs that end with the very configuration that the grid ends with",
        f"{cpu_model()}, {datetime.now(UTC):%Y-%m-%d}, commit {commit}",
    ]
    told = Table(list(rows[0]), rows, "What a search finds of the grid's best, and its price", notes)
    print_tables([told])
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "searches.csv").write_text(to_text([told], "csv"), "utf-8")
    (given.output / "searches.md").write_text(to_text([told], "md"), "utf-8")


if __name__ == "__main__":
    main()
