"""Register the models by name: stacks of dense layers, and the fields of a spec that each decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpctl.data.base import Task


@dataclass(frozen=True)
class Model:
    """Registered model.

    Attributes:
        help: one line for people.
        tasks: tasks that it can be trained for.
        hidden: true if it has hidden layers, so that their hyperparameters apply.
        defaults: values of Spec fields that the user and the dataset leave open.
        fixed: Spec fields that belong to the model, each with its value and the reason.
        dataset: only dataset that it makes sense for, if there is one.
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
