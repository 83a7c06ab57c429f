"""Writes docs/notebook.ipynb: `python -m tests.helpers.notebook FILE` runs its cells in a kernel of their own.

What a text says of an output is a claim beside it here: it is checked in the same kernel, and not shown.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat as untyped
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

nbformat: Any = untyped
ROOT = Path(__file__).parents[2]

CELLS: list[tuple[str, str, str]] = [
    (
        """# A session with mlpctl

Everything that the commands do is there in Python: [api.md](api.md) lists it. `import mlpctl` is light; torch, numba
and pandas are imported when they are needed. Results go to `results/`, as those of the commands do.""",
        "import mlpctl",
        "",
    ),
    (
        """## One network

`train` takes the options of `mlpctl train` by name. What is left out is decided by the dataset, the model or the
optimizer.""",
        """run = mlpctl.train(dataset="digits", hidden_units=32, lr=0.1, epochs=10, name="first", save=True)
run""",
        "run.status == 'ok'",
    ),
    (
        """The epochs are a DataFrame, the row of the trial is a Series. More than nine in ten test images are read
right.""",
        """print(f"test accuracy {run.trial['test_accuracy']:.3f}, {run.trial['parameters']} parameters")
run.epochs[["epoch", "train_loss", "val_loss", "val_accuracy"]].tail(3)""",
        "run.trial['test_accuracy'] > 0.9",
    ),
    (
        "With `save=True` the weights are kept, and the network can be asked.",
        """run.predict(index=range(3))[["example", "true", "predicted", "probability"]]""",
        "len(run.weights) == 4",
    ),
    (
        """## Many networks

`sweep` trains every combination, here nine configurations with three seeds each. It shows a line of progress where that
takes longer than a second.""",
        """axes = {"hidden_units": [4, 16, 64], "lr": [0.01, 0.1, 1.0]}
results = mlpctl.sweep(dataset="digits", axes=axes, seeds=3, epochs=20)
results""",
        "len(results.trials) == 27",
    ),
    (
        "The largest network comes out first, and that is not certain: others are close to it. In words:",
        "print(results.verdict)",
        "results.best['hidden_units'] == 64 and 'behind' in results.verdict",
    ),
    (
        "Which axis matters? The number of hidden units, more than the learning rate.",
        "results.importance",
        "results.importance['axis'].iloc[0] == 'hidden_units'",
    ),
    (
        "A learning rate of 1 suits 64 units and is too much for 4: with them 0.1 is better.",
        """results.plot(by=["hidden_units", "lr"])""",
        "(lambda t: t[4, 1.0] < t[4, 0.1] and t[64, 1.0] > t[64, 0.01])"
        "(results.trials.groupby(['hidden_units', 'lr'])['val_accuracy'].mean())",
    ),
    (
        "The tables are tidy, a row per trial and a row per epoch, so that pandas answers the rest.",
        """results.trials.pivot_table(index="hidden_units", columns="lr", values="test_accuracy").round(3)""",
        "len(results.epochs) == 27 * 20",
    ),
    (
        """## The same call goes on

What is in the folder is not trained again: a wider sweep trains what is new, an interrupted one what is missing.""",
        """wider = mlpctl.sweep(dataset="digits", axes={**axes, "lr": [0.01, 0.1, 0.3, 1.0]}, seeds=3, epochs=20)
kept = wider.trials.merge(results.trials, on=["key", "started"])
print(f"{len(kept)} of {len(wider.trials)} trials were there")""",
        "len(kept) == 27 and len(wider.trials) == 36",
    ),
    (
        """## Two results side by side

Does dropout help? Both sweeps have the same seeds, so each configuration is compared pair by pair. With three seeds
none of these differences is certain to be for the better.""",
        """fewer = {"hidden_units": [16, 64], "lr": [0.1, 1.0]}
dropout = mlpctl.sweep(dataset="digits", axes=fewer, seeds=3, epochs=20, dropout=0.2, name="dropout")
wider.compare(dropout)""",
        "'better' not in set(wider.compare(dropout).outcome['B is'])",
    ),
    (
        """## Errors

They are `mlpctl.MlpctlError`, name every problem at once, and what to type instead.""",
        """try:
    mlpctl.train(dataset="digit", hiden_units=64)
except mlpctl.UsageError as error:
    print(*error.problems, sep="\\n")""",
        "True",
    ),
    (
        "Later, or elsewhere, `load` reads the folder again; a trial of it is found by the beginning of its key.",
        """later = mlpctl.load("results/digits-mlp")
later.run(later.best["key"][:6]).plot()""",
        "len(later.trials) == len(wider.trials)",
    ),
]
"""(text, code, what has to hold after it)."""


def cells(*, checked: bool) -> list[Any]:
    """Return the cells; checked, each claim is a cell that fails where it does not hold."""
    found = []
    for text, code, claim in CELLS:
        found += [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell(code)]
        if checked and claim:
            found.append(nbformat.v4.new_code_cell(f"assert {claim}", metadata={"claim": True}))
    return found


def executed(folder: Path) -> Any:
    """Return the notebook with its outputs, run in a folder by a kernel that listens on loopback alone.

    Raises:
        CellExecutionError: where a cell fails or a claim does not hold.
    """
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    book = nbformat.v4.new_notebook(cells=cells(checked=True), metadata=metadata)
    kernel = AsyncKernelManager(kernel_name="python3", ip="127.0.0.1")
    NotebookClient(book, km=kernel, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    book.metadata = nbformat.from_dict(metadata)
    book.cells = [cell for cell in book.cells if "claim" not in cell.metadata]
    for number, cell in enumerate(book.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
        if cell.cell_type == "code":
            cell.execution_count = number // 2 + 1
            cell.outputs = [out for out in cell.outputs if "mlpctl" not in out.get("metadata", {})]
            for out in cell.outputs:
                if "execution_count" in out:
                    out.execution_count = cell.execution_count
    return book


def main() -> None:
    """Write the notebook to the file that is named."""
    with TemporaryDirectory() as folder:
        nbformat.write(executed(Path(folder)), sys.argv[1])


if __name__ == "__main__":
    main()
