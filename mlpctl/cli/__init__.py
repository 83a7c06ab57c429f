"""The command line: one thin file a command; options, then one library call; heavy imports inside the bodies."""

import io
import os
import sys
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from mlpctl import __version__
from mlpctl.charset import ERRORS
from mlpctl.errors import MlpctlError, UsageError

COMMANDS = (
    "train",
    "sweep",
    "report",
    "compare",
    "results",
    "predict",
    "inspect",
    "exercise",
    "verify",
    "data",
    "bench",
    "doctor",
    "config",
)
GROUPS = ("results", "data", "bench")
"""The commands that have commands of their own below their name."""

app = typer.Typer(
    name="mlpctl",
    help="What does this hyperparameter do to this small network? Trains, sweeps, and says what can be concluded.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
"""Every command module holds a Typer `app` of its own: with one command, or with several below its name."""

for _name in COMMANDS:
    _module = import_module(f"mlpctl.cli.{_name}")
    app.add_typer(_module.app, name=_name if _name in GROUPS else None)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"mlpctl {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """Run the command line; errors meant for the user become one line on stderr and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # `PYTHONIOENCODING=ascii`: plain signs in place of a traceback
        sys.stdout.reconfigure(errors=ERRORS)
    try:
        app()
    except MlpctlError as error:
        if os.environ.get("MLPCTL_DEBUG") == "1":
            raise
        problems = error.problems if isinstance(error, UsageError) else (str(error),)
        for problem in problems:
            print(f"error: {problem}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our stdout has left, as in `mlpctl report … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(0)
