"""The command line: one thin file a command; options, then one library call; heavy imports inside the bodies."""

import errno
import io
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_group

from mlpctl import __version__
from mlpctl.charset import ERRORS
from mlpctl.errors import DataError, MlpctlError, UsageError

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

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says where a file can take no more."""


class Commands(TyperGroup):
    """The commands by name; a command is imported when it is looked up, since all of them take 0.1 s."""

    def __init__(self, **attributes: Any) -> None:
        """Know the names alone."""
        super().__init__(**attributes)
        self.commands: dict[str, Any] = dict.fromkeys(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return a command as its module's app has it; None if there is none of the name."""
        if cmd_name not in self.commands:
            return None
        group = get_group(import_module(f"mlpctl.cli.{cmd_name}").app)
        if cmd_name not in GROUPS:
            return group.commands[cmd_name]
        group.name = cmd_name
        return group


app = typer.Typer(
    name="mlpctl",
    cls=Commands,
    help="What does this hyperparameter do to this small network? Trains, sweeps, and says what can be concluded.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
"""Every command module holds a Typer `app` of its own: with one command, or with several below its name."""


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
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # 4 ms: it looks for them in all that is installed
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed, as by `>&-`
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):  # `PYTHONIOENCODING=ascii`: plain signs in place of a traceback
        sys.stdout.reconfigure(errors=ERRORS)
    code = 0
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except MlpctlError as error:
        if os.environ.get("MLPCTL_DEBUG") == "1":
            raise
        problems = error.problems if isinstance(error, UsageError) else (str(error),)
        for problem in problems:
            print(f"error: {problem}", file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:  # the reader of our stdout has left, as in `mlpctl report … | head`
        pass
    except OSError as error:
        if error.errno not in FULL or os.environ.get("MLPCTL_DEBUG") == "1":
            raise
        _tell_full(error)
        code = DataError.exit_code
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python tries once more at its end
        if error.errno in FULL and code != DataError.exit_code:
            _tell_full(error)
            code = code or DataError.exit_code
    sys.exit(code)


def _tell_full(error: OSError) -> None:
    print(f"error: cannot write {error.filename or 'stdout, or a file'}: {error.strerror}", file=sys.stderr)
