"""Resolve a spec as the user wrote it into the one that is trained: nothing left open, nothing impossible.

A field that the user left open is decided by the dataset as loaded, its registration, the model or the optimizer.
"""

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mlpctl.data import source_of
from mlpctl.errors import UsageError
from mlpctl.models.build import CLASS_LOSSES
from mlpctl.models.catalog import Model
from mlpctl.models.own import OWN, own_model, problems_of
from mlpctl.registry import import_registered as resolve_name
from mlpctl.spec import OPTION_FIELDS, Spec, is_own_model

if TYPE_CHECKING:
    from mlpctl.data.base import Dataset

DEFAULTS: dict[str, Any] = {
    "scaling": "none",
    "val_fraction": 0.1,
    "model": "mlp",
    "init": "default",
    "reduction": "mean",
    "optimizer": "sgd",
    "lr_schedule": "constant",
    "batch_size": 64,
    "epochs": 10,
}

BY_OPTIMIZER: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.1, "weight_decay": 0.0},
    "momentum": {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0},
    "nesterov": {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0},
    "adam": {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0},
    "adamw": {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01},
    "rmsprop": {"lr": 0.001, "alpha": 0.99, "momentum": 0.0, "eps": 1e-8, "weight_decay": 0.0},
    "adagrad": {"lr": 0.01, "eps": 1e-10, "weight_decay": 0.0},
}
"""Hyperparameters of each optimizer, with torch's defaults (lr apart, which torch leaves open for SGD)."""

BY_SCHEDULE: dict[str, dict[str, Any]] = {
    "constant": {},
    "step": {"lr_step": 10, "lr_gamma": 0.1, "warmup_epochs": 0.0},
    "cosine": {"warmup_epochs": 0.0},
    "warmup": {"warmup_epochs": 1.0},
}

BY_INIT: dict[str, dict[str, Any]] = {
    "default": {},
    "zeros": {},
    "normal": {"init_scale": 0.01},
    "uniform": {"init_scale": 0.05},
    "constant": {"init_scale": 0.1},
    **{name: {"init_scale": 1.0} for name in ("xavier_uniform", "xavier_normal", "orthogonal")},
    **{name: {"init_scale": 1.0} for name in ("kaiming_uniform", "kaiming_normal")},
}

HIDDEN: dict[str, Any] = {"activation": "relu", "batch_norm": (), "dropout": 0.0}

DECIDERS: dict[str, dict[str, dict[str, Any]]] = {
    "optimizer": BY_OPTIMIZER,
    "lr_schedule": BY_SCHEDULE,
    "init": BY_INIT,
    "loss": {"huber": {"huber_delta": 1.0}},
}
"""Deciding field -> its value -> the fields that apply then. A field of a group that is not listed does not apply."""


BY_DECIDER = {decider: {name for fields in table.values() for name in fields} for decider, table in DECIDERS.items()}
SELECTIVE = {name for fields in BY_DECIDER.values() for name in fields}
"""Fields that a group decides on."""

NOTHING = dict.fromkeys(Spec.model_fields)

FREE_FIELDS = ("lr", "seed", "init_seed", "data_seed")
"""Fields whose value, where there is one, decides on no other field and agrees with any."""

MOST_KEPT = 256
"""Resolved specs kept per dataset, for specs that differ from them in free fields alone."""

decisive_fields = itemgetter(*(name for name in Spec.model_fields if name not in (*FREE_FIELDS, *OPTION_FIELDS)))
"""Function that takes the other fields, but for those that are options, out of those of a spec."""

_kept: "WeakKeyDictionary[Dataset, dict[tuple[Any, ...], Spec]]" = WeakKeyDictionary()


def resolve(spec: Spec, dataset: "Dataset") -> Spec:
    """Return the spec with every open field decided; resolving it again changes nothing.

    Raises:
        UsageError: every impossible combination at once, each with a way out.
    """
    if spec.model is not None and is_own_model(spec.model):
        spec = spec.model_copy(update={"model": own_model(spec.model).name})  # its file may have changed meanwhile
    kept = _kept.setdefault(dataset, {})
    fields = vars(spec)
    decisive = (
        *decisive_fields(fields),
        repr([spec.data, spec.params]),
        *[fields[name] is None for name in FREE_FIELDS],
    )
    alike = kept.get(decisive)
    if alike is not None:
        return alike.model_copy(update={name: value for name in FREE_FIELDS if (value := fields[name]) is not None})
    resolved = _resolved(spec, dataset)
    fixed = model_entry(str(resolved.model)).fixed
    # A full minibatch may follow the seed where the split does.
    if resolved.split_seed != "seed" and resolved.folds is None and fixed.keys().isdisjoint(FREE_FIELDS):
        if len(kept) >= MOST_KEPT:
            kept.clear()
        kept[decisive] = resolved
    return resolved


