"""Define the spec: everything that decides a trial's numbers.

The fields of `Spec` are the one list from which the options of `train`, the keys of an experiment file, the columns of
`trials.csv`, the hash of a trial, `--help` and the tables of the docs are derived. A field left at None is decided by
the dataset, the model or the optimizer: `mlpctl.models.resolve` fills it in.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from re import fullmatch
from types import UnionType
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.registry import RegistryKind, check_name, meant, names


def one_line_text(value: str) -> str:
    """Return a text that is one line of printable characters, as a cell of the results is.

    Raises:
        ValueError: for another.
    """
    if not value.isprintable() or not value.strip():
        raise ValueError(f"a command is one line of printable characters, got {value!r}")
    return value


def round12(value: float) -> float:
    """Return `value` to 12 significant digits, so that 0.3 and 0.1 + 0.2 are one value, trained and keyed alike."""
    return float(f"{value:.12g}")


def split_list(value: object) -> object:
    """Return the items of "1,2,3" or "none", as the command line and the CSV write lists; anything else as it is."""
    if value == "none":
        return ()
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()] or value
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value


def split_several(value: object) -> object:
    """Return the items of "1,2"; anything else as it is."""
    return split_list(value) if isinstance(value, str) and "," in value else value


def none_or_text(value: object) -> object:
    """Return None for "none"."""
    return None if value == "none" else value


def split_layers(value: object) -> object:
    """Return ("all",) for "all", else the items as `split_list` does."""
    return ("all",) if value == "all" else split_list(value)


def registered(kind: RegistryKind, *also: str) -> AfterValidator:
    """Return the check that a name is registered, or one of some words."""

    def check(name: str) -> str:
        try:
            return name if name in also else check_name(kind, name)
        except UsageError as error:
            raise ValueError(str(error)) from error

    return AfterValidator(check)


def is_own_model(name: str) -> bool:
    """Return whether a model is of the user's own, FILE.py:NAME, maybe with @HASH."""
    return fullmatch(r".+\.py:\w+(@[0-9a-f]{16})?", name) is not None


def model_name(name: str) -> str:
    """Return the name of a model: registered, or FILE.py:NAME.

    Raises:
        ValueError: for another.
    """
    try:
        return name if is_own_model(name) else check_name("model", name)
    except UsageError as error:
        raise ValueError(f"{error}; a model of your own is FILE.py:NAME") from error


def device_name(name: str) -> str:
    """Return the name of a device, or of several.

    Raises:
        ValueError: for another text.
    """
    several = name.split(",")
    if not fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?|cuda:\d{1,3}(,cuda:\d{1,3})+", name):
        raise ValueError(f"device must be auto, cpu, cuda, cuda:N, several as cuda:0,cuda:1, or mps, got '{name}'")
    if len(set(several)) < len(several):
        raise ValueError(f"each device of several must be another, got '{name}'")
    return name


def parse_options(value: object) -> object:
    """Return the mapping written as KEY=VALUE items, as on the command line, or as JSON, as in the CSV."""
    if isinstance(value, str):
        import json

        if not value.lstrip().startswith("{"):
            return _pairs([value])
        try:
            return json.loads(value)
        except RecursionError:
            raise ValueError("options are nested too deeply") from None
    return _pairs(value) if isinstance(value, list | tuple) else value


def _pairs(items: list[Any] | tuple[Any, ...]) -> dict[str, str]:
    pairs = {}
    for item in items:
        key, equals, text = str(item).partition("=")
        if not equals:
            raise ValueError(f"options are written KEY=VALUE, got '{item}'")
        pairs[key.strip()] = text.strip()
    return pairs


