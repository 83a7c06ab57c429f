"""mlpctl doctor."""

from typing import Annotated

import typer

from mlpctl.cli import options as o


def doctor(
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
    compile_: Annotated[bool, typer.Option("--compile", help="Compile the fast engine now, and do no more.")] = False,
) -> None:
    """Tell what is installed, what this machine has, where data come from, and how to get what is missing."""
    if compile_:
        from mlpctl.inspection.installation import compile_kernel

        typer.echo(compile_kernel(lambda text: typer.echo(f"note: {text}", err=True)))
        return
    from mlpctl.display.tables import emit
    from mlpctl.inspection.installation import check_installation, examine

    table = examine()
    emit(table, format_, output)
    check_installation(table)