def _resolved(spec: Spec, dataset: "Dataset") -> Spec:
    defaults = {**DEFAULTS, **source_of(dataset.name).defaults, **dataset.defaults}
    given = {name: value for name, value in vars(spec).items() if value is not None}
    model_name = model_of(given, defaults)
    model = model_entry(model_name)
    own = own_model(model_name) if is_own_model(model_name) else None
    if own is not None:
        model_name = own.name
    trained_otherwise = spec.optimizer not in (None, defaults["optimizer"]) or model_name != defaults["model"]
    if trained_otherwise:
        defaults.pop("lr", None)  # the dataset's learning rate is meant for its own model and optimizer
    for name, (value, _) in model.fixed.items():
        defaults[name] = value
    defaults |= {"model": model_name, **model.defaults}
    defaults.setdefault("loss", "cross_entropy" if dataset.task == "classification" else "mse")
    if dataset.task == "classification":
        defaults.pop("target_scaling", None)
    if dataset.test_index is None and not dataset.test_is_train:
        defaults.setdefault("test_fraction", 0.25)
    if given.get("folds"):
        defaults.pop("val_fraction")
    if model.hidden:
        defaults |= HIDDEN

    values = {**{name: value for name, value in defaults.items() if name in NOTHING}, **given}
    for decider, table in DECIDERS.items():
        for name, value in table.get(values[decider], {}).items():
            values.setdefault(name, value)
    problems = [*_impossible(given, values, model, dataset), *_widths(given, values, model)]
    problems += _of_no_network(spec, model_name)
    if own is not None:
        values |= {"model": own.name, "params": own.typed(spec.params)}
        problems += problems_of(spec, own.name)
    if problems:
        raise UsageError(problems)
    if values["batch_size"] == "full":
        values["batch_size"] = _n_train(spec.model_copy(update=_applicable(values)), dataset)
    return spec.model_copy(update=_applicable(values))  # checked already


def model_entry(name: str) -> Model:
    """Return the model of a name: registered, or of the user's own."""
    entry: Model = OWN if is_own_model(name) else resolve_name("model", name)
    return entry


