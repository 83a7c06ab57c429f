"""mlpctl data list|show|fetch|verify|path."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o
from mlpctl.cli.help import Command, CommandGroup

app = typer.Typer(cls=CommandGroup, no_args_is_help=True, rich_markup_mode=None)

NameOf = Annotated[str, typer.Argument(help="Dataset by name.")]
NameOrAll = Annotated[str, typer.Argument(help="Dataset by name, or all.")]


@app.command("list", cls=Command)
def list_(format_: o.FormatOption = "table", output: o.OutputFile = None) -> None:
    """List the datasets."""
    from mlpctl.data.describe import list_datasets
    from mlpctl.display.tables import emit

    emit(list_datasets(), format_, output)


@app.command(cls=Command)
def show(
    name: NameOf,
    data: o.DataOption = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw samples to a PNG, SVG or PDF file.")] = None,
    offline: o.Offline = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Tell what a dataset holds: shapes, classes and balance, options; --plot draws samples.

    Example: mlpctl data show fashion-mnist --plot samples.png
    """
    from mlpctl.cli.screens.base import set_offline
    from mlpctl.data import load_dataset, source_of
    from mlpctl.data.describe import describe_dataset
    from mlpctl.data.parts import split_rule
    from mlpctl.display.tables import emit
    from mlpctl.models import resolve
    from mlpctl.spec import make_spec

    set_offline(offline)
    spec = make_spec({"dataset": name, "data": o.data_options(data)})
    dataset = load_dataset(spec)
    emit(describe_dataset(dataset, source_of(name), split_rule(resolve(spec, dataset))), format_, output)
    if plot is not None:
        from mlpctl.data.draw_samples import draw_samples
        from mlpctl.display.figure_style import save

        save(draw_samples(dataset), plot)


@app.command(cls=Command)
def fetch(
    name: NameOrAll,
    folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Copy them from here: each as it is, or its .gz."),
    ] = None,
    offline: o.Offline = False,
) -> None:
    """Bring a dataset's files into the cache, checked by their sha256: from --from, or where they are to be had.

    Example: mlpctl data fetch fashion-mnist --from Downloads
    """
    from mlpctl.cli.screens.base import set_offline
    from mlpctl.data.verify import datasets_named, fetch_dataset
    from mlpctl.errors import UsageError

    set_offline(offline)
    if folder is not None and name == "all":
        raise UsageError("--from is of one dataset: name it in place of all")
    for one in datasets_named(name):
        for line in fetch_dataset(one, folder):
            typer.echo(line)


@app.command(cls=Command)
def verify(name: NameOrAll, data: o.DataOption = None, offline: o.Offline = False) -> None:
    """Load a dataset with every check of it; exit code 4 where one fails."""
    from mlpctl.cli.screens.base import set_offline
    from mlpctl.data.verify import datasets_named, verify_dataset

    set_offline(offline)
    for one in datasets_named(name):
        for line in verify_dataset(one, o.data_options(data)):
            typer.echo(line)


@app.command(cls=Command)
def path(name: NameOrAll = "all", data: o.DataOption = None) -> None:
    """Print where a dataset's files are, or would be looked for."""
    from mlpctl.data.verify import datasets_named, paths_of

    for one in datasets_named(name):
        for line in paths_of(one, o.data_options(data)):
            typer.echo(f"{one}\t{line}" if name == "all" else line)
