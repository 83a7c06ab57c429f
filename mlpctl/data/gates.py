"""Load gates: the truth table of a logical gate, four rows that are both training and test set."""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from mlpctl.data.base import Dataset, Options, Source, digest_of

Gate = Literal["and", "or", "nand", "nor", "xor", "xnor"]

TRUTH: dict[Gate, Callable[[int, int], int]] = {
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "nand": lambda a, b: 1 - (a & b),
    "nor": lambda a, b: 1 - (a | b),
    "xor": lambda a, b: a ^ b,
    "xnor": lambda a, b: 1 - (a ^ b),
}

INPUTS = ((0, 0), (0, 1), (1, 0), (1, 1))


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class GatesOptions(Options):
    """Options of gates."""

    gate: Annotated[Gate, BeforeValidator(_lower)] = Field("and", description="Which gate; case does not matter.")
    targets: Literal["01", "pm1"] = Field(
        "01", description="Numbers that stand for false and true: 0 and 1, or -1 and 1 (pm1)."
    )


def load(options: GatesOptions) -> Dataset:
    """Return the truth table: X (4, 2) float64 of 0 and 1, y (4,) int32."""
    gate = TRUTH[options.gate]
    return Dataset(
        name="gates",
        X=np.array(INPUTS, np.float64),
        y=np.array([gate(a, b) for a, b in INPUTS], np.int32),
        task="classification",
        digest=digest_of("gates 1", options.model_dump_json()),
        source=f"truth table of {options.gate.upper()}",
        features=("x1", "x2"),
        classes=("-1", "1") if options.targets == "pm1" else ("0", "1"),
        label_values=(-1.0, 1.0) if options.targets == "pm1" else (0.0, 1.0),
        test_is_train=True,
    )


GATES = Source(
    name="gates",
    help="Truth table of AND, OR, NAND, NOR, XOR or XNOR: which of them can a perceptron learn?",
    load=load,
    options=GatesOptions,
    task="classification",
    defaults={
        "model": "perceptron", "scaling": "none", "val_fraction": 0.0, "batch_size": 1, "epochs": 20, "lr": 1.0,
    },
)  # fmt: skip