def model_of(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return the model by name: the one given, an mlp where a hidden layer is asked for, else the dataset's."""
    asked_for_hidden = any(given.get(name) for name in ("hidden_layers", "hidden_units", "widths"))
    return str(given.get("model") or ("mlp" if asked_for_hidden else defaults.get("model", DEFAULTS["model"])))


def _applicable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return every field with its value, None where it does not apply."""
    left_out = SELECTIVE.difference(*(table.get(values[decider], {}) for decider, table in DECIDERS.items()))
    return {**NOTHING, **values, **dict.fromkeys(left_out)}


def _impossible(given: Mapping[str, Any], values: Mapping[str, Any], model: Model, dataset: "Dataset") -> Iterator[str]:
    for decider, table in DECIDERS.items():
        for name in BY_DECIDER[decider] & given.keys() - table.get(values[decider], {}).keys():
            takers = [value for value, entry in table.items() if name in entry]
            if given[name] != 0 and not _group_takes(name, values):
                yield (
                    f"{name} applies to {decider} {' or '.join(takers)}, not to {values[decider]}: leave it out, or "
                    f"choose {decider} {takers[0]}"
                )
    for name, (value, why) in model.fixed.items():
        if given.get(name, value) != value:
            yield f"model {values['model']} has {name} {value}, got {given[name]}: {why}"
    if dataset.task not in model.tasks:
        yield (
            f"model {values['model']} is for {' or '.join(model.tasks)}, and {dataset.name} is a {dataset.task} set: "
            f"use --model {'linear' if dataset.task == 'regression' else 'softmax'} or mlp"
        )
    if model.dataset and dataset.name != model.dataset:
        yield f"model {values['model']} needs --dataset {model.dataset}, got {dataset.name}"
    if dataset.task == "regression" and values["loss"] in CLASS_LOSSES:
        yield (
            f"loss {values['loss']} compares with a class, and {dataset.name} is a regression set: "
            "use --loss mse, half_mse, huber or l1"
        )
    for name, holds, message in _RULES:
        if name in given and not holds(values, dataset):
            yield message.format(given=given[name], name=dataset.name, **{"loss": values["loss"]})


def _of_no_network(spec: Spec, model: str) -> Iterator[str]:
    """Yield what a spec asks that only programs, or models of the user's own, have."""
    for name in ("maximize", "minimize", "curve_file"):
        if getattr(spec, name) is not None:
            yield f"{name} is for a program, and a network is trained here: give --command too, or leave {name} out"
    if spec.params and not is_own_model(model):
        said = ", ".join(f"model.{name}" for name in spec.params)
        yield (
            f"{said} is of a program or a model of yours, and {model} is neither: leave it out, or make it an axis, "
            f"'model.{next(iter(spec.params))}=V1,V2 when model=FILE.py:NAME'"
        )


def _group_takes(name: str, values: Mapping[str, Any]) -> bool:
    return any(name in table.get(values[decider], {}) for decider, table in DECIDERS.items())


_RULES: tuple[tuple[str, Callable[[Mapping[str, Any], "Dataset"], bool], str], ...] = (
    (
        "test_fraction",
        lambda values, dataset: not values["test_fraction"] or dataset.test_index is None,
        "{name} has an official test set: test_fraction {given} does not apply, leave it out",
    ),
    (
        "test_fraction",
        lambda values, dataset: not values["test_fraction"] or not dataset.test_is_train,
        "{name} is a truth table, its test set is the table itself: leave test_fraction out",
    ),
    (
        "val_fraction",
        lambda values, _: not values.get("folds"),
        "folds make the validation part: leave val_fraction {given} out, or folds",
    ),
    (
        "folds",
        lambda _, dataset: not dataset.is_ordered,
        "the rows of {name} are split by their order: leave folds {given} out, or --data split=ordered",
    ),
    (
        "folds",
        lambda _, dataset: not dataset.test_is_train,
        "{name} is a truth table, and has no rows to leave out of it: leave folds {given} out",
    ),
    (
        "folds",
        lambda values, _: values["split_seed"] != "seed",
        "folds are drawn once, not for every seed: leave split_seed seed out, or folds {given}",
    ),
    (
        "split_seed",
        lambda values, dataset: not values["split_seed"] or not dataset.is_ordered,
        "the rows of {name} are split by their order, and split_seed {given} draws nothing: leave it out",
    ),
    (
        "class_weight",
        lambda _, dataset: dataset.task == "classification",
        "{name} has numbers to predict, no classes: leave class_weight {given} out",
    ),
    (
        "patience",
        lambda values, _: bool(values.get("val_fraction") or values.get("folds")),
        "patience {given} watches the validation loss, and there is no validation part: set val_fraction, or leave "
        "patience out",
    ),
    (
        "target_scaling",
        lambda values, dataset: values["target_scaling"] == "none" or dataset.task == "regression",
        "{name} has classes, and target_scaling {given} is for numbers to predict: leave it out",
    ),
    (
        "batch_norm",
        lambda values, _: not values["batch_norm"] or values["batch_size"] != 1,
        "batch_norm needs minibatches of two examples at least, batch_size is 1: raise it, or leave batch_norm out",
    ),
    (
        "init_from",
        lambda values, _: values["model"] != "gate",
        "the weights of model gate are set by hand: leave init_from out, or use --model perceptron or mlp",
    ),
    (
        "engine",
        lambda values, _: values["engine"] in ("auto", "reference") or values["impl"] == "auto",
        "engine {given} has its own implementation: leave impl out, or use --engine reference",
    ),
)


def _widths(given: Mapping[str, Any], values: dict[str, Any], model: Model) -> Iterator[str]:
    """Yield the contradictions between widths, hidden_layers and hidden_units; set each from the others in `values`."""
    if not model.hidden:
        for name in ("hidden_layers", "hidden_units", "widths", *HIDDEN):
            if name in given and given[name] not in (0, (), 0.0):
                yield f"model {values['model']} has no hidden layer, so {name} does not apply: use --model mlp"
            values.pop(name, None)
        values["widths"] = ()
        return
    layers, units = given.get("hidden_layers"), given.get("hidden_units")
    widths = given.get("widths")
    if widths is None:
        widths = (units or 256,) * (1 if layers is None else layers)
    equal = widths[0] if widths and len(set(widths)) == 1 else None
    if (layers is not None and layers != len(widths)) or (units is not None and units != equal and widths):
        yield (
            f"widths {','.join(map(str, widths))} and hidden_layers {layers}, hidden_units {units} contradict each "
            "other: give widths, or the other two"
        )
    values |= {"widths": widths, "hidden_layers": len(widths), "hidden_units": equal}
    if equal is None:
        values.pop("hidden_units")
    if not widths:  # a network without hidden layers has no activation either
        for name in HIDDEN:
            if given.get(name) not in (None, (), 0.0) and name != "activation":
                yield f"without a hidden layer {name} does not apply: leave it out, or set hidden_layers"
            values.pop(name, None)
    yield from _dropout(values, len(widths))
    numbers = [number for number in values.get("batch_norm") or () if number != "all"]
    wrong = [number for number in numbers if not 1 <= number <= len(widths)]
    if wrong:
        yield f"batch_norm names hidden layer {wrong[0]}, and there are {len(widths)}: use 1 to {len(widths)}, or all"
    if values.get("batch_norm") == ("all",):
        values["batch_norm"] = tuple(range(1, len(widths) + 1))


def _dropout(values: dict[str, Any], n_layers: int) -> Iterator[str]:
    """Yield what is wrong with a dropout of each hidden layer; of equal ones keep one in `values`."""
    drops = values.get("dropout")
    if not isinstance(drops, tuple):
        return
    if len(drops) != n_layers:
        given = ",".join(f"{drop:g}" for drop in drops)
        yield (
            f"dropout {given} has {len(drops)} values, and there are {n_layers} hidden layers: give one for each, or "
            "one for all"
        )
    elif len(set(drops)) == 1:
        values["dropout"] = drops[0]


def _n_train(spec: Spec, dataset: "Dataset") -> int:
    from mlpctl.data.parts import split, split_rule

    return len(split(dataset, split_rule(spec))["train"])
