"""List the columns of the CSV files, derived from Spec: the store writes by this list, the reader reads by it.

`trials.csv` has a row per trial, `epochs.csv` a row per trial and epoch (long form). Empty cells mean "does not apply".
"""

from typing import Any, Literal

from mlpctl.metrics import BASELINE_PARTS, EPOCH_METRICS, FINAL_METRICS, PARTS, PROGRAM_METRICS
from mlpctl.spec import Spec, kind_of
from mlpctl.system.files import STORE_FILES, STORE_FOLDERS

SCHEMA_VERSION = 2
"""Version of the columns. Rows of version 1 have no checksum."""

ColumnKind = Literal["text", "int", "float"]

Row = dict[str, Any]
"""Row of a table: column -> plain value, None for what is missing."""

Block = dict[str, list[Any]]
"""Rows of a table: column -> a value for each row, None for what is missing."""

SCORES: dict[str, ColumnKind] = {
    "train_loss": "float",
    "train_accuracy": "float",
    **{
        f"{part}_{metric}": "float"
        for part in PARTS
        for metric in EPOCH_METRICS
        if part in BASELINE_PARTS or metric not in PROGRAM_METRICS
    },
}
"""train_*: running means over the minibatches of the epoch, before each step, as d2l and Keras print them."""

FINAL_SCORES: dict[str, ColumnKind] = {f"{part}_{metric}": "float" for part in PARTS for metric in FINAL_METRICS}
"""Scores that a trial has at its end alone."""

EPOCH_COLUMNS: dict[str, ColumnKind] = {
    "schema_version": "int",
    "key": "text",
    "epoch": "int",
    "lr": "float",  # at the first step of the epoch
    **SCORES,
    "seconds": "float",  # of this epoch, its scoring included; empty for a trial trained in a group
}

TRIAL_COLUMNS: dict[str, ColumnKind] = {
    "schema_version": "int",
    "key": "text",  # hash of the spec, the dataset's digest and the numerics version
    "config": "text",  # the same without seeds: what the seeds of one configuration share
    "status": "text",
    "error": "text",
    **{name: kind_of(info) for name, info in Spec.model_fields.items()},
    "task": "text",
    "digest": "text",
    "numerics": "int",
    "train_examples": "int",  # sizes of the parts; the validation part may be empty
    "val_examples": "int",
    "test_examples": "int",
    "parameters": "int",
    "epochs_done": "int",
    "best_epoch": "int",  # whose scores and weights a trial with early stopping has
    **SCORES,
    **FINAL_SCORES,
    "baseline": "text",  # answer that needs no input, see `mlpctl.data.baseline`, and its scores
    **{f"{part}_baseline": "float" for part in BASELINE_PARTS},
    "seconds": "float",  # empty for a trial trained in a group
    "group_seconds": "float",
    "group_size": "int",
    "used_engine": "text",
    "used_device": "text",
    "used_precision": "text",  # of products of float32 matrices, where the engine offers a choice
    "jobs": "int",
    "threads": "int",
    "environment": "text",  # id in environment.json
    "started": "text",  # UTC, ISO 8601
    "weights_digest": "text",  # hash of the weights that were saved
}

CHECKSUM = "checksum"
"""Last column of both files: the checksum of the other cells of the row, for those who check the file."""

BEFORE = {name: value for name, value in Spec().flat().items() if value is not None}
"""Values of a column in files from before the column existed: the default of its field."""

TRIALS_FILE, EPOCHS_FILE, EXPERIMENT_FILE, ENVIRONMENT_FILE, KEYS_FILE = STORE_FILES
WEIGHTS_FOLDER, STATES_FOLDER, BEST_FOLDER, LOGS_FOLDER = STORE_FOLDERS
