"""The models by name. All are stacks of dense layers; a model says which, and decides what the user leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpctl.data.base import Task


@dataclass(frozen=True)
class Model:
    """A registered model.

    Attributes:
        help: one line.
        tasks: what it can be trained for.
        hidden: whether it has hidden layers, so that their hyperparameters apply.
        defaults: Spec fields that it decides when the user and the dataset leave them open.
        fixed: Spec fields that are part of what the model is, and why.
        dataset: the only dataset it makes sense for, if there is one.
    """

    help: str
    tasks: tuple[Task, ...] = ("classification", "regression")
    hidden: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    dataset: str | None = None


MLP = Model("Multilayer perceptron: any depth and widths.", hidden=True)
PARALLEL = Model("Blocks that multiply two affine maps and clamp the product at 0, then an affine map.", hidden=True)
SOFTMAX = Model("Softmax regression: one affine map to a score per class.", ("classification",))
LINEAR = Model("Linear regression: one affine map.", ("regression",))
BOW = Model(
    "Logistic regression on word counts, as in the PyTorch tutorial.",
    ("classification",),
    defaults={"loss": "nll"},
)
PERCEPTRON = Model(
    "Rosenblatt's perceptron, trained by the delta rule: batch_size 1 is online, full is the batch objective.",
    ("classification",),
    defaults={"init": "zeros", "reduction": "sum"},
    fixed={
        "loss": ("perceptron", "the delta rule follows the perceptron loss; `--model softmax` takes others"),
        "optimizer": ("sgd", "the delta rule is plain SGD; `--model softmax` takes other optimizers"),
    },
)
GATE = Model(
    "A logic gate with weights set by hand; nothing is trained.",
    ("classification",),
    fixed={
        "loss": ("perceptron", "the gate is a perceptron"),
        "bias": (True, "a gate's threshold is its bias"),
        "epochs": (0, "a gate's weights are set by hand; `--model perceptron` learns them"),
    },
    dataset="gates",
)
