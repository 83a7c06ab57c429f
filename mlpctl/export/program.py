"""Put a trial's program together: one file that stands alone and prints the trial's learning curve."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mlpctl.data.minibatches import steps_per_epoch
from mlpctl.data.prepare import prepare
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.errors import UsageError
from mlpctl.export import numpy_program, parts, torch_program
from mlpctl.export.data import as_npz, data_section
from mlpctl.export.formats import Framework
from mlpctl.store.key import key_of
from mlpctl.system.files import write_output

if TYPE_CHECKING:
    from mlpctl.runner.trial import Trial

WRITERS = {"numpy": numpy_program, "pytorch": torch_program}
NAMES = {"numpy": "NumPy", "pytorch": "PyTorch"}
IMPORTS = {
    "numpy": ("import numpy as np",),
    "pytorch": (
        "import numpy as np",
        "import torch",
        "from torch import nn",
        "from torch.nn import functional as F",
    ),
}


MEANINGS = {
    "INIT_SEED": "  # draws the initial weights",
    "DATA_SEED": "  # draws the order of the examples, and all else that training draws",
    "STEPS": "  # of an epoch",
    "LR": "  # learning rate",
    "PATIENCE": "  # epochs without a lower validation loss after which training ends",
    "CLASS_WEIGHTS": "  # n / (K * examples of the class)",
    "DROPOUT": "  # probability that a unit is dropped",
    "WIDTHS": "  # layer with dropout -> its units",
}
"""Setting -> what the program says of it."""


@dataclass(frozen=True)
class Program:
    """Program as text, and the arrays of the file beside it; none where the text has all."""

    text: str
    arrays: dict[str, NDArray[Any]]


def data_file(path: Path) -> Path:
    """Return the file beside a program that has its data."""
    return path.with_name(f"{path.stem}-data.npz")


def program_of(trial: "Trial", framework: Framework, path: Path | None = None) -> Program:
    """Return the program that trains a trial.

    Args:
        trial: resolved, with its data.
        framework: what the program is written with.
        path: where it will be; None if nobody knows.

    Raises:
        UsageError: for what cannot be written, or needs a file beside the program and has no path.
    """
    spec, network, writer = trial.spec, trial.network, WRITERS[framework]
    if trial.key != key_of(spec, trial.dataset.digest):  # a folder may say anything, and here it would become code
        raise UsageError(
            "export writes the arithmetic of this version, and the trial was trained with an older one, or its row was "
            "changed: train it again, or give its options"
        )
    start = None
    if spec.init_from is not None:
        weights = initial_weights(network, spec)
        start = {f"start_{parts.name_in_program(name)}": array for name, array in weights.items()}
    data = data_section(trial, start)
    if data.arrays and path is None:
        raise UsageError(
            f"a program on stdout must have small data and drawn weights, and this one needs a file beside it with "
            f"{data.arrays_in_words}: give -o FILE.py"
        )
    n_train = len(prepare(trial.dataset, spec).parts["train"])
    sections = [
        f"# Data\n\n{data.text}",
        parts.random_numbers(trial),
        f"# Initial weights\n\n{parts.initial_weights(trial)}",
        *writer.sections(trial),
        *(
            [parts.minibatches(trial, n_train), parts.dropout_mask(spec), parts.learning_rate(spec)]
            if spec.epochs
            else []
        ),
        _scores(trial, framework),
        _loop(trial, framework),
    ]
    body = "\n\n".join(section for section in sections if section)
    settings = _settings(trial, path, n_train, body)
    return Program(_head(trial, framework, settings + body) + settings + "\n" + body, data.arrays)


def write_program(trial: "Trial", framework: Framework, path: Path) -> list[Path]:
    """Write a program and what it reads; return the files.

    Raises:
        UsageError: see `program_of`; and for a file that the trial's data come from.
    """
    program = program_of(trial, framework, path)
    files = [path, data_file(path)] if program.arrays else [path]
    for file in files:
        if any(_is_same(file, Path(str(value))) for value in trial.spec.data.values()):
            raise UsageError(f"{file} would be written, and is where the data come from: give another -o")
    if program.arrays:
        write_output(data_file(path), as_npz(program.arrays))
    write_output(path, program.text.encode())
    return files


def _is_same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.samefile(other)


def _head(trial: "Trial", framework: Framework, rest: str) -> str:
    layers = trial.network.layers
    widths = "-".join(str(n) for n in (layers[0].inputs, *(layer.outputs for layer in layers)))
    needs = "NumPy" if framework == "numpy" else "PyTorch and NumPy"
    lines = [
        f'"""Train {trial.spec.model} {widths} on {trial.dataset.name} with {NAMES[framework]}.',
        "",
        f"Written by `mlpctl export`, of trial {trial.key}.",
        f"Needs {needs} alone. Prints the trial's learning curve: train_* are running means over the",
        "minibatches of the epoch, val_* scores of the validation part after it, test_* scores of the test part",
        "after the last, or of the best epoch with early stopping.",
        "Shapes: N examples, B of a minibatch, D inputs, H units, C outputs.",
        '"""',
        "",
    ]
    standard = [f"import {name}" for name in ("math",) if f"{name}." in rest]
    standard += ["from pathlib import Path"] if "Path(" in rest else []
    used = [name for name in IMPORTS[framework] if not name.endswith("as F") or "F." in rest]
    return "\n".join([*lines, *standard, *([""] if standard else []), *used, ""]) + "\n"


