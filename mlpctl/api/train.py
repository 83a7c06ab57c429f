"""`mlpctl.train`."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.api.folders import fresh, in_folder
from mlpctl.api.notebook import watched
from mlpctl.api.run import Run
from mlpctl.api.signatures import plain_fields, with_fields
from mlpctl.engines.precision import Precision
from mlpctl.runner.experiment import merged
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.run_options import asked_options
from mlpctl.runner.shipped_experiments import find_experiment
from mlpctl.runner.train import train as train_one

if TYPE_CHECKING:
    from typing import Unpack

    from mlpctl.api.fields import SpecFields


@with_fields
def train(
    file: "str | PathLike[str] | None" = None,
    /,
    *,
    out: "str | PathLike[str] | None" = "results",
    name: str | None = None,
    save: bool = False,
    eval_train: bool = False,
    eval_test: bool = False,
    force: bool = False,
    jobs: int | None = None,
    threads: int = 1,
    precision: Precision = "fp32",
    progress: bool = True,
    **fields: "Unpack[SpecFields]",
) -> Run:
    """Return one trained network: what `mlpctl train` does.

    The options of the network are the fields of docs/hyperparameters.md, by their names; what is left out is decided by
    the dataset, the model or the optimizer. A trial that is in the results folder already is not trained again. One
    that fails (a loss that is no number any more) is returned too, with its `status`.

        run = mlpctl.train(dataset="iris", hidden_units=32, lr=0.05, epochs=50)
        run.epochs.plot(x="epoch", y="val_accuracy")

    Args:
        file: TOML experiment file, or the name of a shipped one; its spec is trained, with what else is given here.
        out: where results folders are; None for a folder that goes when the Run does.
        name: of the results folder. Default: DATASET-MODEL.
        save: keep the weights, so that the Run has them and can predict.
        eval_train: score the training part too after each epoch.
        eval_test: score the test part too after each epoch.
        force: train again what is in the results already.
        jobs: cores that train a large network. Default: all.
        threads: of torch, in the engines reference and lanes.
        precision: of float32 products in the engine lanes.
        progress: show where training is, once it takes longer than a second.
        **fields: the fields of Spec.

    Raises:
        UsageError: for an impossible spec, every problem at once.
        DataError: where the data are missing or not what they should be.
        DeviceError: where the device is not there.
        KeyboardInterrupt: after an interrupt, with the store whole; the same call goes on.
    """
    fresh()
    given: Mapping[str, Any] = plain_fields(fields)
    where = {key: given[key] for key in given if key in ("device", "engine")}
    path = find_experiment(Path(file)) if file is not None else None
    base = dict(read_experiment(path).base) if path is not None else {}
    spec = merged(base, {key: value for key, value in given.items() if key not in where})
    options = asked_options(
        device=where.get("device"), engine=where.get("engine"), jobs=jobs, threads=threads, precision=precision,
        save=save, force=force, eval_train=eval_train, eval_test=eval_test,
    )  # fmt: skip
    with in_folder(out) as kept, watched(1, progress=progress) as (quiet, stop):
        done = train_one(spec, kept.path, name or (path.stem if path else None), options, quiet, stop)
    return Run(done.folder, done.trial.key, notes=quiet.notes, kept=kept)
