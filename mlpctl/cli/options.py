"""Define the command-line options that are derived from the fields of Spec, or shared by several commands."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from mlpctl.cli.help import MORE
from mlpctl.display.tables import Format
from mlpctl.engines.precision import Precision
from mlpctl.runner.signatures import field_parameters
from mlpctl.search.table import SearchTable
from mlpctl.spec import OPTION_FIELDS, Spec, choices, extra, kind_of

METAVARS = {"int": "N", "float": "X", "text": "TEXT"}


def more(*names: str, **settings: Any) -> Any:
    """Return an option that few people need: --help-all lists it."""
    return typer.Option(*names, rich_help_panel=f"Options{MORE}", **settings)


Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Trials in training at a time. Default: the cores.")
]
Threads = Annotated[int, more("--threads", min=1, help="Threads of torch, in engines reference and lanes.")]
PrecisionOption = Annotated[
    Precision, more("--precision", help="Precision of float32 products in engine lanes: fp32, or tf32 on tensor cores.")
]
Name = Annotated[str | None, typer.Option("--name", help="Folder under --out. Default: DATASET-MODEL.")]
Out = Annotated[Path, more("--out", help="Folder to write results to.")]
SettingsOption = Annotated[
    list[str] | None, more("--set", "-s", metavar="KEY=VALUE", help="Set any option by name; may be repeated.")
]
DataOption = Annotated[
    list[str] | None, typer.Option("--data", metavar="KEY=VALUE", help="Options of the dataset; may be repeated.")
]
Force = Annotated[bool, more("--force", help="Train again what is in the results already.")]
Offline = Annotated[bool, more("--offline", help="Work offline.")]
Quiet = Annotated[bool, more("--quiet", "-q", help="No progress.")]
FitEach = Annotated[bool, more("--eval-train", help="Score the training part too after each epoch.")]
TestEach = Annotated[bool, more("--eval-test", help="Score the test part too after each epoch.")]
Save = Annotated[bool, typer.Option("--save", help="Keep the weights, as safetensors in the results folder.")]
SaveBest = Annotated[
    bool, more("--save-best/--no-save-best", help="Keep the weights of the best configuration, where --save keeps all.")
]
Board = Annotated[
    Path | None,
    more("--tensorboard", metavar="DIR", help="Also write the scores of each epoch for TensorBoard."),
]
MlflowOption = Annotated[
    str | None,
    more(
        "--mlflow",
        metavar="DIR|URI",
        help="Also keep a run per trial in MLflow: a folder for its database, or a tracking server. Needs "
        "mlpctl[mlflow].",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How results are written.")]
OutputFile = Annotated[Path | None, typer.Option("--output", "-o", help="Write results to a file; - is stdout.")]

EXPERIMENT_PANEL = "Experiment"
RUN_PANEL = "Run"


def with_spec_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with an option per field of Spec in place of its parameter `given`.

    `given` then holds the fields that were given, as text: they are parsed where TOML and axes are, so that the
    same mistake has the same message everywhere.
    """

    def run(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in Spec.model_fields}
        command(given={name: value for name, value in given.items() if value not in (None, [])}, **arguments)

    own = [p for p in inspect.signature(command).parameters.values() if p.name != "given"]
    derived = field_parameters(_annotation)
    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    run.__signature__ = inspect.Signature([*keyword, *derived])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in [*keyword, *derived]}
    run.__doc__ = command.__doc__
    return run


def _annotation(name: str) -> Any:
    info = Spec.model_fields[name]
    words = choices(info)
    default = extra(info, "otherwise") or ("" if info.default in (None, {}) else str(info.default))
    help_ = str(info.description)
    if unit := extra(info, "unit"):
        help_ += f" In {unit}."
    if len(words) > 4:
        help_ += f" One of: {', '.join(words)}."
    if default:
        help_ += f" Default: {default}."
    is_list = name in OPTION_FIELDS
    metavar = "KEY=VALUE" if is_list else "|".join(words) if words and len(words) <= 4 else METAVARS[kind_of(info)]
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        help=help_,
        metavar=metavar.upper() if not words else metavar,
        rich_help_panel=extra(info, "group") + ("" if extra(info, "common") else MORE),
        autocompletion=_completion(words) if words else None,
        show_default=False,
    )
    return Annotated[(list[str] | None) if is_list else (str | None), option]


def _completion(words: tuple[str, ...]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def search_help(name: str) -> str:
    """Return what a field of the [search] table is, with its default."""
    info = SearchTable.model_fields[name]
    default = "" if info.default is None else f" Default: {info.default}."
    return f"{info.description}{default}"


def given_only(**values: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in values.items() if value is not None}


def data_options(given: list[str] | None) -> dict[str, str]:
    """Return the options of --data by name."""
    from mlpctl.runner.experiment import parse_settings

    return parse_settings(given or [], option="--data")


def items(text: str) -> list[str]:
    """Return the items of "a,b"."""
    return [item.strip() for item in text.split(",") if item.strip()]


def whole_numbers(option: str, text: str) -> list[int]:
    """Return the numbers of "1,2".

    Raises:
        UsageError: for anything else.
    """
    from mlpctl.errors import UsageError

    try:
        return [int(item) for item in items(text)]
    except ValueError:
        raise UsageError(f"{option} takes whole numbers such as 1,2, got '{text}'") from None