def _settings(trial: "Trial", path: Path | None, n_train: int, body: str) -> str:
    """Return the settings that the rest of the program uses."""
    spec = trial.spec
    beta1, beta2 = spec.betas or (None, None)
    known = {
        "DATA_FILE": data_file(path).name if path is not None else None,
        "EPOCHS": spec.epochs,
        "PATIENCE": spec.patience,
        "INIT_SEED": spec.init_key,
        "DATA_SEED": spec.data_key,
        "BATCH_SIZE": spec.batch_size,
        "STEPS": steps_per_epoch(spec, n_train),
        "LR": spec.lr,
        "MOMENTUM": spec.momentum,
        "BETA1": beta1,
        "BETA2": beta2,
        "ALPHA": spec.alpha,
        "EPS": spec.eps,
        "WEIGHT_DECAY": spec.weight_decay,
        "L1": spec.l1,
        "CLASS_WEIGHTS": trial.network.class_weights,
        "DROPOUT": dict(enumerate(spec.dropout, start=1)) if isinstance(spec.dropout, tuple) else spec.dropout,
        "WIDTHS": {n: layer.outputs for n, layer in enumerate(trial.network.layers, start=1) if layer.dropout},
    }
    used = set(re.findall(r"[A-Z][A-Z0-9_]*", body))
    lines = [f"{name} = {value!r}{MEANINGS.get(name, '')}" for name, value in known.items() if name in used]
    return "\n".join([f"DTYPE = np.{spec.dtype}", *lines]) + "\n"


def _scores(trial: "Trial", framework: Framework) -> str:
    """Return the functions that count right predictions and score a part."""
    network = trial.network
    is_torch = framework == "pytorch"
    lines = []
    if network.n_classes:
        if network.n_outputs == 1:
            predicted = f"z[:, 0] > {network.threshold!r}"
            label = f"({predicted}).long()" if is_torch else f"({predicted}).astype(np.int64)"
        else:
            label = "z.argmax(axis=1)"
        known = "~z.isnan().any(axis=1)" if is_torch else "~np.isnan(z).any(axis=1)"
        lines += [
            "def count_right(z, y):",
            '    """Return how many classes y (B,) the outputs z (B, C) predict; NaN predicts none."""',
            f"    return int((({label} == y) & {known}).sum())",
            "",
            "",
        ]
    lines += [
        "def scores(part, rows):",
        '    """Return the scores of some rows with the weights as they are: nothing dropped, running statistics."""',
    ]
    total = "losses.double().sum()" if is_torch else "losses.sum(dtype=np.float64)"
    if is_torch:
        lines += [
            "    net.eval()",
            "    with torch.no_grad():",
            "        z = net(X[rows])",
            "        losses = loss(z, y[rows])",
        ]
    else:
        lines += ["    z = forward(X[rows])[0]", "    losses = loss_and_gradient(z, y[rows])[0]"]
    lines += [f'    found = {{f"{{part}}_loss": float({total}) / len(rows)}}']
    if network.n_classes:
        lines += ['    found[f"{part}_accuracy"] = count_right(z, y[rows]) / len(rows)']
    else:
        convert = "z.numpy().astype(np.float64), y[rows].numpy().astype(np.float64)"
        lines += [
            f"    z, t = {convert}" if is_torch else "    z, t = z.astype(np.float64), y[rows].astype(np.float64)",
            *(
                ["    z, t = z * target_spread + target_mean, t * target_spread + target_mean"]
                if network.target_spread
                else []
            ),
            '    found[f"{part}_mse"] = ((z - t) ** 2).mean()',
            '    found[f"{part}_rmse"] = found[f"{part}_mse"] ** 0.5',
            '    found[f"{part}_mae"] = np.abs(z - t).mean()',
            "    deviations = ((t - t.mean(axis=0)) ** 2).sum(axis=0)",
            "    if deviations.min() > 0:  # R² is the share of the targets' variance that is explained",
            '        found[f"{part}_r2"] = (1 - ((z - t) ** 2).sum(axis=0) / deviations).mean()',
        ]
    return "\n".join([*lines, "    return found"]) + "\n"


