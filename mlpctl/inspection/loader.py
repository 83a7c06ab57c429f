"""Load a trial of a results folder with its data and weights, and compute the outputs of its network.

Networks run here by the implementation `manual` of the reference engine.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data import load_dataset
from mlpctl.display.tables import Cell
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.errors import DataError, UsageError
from mlpctl.models import resolve
from mlpctl.runner.trial import Trial
from mlpctl.spec import Spec, is_own_model
from mlpctl.store import reader
from mlpctl.store.find_trial import find
from mlpctl.store.weights import digest_of_weights, read_weights

if TYPE_CHECKING:
    import torch

    from mlpctl.data.prepare import Data
    from mlpctl.models.manual import Manual
    from mlpctl.models.network import Network
    from mlpctl.store.find_trial import StoredTrial
    from mlpctl.store.weights import Weights

ROWS_AT_A_TIME = 8192
"""Rows whose outputs are computed together: 25 MB at 784 inputs."""


@dataclass(frozen=True, eq=False)
class Saved:
    """Trial of a results folder.

    Attributes:
        trial: spec as it was trained, and dataset.
        place: results folder and key.
        row: row of `trials.csv`.
        weights: weights at its end; None where none were saved.
    """

    trial: Trial
    place: "StoredTrial"
    row: dict[str, Cell]
    weights: "Weights | None"


def load_saved(where: str, *, needed: bool = True, data: Any = ()) -> Saved:
    """Return the trial that RESULTS or RESULTS#TRIAL names.

    Args:
        where: see `mlpctl.store.find_trial.find`.
        needed: true if only a trial with saved weights will do.
        data: options of the dataset in place of the recorded ones, such as its path now.

    Raises:
        DataError: where results, data or weights are missing, or the data are not those it was trained on any more.
        UsageError: where the name fits no trial, or several.
    """
    place = find(where, needed=needed)
    row, _ = reader.trial(place.folder, place.key)
    return saved_trial(place, row, data)


def saved_trial(place: "StoredTrial", row: dict[str, Cell], data: Any = ()) -> Saved:
    """Return a trial of a results folder whose row is read already; see `load_saved`."""
    spec = Spec.from_flat(row).with_data(data)
    if spec.command is not None:
        raise UsageError(f"{place} was run by a program: mlpctl has no network of it, and no data")
    if spec.model is not None and is_own_model(spec.model):
        raise UsageError(f"{place} is of a model of your own: mlpctl looks into its own networks alone")
    dataset = load_dataset(spec)
    if dataset.digest != row["digest"]:
        raise DataError(
            f"{spec.dataset} is not what {place} was trained on any more: bring the data back, or train again"
        )
    trial = Trial(resolve(spec, dataset), dataset, place.key)
    weights = read_weights(place.file) if place.file.is_file() else None
    if weights is not None:
        _check_weights(weights, trial.network, place, str(row.get("weights_digest") or ""))
    return Saved(trial, place, row, weights)


def _check_weights(weights: "Weights", network: "Network", place: "StoredTrial", digest: str) -> None:
    """Check that weights are those that a trial left.

    Raises:
        DataError: if their names or shapes are not those of its network, or their hash is not the one in its row.
    """
    shapes = {f"{k}.{name}": shape for k, layer in enumerate(network.layers) for name, shape in layer.shapes.items()}
    if {name: array.shape for name, array in weights.items()} != shapes:
        told, needed = (
            ", ".join(f"{name} {'×'.join(map(str, each[name]))}" for name in sorted(each))
            for each in ({name: array.shape for name, array in weights.items()}, shapes)
        )
        problem = f"has {told or 'nothing'}, and the network of the trial {needed}"
    elif digest and digest_of_weights(weights) != digest:
        problem = "was changed since it was written"
    else:
        return
    raise DataError(f"{place.file} {problem}: `mlpctl results repair {place.folder}`, and train it again")


def start_of(trial: Trial) -> "Weights":
    """Return the weights that a trial starts from."""
    return initial_weights(trial.network, trial.spec)


def manual_model(network: "Network", spec: Spec, weights: "Weights") -> "Manual":
    """Return the model whose forward and backward pass are written out, with copies of some weights."""
    from mlpctl.models.manual import Manual

    return Manual(network, spec, weights, "cpu")


def gathered(data: "Data", rows: NDArray[np.int64]) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return inputs (B, D) and targets (B,) or (B, C) of some rows, as a model in training gets them."""
    import torch

    from mlpctl.engines.reference import Resident

    return Resident(data, torch.device("cpu")).gather(rows)


def outputs_of(
    network: "Network", spec: Spec, weights: "Weights", data: "Data", rows: NDArray[np.int64]
) -> NDArray[Any]:
    """Return the outputs (B, C) of a network in evaluation: running statistics, nothing dropped.

    Args:
        network: of the spec, or some of its first layers.
        spec: resolved.
        weights: by name.
        data: prepared for the spec.
        rows: of the data (B,).
    """
    model = manual_model(network, spec, weights)
    chunks = [rows[start : start + ROWS_AT_A_TIME] for start in range(0, max(len(rows), 1), ROWS_AT_A_TIME)]
    return np.concatenate([model.outputs(gathered(data, chunk)[0]).numpy() for chunk in chunks])


def upto(network: "Network", n: int) -> "Network":
    """Return the first n layers of a network; its outputs are the activations there."""
    return replace(network, layers=network.layers[:n])


def after(network: "Network", weights: "Weights", n: int) -> "tuple[Network, Weights]":
    """Return the layers behind the first n of a network as a network of their own, and its weights."""
    parts = {name.partition("."): array for name, array in weights.items()}
    rest = {f"{int(number) - n}.{what}": array for (number, _, what), array in parts.items() if int(number) >= n}
    return replace(network, layers=network.layers[n:]), rest
