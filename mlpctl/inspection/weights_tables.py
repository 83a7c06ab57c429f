"""Write the weights and biases of a network as tables."""

from typing import TYPE_CHECKING

import numpy as np

from mlpctl.display.tables import Cell, Table
from mlpctl.errors import UsageError
from mlpctl.inspection.subject import Subject

if TYPE_CHECKING:
    from mlpctl.data.base import Dataset

MOST_NUMBERS = 20_000
"""Numbers that are printed; more are for a file of weights."""

BESIDE_WEIGHTS = ("bn_weight", "bn_bias", "running_mean", "running_var")
"""Arrays of a layer with a number per unit, beside weight and bias, where there is batch normalization."""


def weights_tables(subject: Subject) -> list[Table]:
    """Return a table per affine map: a row per input and one for the bias, a column per unit.

    Raises:
        UsageError: if there are too many numbers to read.
    """
    network, dataset = subject.trial.network, subject.trial.dataset
    if network.n_parameters > MOST_NUMBERS:
        raise UsageError(
            f"the network has {network.n_parameters:,} parameters, and --weights prints {MOST_NUMBERS:,} at most: "
            "`mlpctl export RESULTS --to safetensors` writes them to a file"
        )
    weights, stage = subject.latest()
    depth = len(network.layers)
    tables = []
    names: list[str] = _names(dataset.features, "input", network.layers[0].inputs)
    for number, layer in enumerate(network.layers):
        is_last = number + 1 == depth
        outputs = _outputs(dataset, layer.outputs) if is_last else _names((), "unit", layer.outputs)
        for weight, bias in layer.maps:
            rows: list[dict[str, Cell]] = [
                {"input": name, **dict(zip(outputs, row, strict=True))}
                for name, row in zip(names, weights[f"{number}.{weight}"].tolist(), strict=True)
            ]
            beside = [bias] if bias else []
            if weight == "weight" and layer.batch_norm:
                beside += BESIDE_WEIGHTS
            for name in beside:
                values = weights[f"{number}.{name}"].tolist()
                said = "bias" if name == bias else name.replace("_", " ")
                rows.append({"input": said, **dict(zip(outputs, values, strict=True))})
            what = "weights" if weight == "weight" else "weights of the second factor"
            tables.append(Table(["input", *outputs], rows, f"Layer {number + 1}, {what} and biases, {stage}"))
        names = outputs
    if dataset.name == "linreg" and depth == 1:
        tables[0] = _with_truth(subject, tables[0])
    return tables


def _names(known: tuple[str, ...], what: str, n: int) -> list[str]:
    """Return names of n columns or rows, all different."""
    if len(known) == n and len(set(known)) == n:
        return list(known)
    return [f"{what} {number}" for number in range(1, n + 1)]


def _outputs(dataset: "Dataset", n: int) -> list[str]:
    if dataset.classes and n == 1:
        return [f"for {dataset.classes[1]}"]
    return _names(dataset.classes or dataset.targets, "output", n)


def _with_truth(subject: Subject, table: Table) -> Table:
    """Return the table of a linear regression with the numbers that made its data beside those found."""
    from mlpctl.data.linreg import LinregOptions

    options = LinregOptions(**subject.trial.spec.data)
    data = subject.trial.work().data
    column = table.columns[1]
    found = np.array([float(row[column] or 0.0) for row in table.rows])
    notes = []
    if data.target_spread:  # trained on scaled targets: told in their own unit
        found = found * data.target_spread[0]
        found[-1] += data.target_mean[0] * (table.rows[-1]["input"] == "bias")
    if subject.trial.spec.scaling != "none":
        notes = [f"The inputs were scaled ({subject.trial.spec.scaling}), so these weights are not those of the data."]
    truth = [*options.w, options.b]
    rows = [
        {"input": row["input"], "found": value, "truth": true, "difference": value - true}
        for row, value, true in zip(table.rows, found.tolist(), truth, strict=False)
    ]
    return Table(["input", "found", "truth", "difference"], rows, table.title, notes, exact=["truth"])
