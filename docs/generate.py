"""Write the pages of docs/ that follow from the code: `python -m docs.generate`. A test fails where they are stale."""

from pathlib import Path

from docs import api_page as api
from docs.reproductions_page import readme_with_reproductions, reproductions_page
from mlpctl.data import source_of
from mlpctl.display.tables import Table, to_text
from mlpctl.registry import RegistryKind, import_registered, names
from mlpctl.runner.signatures import annotation_of
from mlpctl.spec import Spec, choices, extra
from mlpctl.store.csv_lines import COLUMNS_BY_FILE

ROOT = Path(__file__).parent.parent

NOTICE = "<!-- Written by `python -m docs.generate`; change the code, not this page. -->\n"

STUB_HEAD = '''"""The fields of Spec as keyword arguments, for type checkers; at run time there is no such module.

Written by `python -m docs.generate`; change Spec, not this file.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

class SpecFields(TypedDict, total=False):
'''


def pages() -> dict[str, str]:
    """Return path -> content of every derived page, and of the README with its derived sentence."""
    return {
        "docs/hyperparameters.md": hyperparameters(),
        "docs/datasets.md": datasets(),
        "docs/columns.md": columns(),
        "docs/reproductions.md": reproductions_page(ROOT, NOTICE),
        "mlpctl/spec_fields.pyi": stub(),
        "docs/api.md": api.page(NOTICE),
        "README.md": readme_with_reproductions(ROOT),
    }


def stub() -> str:
    """Return the content of `spec_fields.pyi`: every field of Spec with its type and what it is."""
    lines = []
    for name, info in Spec.model_fields.items():
        lines += [f"    {name}: {annotation_of(name)}\n", f'    """{_help(name, info.description)}"""\n']
    return STUB_HEAD + "".join(lines)


def _help(name: str, description: str | None) -> str:
    info = Spec.model_fields[name]
    otherwise = extra(info, "otherwise") or ("" if info.default in (None, {}) else str(info.default))
    text = f"{description} Default: {otherwise}." if otherwise else f"{description}"
    return text.replace("\\", "\\\\").replace('"', "'")


def hyperparameters() -> str:
    """Return the page of all fields of Spec."""
    text = f"{NOTICE}\n# Hyperparameters\n\nReference: the options of `mlpctl train`, the keys of `[spec]` and "
    text += "`[axes]` in an experiment file, and the columns of `trials.csv` are these fields.\n"
    groups = dict.fromkeys(extra(info, "group") for info in Spec.model_fields.values())
    for group in groups:
        rows = [
            {
                "key": f"`{name}`",
                "what it is": info.description,
                "values": ", ".join(choices(info)) or None,
                "unit": extra(info, "unit") or None,
                "default": extra(info, "otherwise") or str(info.default),
            }
            for name, info in Spec.model_fields.items()
            if extra(info, "group") == group
        ]
        text += f"\n## {group}\n\n" + to_text([Table(list(rows[0]), rows)], "md")
    return text + _registered("Models", "model") + _registered("Implementations", "impl")


def _registered(title: str, kind: RegistryKind) -> str:
    rows = [{kind: f"`{name}`", "what it is": import_registered(kind, name).help} for name in names(kind)]
    return f"\n## {title}\n\n" + to_text([Table(list(rows[0]), rows)], "md")


def datasets() -> str:
    """Return the page of all datasets and their options."""
    text = f"{NOTICE}\n# Datasets\n\nReference: every dataset with its options. [Data](data.md) tells how to get one.\n"
    for name in names("dataset"):
        source = source_of(name)
        text += f"\n## {name}\n\n{source.help}\n"
        fields = source.options.model_fields
        if fields:
            rows = [
                {
                    "option": f"`{option}`",
                    "what it is": info.description,
                    "default": "required" if info.is_required() else _text(info.default),
                }
                for option, info in fields.items()
            ]
            text += "\n" + to_text([Table(list(rows[0]), rows)], "md")
        if source.defaults:
            told = ", ".join(f"{key} {_text(value)}" for key, value in source.defaults.items())
            text += f"\nDefaults for training: {told}.\n"
    return text


def columns() -> str:
    """Return the page of the columns of the CSV files."""
    text = f"{NOTICE}\n# Columns of the results\n\nReference: the columns of the CSV files. "
    text += "Empty cells mean: does not apply.\n"
    for file, listed in reversed(COLUMNS_BY_FILE.items()):
        rows = [{"column": f"`{name}`", "type": kind, "what it is": _meaning(name)} for name, kind in listed.items()]
        text += f"\n## {file}\n\n" + to_text([Table(["column", "type", "what it is"], rows)], "md")
    return text


MEANINGS = {
    "schema_version": "Version of these columns.",
    "key": "Hash of the resolved spec, the dataset's digest and the numerics version: equal keys are equal trials.",
    "config": "The same without the seeds: what the seeds of one configuration share.",
    "status": "ok, diverged, out_of_memory, timeout, invalid, crashed or interrupted.",
    "error": "What went wrong, in one line.",
    "task": "classification or regression.",
    "digest": "Hash of the data.",
    "numerics": "Version of the arithmetic that all engines share.",
    "train_examples": "Examples of the training part.",
    "val_examples": "Examples of the validation part, which may be empty.",
    "test_examples": "Examples of the test part.",
    "baseline": "Answer that needs no input: the most frequent class of the training part, or its mean.",
    "val_baseline": "Accuracy of that answer on the validation part, or its mean squared error.",
    "test_baseline": "The same on the test part.",
    "parameters": "Trained numbers of the network.",
    "epoch": "Epochs done.",
    "epochs_done": "Epochs trained.",
    "best_epoch": "Epoch that the scores and weights are of, where early stopping (patience) chose it.",
    "train_loss": "Mean loss over the epoch's minibatches, before each step.",
    "train_accuracy": "Share of right predictions over the epoch's minibatches, before each step.",
    "seconds": "Wall time, scoring included; empty for a trial trained in a group.",
    "group_seconds": "Wall time of the group that the trial was trained in, over the trial's epochs.",
    "group_size": "Trials of that group: a trial's share of the time is group_seconds / group_size.",
    "used_engine": "What trained it.",
    "used_device": "Where.",
    "used_precision": "How the engine lanes multiplied float32 matrices: fp32 (IEEE), tf32 or bf16.",
    "jobs": "Trials in training at the same time.",
    "threads": "Threads of torch; the engine reference alone has more than one.",
    "environment": "What it ran on: an id in environment.json; empty in files from before there were ids.",
    "started": "Start, UTC.",
    "lr": "Learning rate of the epoch's first step.",
    "weights_digest": "Hash of the weights, where they were saved.",
    "checksum": "CRC-32 of the other cells; empty in rows of schema version 1.",
}
PARTS = {"val": "validation part", "test": "test part", "fit": "training part"}


def _meaning(name: str) -> str:
    if name in Spec.model_fields:
        return str(Spec.model_fields[name].description)
    part, _, metric = name.partition("_")
    if name not in MEANINGS and part in PARTS:
        return f"{metric} on the {PARTS[part]} with the weights at the end of the epoch."
    return MEANINGS[name]


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


def main() -> None:
    """Write the pages."""
    for name, content in pages().items():
        (ROOT / name).write_text(content, "utf-8")


if __name__ == "__main__":
    main()