def _loop(trial: "Trial", framework: Framework) -> str:
    """Return the training loop, or the scores of a network that is not trained."""
    spec, network = trial.spec, trial.network
    sizes = prepare(trial.dataset, spec).parts
    has_val, has_test = bool(len(sizes["val"])), bool(len(sizes["test"]))
    show = '''def show(epoch, found):
    """Print the scores of an epoch."""
    print("epoch", epoch, *(f"{name} {value:.12g}" for name, value in found.items()))
'''
    parts_ = ", ".join(f'**scores("{part}", {part})' for part, there in (("val", has_val), ("test", has_test)) if there)
    if not spec.epochs:
        return f"{show}\n\n# Nothing is trained.\nshow(0, {{{parts_}}})\n"
    writer = WRITERS[framework]
    has_rate = spec.lr_schedule != "constant"
    total = "losses.detach().double().sum()" if framework == "pytorch" else "losses.sum(dtype=np.float64)"
    uses_step = has_rate or spec.dropout
    lines = ["# Training", ""]
    if framework == "numpy":
        lines += ["t = 0  # steps done"]
    lines += [
        "for epoch in range(1, EPOCHS + 1):",
        f"    n, loss_sum{', right' if network.n_classes else ''} = 0, 0.0{', 0' if network.n_classes else ''}",
        f"    for {'step, rows in enumerate(minibatches(epoch))' if uses_step else 'rows in minibatches(epoch)'}:",
    ]
    if framework == "numpy":
        lines += ["        t += 1", f"        lr = {'learning_rate(epoch, step)' if has_rate else 'LR'}"]
    lines += [f"        {line}" for line in writer.training_step(trial)]
    lines += ["        n += len(rows)", f"        loss_sum += float({total})"]
    found = '{"train_loss": loss_sum / n}'
    if network.n_classes:
        lines += ["        right += count_right(z, y[rows])"]
        found = '{"train_loss": loss_sum / n, "train_accuracy": right / n}'
    lines += [f"    found = {found}"]
    if has_val:
        lines += ['    found |= scores("val", val)']
    if has_test and spec.patience is None:
        lines += ["    if epoch == EPOCHS:", '        found |= scores("test", test)']
    finite = (
        "all(bool(value.isfinite().all()) for value in net.state_dict().values())"
        if framework == "pytorch"
        else "all(np.isfinite(value).all() for value in params.values())"
    )
    lines += [
        "    show(epoch, found)",
        f"    if not (np.isfinite(loss_sum) and {finite}):",
        "        break  # diverged",
    ]
    if spec.patience is not None:
        begin = lines.index("for epoch in range(1, EPOCHS + 1):")
        lines[begin:begin] = ['best_epoch, best_loss, tested = 0, float("inf"), {}']
        lines += [
            '    if found["val_loss"] < best_loss:',
            '        best_epoch, best_loss = epoch, found["val_loss"]',
            *(['        tested = scores("test", test)'] if has_test else []),
            "    elif epoch - best_epoch >= PATIENCE:",
            "        break  # the validation loss no longer falls",
            "show(best_epoch, tested)  # the epoch whose scores count",
        ]
    return f"{show}\n\n" + "\n".join(lines) + "\n"
