"""mlpctl results list|check|repair|merge|export."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o
from mlpctl.cli.help import Command, CommandGroup
from mlpctl.store.maintenance.export import ExportFormat

app = typer.Typer(cls=CommandGroup, no_args_is_help=True, rich_markup_mode=None)

Folder = Annotated[Path, typer.Argument(help="Results folder.")]
Folders = Annotated[list[Path], typer.Argument(help="Results folders.")]


@app.command("list", cls=Command)
def list_(
    folder: Annotated[Path, typer.Argument(help="Folder that has results folders below it.")] = Path("results"),
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """List results folders: dataset, number of trials, failures, best score, last change, size.

    Example: mlpctl results list
    """
    from mlpctl.display.tables import emit
    from mlpctl.report.folder_list import folder_list

    emit(folder_list(folder), format_, output)


@app.command(cls=Command)
def check(folder: Folder, format_: o.FormatOption = "table", output: o.OutputFile = None) -> None:
    """List every problem of a results folder, line by line; exit code 6 if there is one.

    Example: mlpctl results check results/iris-mlp
    """
    from mlpctl.display.tables import emit
    from mlpctl.errors import CheckFailed
    from mlpctl.store.maintenance.check import check as check_folder

    table = check_folder(folder)
    emit(table, format_, output)
    if table.rows:
        raise CheckFailed(f"{folder} has {len(table.rows)} problems: `mlpctl results repair {folder}` mends them")


@app.command(cls=Command)
def repair(folder: Folder) -> None:
    """Mend a results folder and say what was done; what was lost runs again with the command that made it.

    Damaged rows are put into FILE.removed, not thrown away.
    """
    from mlpctl.store.maintenance.repair import repair as repair_folder

    for line in repair_folder(folder) or [f"{folder} is well"]:
        typer.echo(line)


@app.command(cls=Command)
def merge(
    folders: Folders,
    into: Annotated[Path, typer.Option("--output", "-o", help="Results folder; may have results already.")],
    format_: o.FormatOption = "table",
) -> None:
    """Unite results folders in one: shards of a sweep, or the work of several machines.

    The same trial twice is one row; rows that contradict each other are listed, with exit code 6: the first counts.

    Example: mlpctl results merge results/iris-1-of-2 results/iris-2-of-2 -o results/iris
    """
    from mlpctl.display.tables import emit
    from mlpctl.errors import CheckFailed
    from mlpctl.store.maintenance.merge import merge as merge_folders

    table = merge_folders(folders, into)
    emit(table, format_)
    if table.rows:
        keys = {row["key"] for row in table.rows}
        raise CheckFailed(f"{len(keys)} trials have rows that contradict each other; the first was kept")


@app.command(cls=Command)
def export(
    folders: Folders,
    as_: Annotated[ExportFormat, typer.Option("--format", "-f", help="Of the files.")] = "parquet",
    into: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the files. Default: the results folder.")
    ] = None,
) -> None:
    """Write trials and epochs for other programs, typed: trials.parquet and epochs.parquet, or .json.

    The program that trains one of them without mlpctl is written by `mlpctl export`.

    Example: mlpctl results export results/iris-mlp --format json
    """
    from mlpctl.store.maintenance.export import export as export_folders

    for path in export_folders(folders, into, as_):
        typer.echo(path)
