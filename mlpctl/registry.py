"""List the datasets, models, engines and implementations: name -> "package.module:object", imported on first use.

Plain data, so that `--help`, completion and checks read the names and import no implementation.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Literal

from mlpctl.errors import UsageError, did_you_mean

RegistryKind = Literal["dataset", "model", "engine", "impl"]

REGISTRY: Mapping[RegistryKind, dict[str, str]] = {
    "dataset": {
        "iris": "mlpctl.data.sklearn_sets:IRIS",
        "fashion-mnist": "mlpctl.data.fashion_mnist:FASHION_MNIST",
        "linreg": "mlpctl.data.linreg:LINREG",
        "gates": "mlpctl.data.gates:GATES",
        "langid": "mlpctl.data.langid:LANGID",
        "digits": "mlpctl.data.sklearn_sets:DIGITS",
        "wine": "mlpctl.data.sklearn_sets:WINE",
        "breast-cancer": "mlpctl.data.sklearn_sets:BREAST_CANCER",
        "diabetes": "mlpctl.data.sklearn_sets:DIABETES",
        "noise": "mlpctl.data.noise:NOISE",
        "table": "mlpctl.data.table:TABLE",
    },
    "model": {
        "mlp": "mlpctl.models.catalog:MLP",
        "parallel": "mlpctl.models.catalog:PARALLEL",
        "softmax": "mlpctl.models.catalog:SOFTMAX",
        "linear": "mlpctl.models.catalog:LINEAR",
        "bow": "mlpctl.models.catalog:BOW",
        "perceptron": "mlpctl.models.catalog:PERCEPTRON",
        "gate": "mlpctl.models.catalog:GATE",
    },
    "engine": {
        "kernel": "mlpctl.engines.kernel.engine:ENGINE",
        "lanes": "mlpctl.engines.lanes.engine:ENGINE",
        "reference": "mlpctl.engines.reference:ENGINE",
    },
    "impl": {
        "numpy": "mlpctl.models.implementations:NUMPY",
        "manual": "mlpctl.models.implementations:MANUAL",
        "autograd": "mlpctl.models.implementations:AUTOGRAD",
        "function": "mlpctl.models.implementations:FUNCTION",
        "scratch": "mlpctl.models.implementations:SCRATCH",
        "concise": "mlpctl.models.implementations:CONCISE",
        "module": "mlpctl.models.implementations:MODULE",
    },
}


ALIASES = {
    "activationfunction": "activation", "hiddensize": "hidden_units", "hiddendim": "hidden_units", "l2": "weight_decay",
    "initialization": "init", "initializer": "init", "learningrate": "lr", "nepochs": "epochs",
    "scheduler": "lr_schedule", "schedule": "lr_schedule", "hiddenlayersizes": "widths",
    "batchnormalization": "batch_norm",
    "swish": "silu", "logistic": "sigmoid", "linear": "identity",
    "glorotuniform": "xavier_uniform", "glorotnormal": "xavier_normal", "heuniform": "kaiming_uniform",
    "henormal": "kaiming_normal", "nag": "nesterov", "mae": "l1", "crossentropyloss": "cross_entropy",
    "gpu": "cuda", "float": "float32", "double": "float64",
}  # fmt: skip
"""Name of a field or a value in other tools, in small letters alone -> its name here."""


def meant(name: str, known: Iterable[str]) -> str:
    """Return the known name that a spelling means; `name` itself where there is none.

    Case, blanks, dashes and underscores do not matter, and ALIASES count.
    """
    by_letters = {_letters(one): one for one in known}
    letters = _letters(name)
    return by_letters.get(letters) or by_letters.get(_letters(ALIASES.get(letters, ""))) or name


def _letters(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())


def names(kind: RegistryKind) -> tuple[str, ...]:
    """Return the registered names of a kind, in the order they are listed to users."""
    return tuple(REGISTRY[kind])


def check_name(kind: RegistryKind, name: str) -> str:
    """Return `name` if it is registered.

    Raises:
        UsageError: with the closest registered name.
    """
    if name not in REGISTRY[kind]:
        if kind == "dataset" and "." in name:
            raise UsageError(
                f"unknown dataset '{name}': a file is read with --dataset table --data path={name} --data target=COLUMN"
            )
        raise UsageError(f"unknown {kind} '{name}': {did_you_mean(name, names(kind))}")
    return name


@cache
def import_registered(kind: RegistryKind, name: str) -> Any:
    """Return the registered object, importing its module.

    Raises:
        UsageError: if the name is not registered.
    """
    module, _, attribute = REGISTRY[kind][check_name(kind, name)].partition(":")
    return getattr(import_module(module), attribute)