Float = Annotated[float, AfterValidator(round12)]
Positive = Annotated[Float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[Float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[Float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


Activation = Literal["relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "silu", "softplus", "identity"]
Init = Literal[
    "default", "normal", "uniform", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal",
    "orthogonal", "zeros", "constant",
]  # fmt: skip
Loss = Literal["cross_entropy", "nll", "mse", "half_mse", "huber", "l1", "bce", "perceptron"]
Optimizer = Literal["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad"]
Schedule = Literal["constant", "step", "cosine", "warmup"]
Scaling = Literal["none", "unit", "standard"]
TargetScaling = Literal["none", "standard"]
Dtype = Literal["float32", "float64"]

SEED_FIELDS = ("seed", "init_seed", "data_seed")
"""Fields that only choose among equally good random numbers: a configuration is a spec without them."""

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Devices by name; more by number."""

RUN_FIELDS = ("device", "engine", "impl")
"""Fields that change a trial's numbers by rounding alone; part of its key only where the experiment names them."""

OPTION_FIELDS = ("data", "params")
"""Fields that are options by name: each option is set, varied and shown as a field of its own, data.NAME."""

COMMAND = "command"
"""Name of the dataset of a trial that a program runs: the program has its own."""

PROGRAM_FIELDS = ("command", "params", "maximize", "minimize", "curve_file", "epochs", "seed")
"""Fields that a trial of a program has; any other name is a parameter of the program."""


def field(default: object, group: str, help_: str, *, unit: str = "", otherwise: str = "", common: bool = False) -> Any:
    """Return a Spec field.

    Args:
        default: value where the user gives none.
        group: panel of the option in the help.
        help_: what it is, in words.
        unit: of its numbers.
        otherwise: what decides where the user leaves it open, in words.
        common: most people need it, so that the short help has it.
    """
    notes = {"group": group, "unit": unit, "otherwise": otherwise, "common": "yes" if common else ""}
    return Field(default, description=help_, json_schema_extra={**notes})


class Spec(BaseModel):
    """Everything that decides a trial's numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    dataset: Annotated[str, registered("dataset", COMMAND)] = field(
        "fashion-mnist", "Data", "Dataset by name.", common=True
    )
    data: Annotated[dict[str, Any], BeforeValidator(parse_options)] = field(
        {},
        "Data",
        "Options of the dataset, KEY=VALUE; `mlpctl data show NAME` lists them.",
        otherwise="none",
        common=True,
    )
    scaling: Scaling | None = field(
        None, "Data", "Inputs as they are, in [0, 1], or with mean 0 and variance 1 per feature (training part alone).",
        otherwise="by dataset",
    )  # fmt: skip
    target_scaling: TargetScaling | None = field(
        None, "Data", "Numbers to predict as they are, or with mean 0 and variance 1 in training (training part "
        "alone); errors are told in their own unit.", otherwise="standard; none for linreg",
    )  # fmt: skip
    test_fraction: Fraction | None = field(
        None, "Data", "Share held out for testing, where the dataset has no official test set.", otherwise="0.25"
    )
    val_fraction: Fraction | None = field(
        None, "Data", "Share of the training part held out for validation.", otherwise="0.1; 0 for tiny datasets"
    )
    folds: Annotated[int, Field(ge=2)] | None = field(
        None, "Data", "Folds of the training part: seed 0 validates on the first, seed 1 on the second, and so on.",
        otherwise="none",
    )  # fmt: skip

    model: Annotated[str, AfterValidator(model_name)] | None = field(
        None, "Model", "Model by name, or a class or function of yours, FILE.py:NAME.", otherwise="by dataset"
    )
    impl: Annotated[str, registered("impl", "auto")] = field(
        "auto", "Model", "Which implementation of the reference engine to use; all give the same result."
    )
    hidden_layers: Annotated[int, Field(ge=0)] | None = field(
        None, "Model", "Number of hidden layers.", otherwise="1 (mlp)", common=True
    )
    hidden_units: Count | None = field(None, "Model", "Units of each hidden layer.", otherwise="256 (mlp)", common=True)
    widths: Annotated[tuple[Count, ...], BeforeValidator(split_list)] | None = field(
        None, "Model", "Units of every hidden layer, 128,64,32: instead of hidden_layers and hidden_units."
    )
    activation: Activation | None = field(
        None, "Model", "Activation of the hidden layers.", otherwise="relu", common=True
    )
    bias: bool = field(True, "Model", "Whether affine maps have a bias.", otherwise="true")
    init: Init | None = field(
        None, "Model", "How weights are drawn; biases start at 0, with `default` as torch.nn.Linear draws them.",
        otherwise="default",
    )  # fmt: skip
    init_scale: NotNegative | None = field(
        None, "Model", "σ of normal, bound of uniform, value of constant, gain of the others.",
        otherwise="0.01, 0.05 (uniform), 0.1 (constant), gain 1",
    )  # fmt: skip
    init_from: Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(none_or_text)] = field(
        None, "Model", "Trained weights to start from: RESULTS, RESULTS#TRIAL or FILE.safetensors; layers of another "
        "shape are drawn anew.",
        otherwise="none",
    )  # fmt: skip
    batch_norm: Annotated[tuple[int | Literal["all"], ...], BeforeValidator(split_layers)] | None = field(
        None, "Model", "Hidden layers with batch normalization before their activation: none, all, or 1,2,3.",
        otherwise="none",
    )  # fmt: skip
    dropout: Annotated[Fraction | tuple[Fraction, ...], BeforeValidator(split_several)] | None = field(
        None, "Model", "Probability that a hidden unit is dropped in training; one for each hidden layer, 0.2,0.5.",
        otherwise="0",
    )  # fmt: skip

    loss: Loss | None = field(None, "Training", "Loss.", otherwise="by model and task")
    class_weight: Annotated[Literal["balanced"] | None, BeforeValidator(none_or_text)] = field(
        None, "Training", "balanced: in the loss that is minimized, a class counts n / (K · its examples), rare "
        "ones more; scores count all examples alike.", otherwise="none",
    )  # fmt: skip
    reduction: Literal["mean", "sum"] | None = field(
        None, "Training", "Whether a step follows the mean or the sum of the minibatch's losses.", otherwise="mean"
    )
    huber_delta: Positive | None = field(
        None, "Training", "Where the Huber loss turns from square to line.", unit="target", otherwise="1"
    )
    optimizer: Optimizer | None = field(None, "Training", "Optimizer.", otherwise="sgd", common=True)
    lr: Positive | None = field(
        None,
        "Training",
        "Learning rate.",
        otherwise="0.1 (sgd), 0.01 (momentum, nesterov, adagrad), 0.001",
        common=True,
    )
    momentum: Fraction | None = field(
        None, "Training", "Momentum of the optimizers momentum, nesterov and rmsprop.", otherwise="0.9; rmsprop 0"
    )
    betas: Annotated[tuple[Fraction, Fraction], BeforeValidator(split_list)] | None = field(
        None, "Training", "Decay of Adam's two moments.", otherwise="0.9,0.999"
    )
    alpha: Fraction | None = field(None, "Training", "Decay of RMSprop's mean square.", otherwise="0.99")
    eps: Positive | None = field(
        None, "Training", "Added to the denominator by the adaptive optimizers.", otherwise="1e-8; adagrad 1e-10"
    )  # fmt: skip
    weight_decay: NotNegative | None = field(
        None, "Training", "L2 penalty on weights and biases (decoupled with adamw).", otherwise="0; adamw 0.01"
    )
    decay_biases: bool = field(
        True, "Training", "Whether weight decay shrinks biases, and scale and shift of batch normalization, too.",
        otherwise="true",
    )  # fmt: skip
    l1: NotNegative = field(
        0.0, "Training", "L1 penalty on weights: its gradient l1·sign(w) is added before the optimizer's step.",
        otherwise="0",
    )  # fmt: skip
    lr_schedule: Schedule | None = field(
        None, "Training", "How the learning rate moves: constant, step, cosine to 0, or linear warm-up.",
        otherwise="constant",
    )  # fmt: skip
    lr_step: Count | None = field(
        None, "Training", "Epochs between two drops of the step schedule.", unit="epochs", otherwise="10"
    )
    lr_gamma: Positive | None = field(None, "Training", "Factor of each drop of the step schedule.", otherwise="0.1")
    warmup_epochs: NotNegative | None = field(
        None, "Training", "Linear warm-up from 0 before the schedule; may be a fraction.", unit="epochs",
        otherwise="1 (warmup), 0",
    )  # fmt: skip
    batch_size: Count | Literal["full"] | None = field(
        None, "Training", "Examples of a minibatch, or full.", unit="examples", otherwise="by dataset", common=True
    )
    shuffle: bool = field(
        True, "Training", "Whether each epoch draws another order of the examples, or all take the order of the data.",
        otherwise="true",
    )  # fmt: skip
    epochs: Annotated[int, Field(ge=0)] | None = field(
        None, "Training", "Passes over the training part.", unit="epochs", otherwise="by dataset", common=True
    )
    patience: Count | None = field(
        None, "Training", "Epochs without a lower validation loss after which training ends; scores and weights are "
        "those of the best epoch.", unit="epochs", otherwise="none: all epochs",
    )  # fmt: skip

    seed: Seed = field(0, "Randomness", "Draws initial weights, minibatch order and dropout.", common=True)
    init_seed: Seed | None = field(None, "Randomness", "Draws the initial weights.", otherwise="seed")
    data_seed: Seed | None = field(
        None, "Randomness", "Draws the minibatch order and the dropout masks.", otherwise="seed"
    )
    split_seed: Seed | Literal["seed"] = field(
        0, "Randomness", "Draws the split into training, validation and test part; `seed` follows the seed."
    )

    command: Annotated[str, AfterValidator(one_line_text)] | None = field(
        None, "Program", "Program to run instead of training a network, with {NAME} where the value of an axis or a "
        "parameter goes; {seed}, {epochs} and {folder} are known too. Started without a shell.",
        otherwise="none",
    )  # fmt: skip
    params: Annotated[dict[str, Any], BeforeValidator(parse_options)] = field(
        {}, "Program", "Parameters of the program, or options of a model of yours, KEY=VALUE.", otherwise="none"
    )
    maximize: str | None = field(
        None, "Program", "Number of the program's output that is its score; higher is better.",
        otherwise="accuracy, mse, score, cost or loss, the first that it prints",
    )  # fmt: skip
    minimize: str | None = field(
        None, "Program", "Number of the program's output that is its score; lower is better.", otherwise="see maximize"
    )
    curve_file: str | None = field(
        None, "Program", "CSV file in {folder} to which the program writes a row per epoch.", otherwise="epochs.csv"
    )

    dtype: Dtype = field("float32", "Run", "Floating-point type of weights and arithmetic.")
    device: Annotated[str, AfterValidator(device_name)] = field(
        "auto", "Run", "auto, cpu, cuda (all GPUs), cuda:1, cuda:0,cuda:1 or mps."
    )
    engine: Annotated[str, registered("engine", "auto")] = field(
        "auto", "Run", "What trains: auto, or an engine by name."
    )

    def flat(self) -> dict[str, str | int | float | None]:
        """Return the spec as one CSV row: lists as "1,2", options as JSON, what does not apply as None."""
        fields = vars(self).items()  # iterating over a pydantic model takes three times as long
        return {name: value if type(value) in CELL_TYPES else _flat(value) for name, value in fields}

    @classmethod
    def from_flat(cls, row: Mapping[str, Any]) -> "Spec":
        """Return the spec written by `flat`; empty cells are None, columns that are no fields are left alone."""
        return make_spec({k: row[k] for k in cls.model_fields if k in row and row[k] not in (None, "")}, where="row")

    def with_data(self, options: Any) -> Self:
        """Return the spec with other values of some options of its dataset, as text or typed.

        Raises:
            UsageError: for what is no KEY=VALUE.
        """
        return self.model_copy(update={"data": {**self.data, **make_spec({"data": options}).data}})

    def configuration(self) -> Self:
        """Return the spec without its seeds: what several seeds of one configuration share."""
        return self.model_copy(update={"seed": 0, "init_seed": None, "data_seed": None})

    @property
    def is_configuration(self) -> bool:
        """Return whether `configuration` changes nothing."""
        return self.seed == 0 and self.init_seed is None and self.data_seed is None

    @property
    def init_key(self) -> int:
        """Return the seed that draws the initial weights."""
        return self.seed if self.init_seed is None else self.init_seed

    @property
    def data_key(self) -> int:
        """Return the seed that draws minibatch order and dropout."""
        return self.seed if self.data_seed is None else self.data_seed

    @property
    def split_key(self) -> int:
        """Return the seed that draws the split."""
        return self.seed if self.split_seed == "seed" else int(self.split_seed)


def option_of(name: str) -> tuple[str, str] | None:
    """Return (field, option) of a name such as data.noise or params.lr; model.NAME is params.NAME."""
    field, dot, option = name.partition(".")
    field = "params" if field == "model" else field
    return (field, option) if dot and field in OPTION_FIELDS else None


def param_name(name: str) -> str:
    """Return the field that a name means to a program: params.NAME, unless trials of programs have the field."""
    return name if name in PROGRAM_FIELDS or name.startswith("params.") else f"params.{name}"


def with_option_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with each option under a name of its own, data.NAME, beside them."""
    options = {f"{field}.{name}": v for field in OPTION_FIELDS for name, v in (fields.get(field) or {}).items()}
    return {**fields, **options}


CELL_TYPES = frozenset((str, int, float, type(None)))
"""Types of values that are one cell as they are."""


def _flat(value: object) -> str | int | float | None:
    if isinstance(value, dict):
        import json

        return json.dumps(value, sort_keys=True, separators=(",", ":")) if value else None
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value) if value else "none"
    if isinstance(value, bool):
        return str(value).lower()
    assert value is None or isinstance(value, str | int | float)
    return value


def make_spec(given: Mapping[str, Any], *, where: str = "") -> Spec:
    """Return the validated spec.

    Args:
        given: field name -> value, typed or as text.
        where: origin of the values, for the messages.

    Raises:
        UsageError: every problem at once, unknown names with the closest known one.
    """
    try:
        if not any(value is True or value is False for value in given.values()):  # pydantic takes true for 1
            return Spec(**given)
        _check_booleans(given, where)
        return Spec(**given)
    except ValidationError as error:
        if (plain := respelled(given, where)) != given:  # it is slow, and most are spelled as they should be
            return make_spec(plain, where=where)
        raise UsageError(list(explain(error, Spec, where))) from None


def respelled(given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return fields and words by their names here, where another spelling or another tool's word was given.

    Raises:
        UsageError: where two spellings of one field were given.
    """
    plain: dict[str, Any] = {}
    for name, value in given.items():
        field = meant(name, Spec.model_fields)
        if field in plain:
            raise UsageError(f"{where + ': ' if where else ''}{field} is given twice, once as {name}: give it once")
        words = (
            (*choices(Spec.model_fields[field]), *DEVICES * (field == "device")) if field in Spec.model_fields else ()
        )
        plain[field] = meant(value, words) if words and isinstance(value, str) else value
    return plain


def _check_booleans(given: Mapping[str, Any], where: str) -> None:
    """Check that no number is given as true or false.

    Raises:
        UsageError: if one is.
    """
    for name, value in given.items():
        if isinstance(value, bool) and name in Spec.model_fields and "true" not in choices(Spec.model_fields[name]):
            said = f"{name} is not true or false, got {str(value).lower()}: {Spec.model_fields[name].description}"
            raise UsageError(f"{where}: {said}" if where else said)


def explain(
    error: ValidationError, model: type[BaseModel], where: str = "", *, but: Collection[str] = ()
) -> Iterator[str]:
    """Yield a line per problem: the rule, the value given, and its origin; but not of the fields `but`."""
    seen = {*but}
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else "value"
        given = problem.get("input")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key '{name}': {did_you_mean(name, model.model_fields)}"
        elif problem["type"] == "missing":
            message = f"'{name}' is required: {model.model_fields[name].description}"
        elif problem["type"] == "literal_error" and name in model.model_fields:
            known = choices(model.model_fields[name])
            message = f"unknown {name} '{given}': {did_you_mean(str(given), known)}"
        else:
            text = problem["msg"]
            if problem["type"] == "value_error":
                message = text.removeprefix("Value error, ")
            else:
                message = f"{name} {text[0].lower()}{text[1:]}, got {given!r}".replace("input should", "must")
                message += _advice(name, problem["type"], given) if model is Spec else ""
        if name not in seen:
            yield f"{where}: {message}" if where else message
        seen.add(name)


def _advice(name: str, problem: str, given: object) -> str:
    """Return what to write instead of a value that a field does not take, after a colon; "" where nothing is known."""
    if isinstance(given, list | tuple) or (isinstance(given, str) and "," in given):
        values = ",".join(map(str, given)) if isinstance(given, list | tuple) else given
        return f": several values are an axis of a sweep, --axis {name}={values}"
    if problem == "less_than" and name in ("dropout", "momentum", "test_fraction", "val_fraction"):
        with suppress(TypeError, ValueError):
            percent = float(given)  # type: ignore[arg-type]
            if 1 < percent < 100:
                return f": it is a share, and {percent:g} % is {percent / 100:g}"
    return ""


def choices(info: FieldInfo) -> tuple[str, ...]:
    """Return the words that a field accepts, for help, completion and messages; () if any value goes."""
    words: list[str] = []
    for part in _parts(info.annotation):
        if get_origin(part) is Literal:
            words += [str(word) for word in get_args(part)]
        elif part is bool:
            words += ["true", "false"]
    for kind in get_args(RegistryKind):
        if info is Spec.model_fields[kind]:
            words += [*(["auto"] if kind in ("engine", "impl") else []), *names(kind)]
    return tuple(words)


def _parts(annotation: object) -> Iterator[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif origin is UnionType or str(origin) == "typing.Union":
        for part in get_args(annotation):
            yield from _parts(part)
    else:
        yield annotation


def extra(info: FieldInfo, key: Literal["group", "unit", "otherwise", "common"]) -> str:
    """Return a note that `field` recorded beside a field's type."""
    recorded = info.json_schema_extra
    return str(recorded[key]) if isinstance(recorded, dict) else ""


def kind_of(info: FieldInfo) -> Literal["text", "int", "float"]:
    """Return the type of a field's CSV column: numbers where every value is a number, else text."""
    parts = [part for part in _parts(info.annotation) if part is not type(None)]
    if all(part is int for part in parts):
        return "int"
    return "float" if all(part is float for part in parts) else "text"


def number_kind(info: FieldInfo) -> Literal["int", "float"] | None:
    """Return the type of the numbers that a field takes, maybe beside other values; None if it takes none."""
    parts = [*_parts(info.annotation)]
    return "int" if int in parts else "float" if float in parts else None


def field_label(name: str) -> str:
    """Return the label of a field for an axis or a legend, with its unit."""
    info = Spec.model_fields.get(name)
    unit = extra(info, "unit") if info is not None else ""
    return f"{name.replace('_', ' ')} ({unit})" if unit and unit not in name else name.replace("_", " ")
