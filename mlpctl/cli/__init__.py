"""Run the command line: one thin file a command; options, then one library call; heavy imports inside the bodies."""

import io
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand
from typer.exceptions import TyperException
from typer.main import get_group

from mlpctl import __version__
from mlpctl.cli.help import HELP_WIDTH, Command, CommandGroup, option_name, told
from mlpctl.display.text import ERRORS
from mlpctl.errors import DataError, Interrupted, MlpctlError, UsageError, one_line
from mlpctl.system.files import FULL

COMMANDS_BY_SECTION = {
    "Train": {
        "train": "Train one network: a line an epoch, then its test score.",
        "sweep": "Train combinations of hyperparameters and tell which is best.",
        "exercise": "Run and answer an exercise of Dive into Deep Learning 5.2.",
    },
    "Understand": {
        "report": "Tell what results say: the best, the effect of an axis, curves.",
        "compare": "Tell what differs between two results folders, or two trials.",
        "inspect": "Tell what a network is and costs; draw it.",
        "predict": "Predict with saved weights.",
        "export": "Write a trial as a program that trains it without mlpctl.",
    },
    "Check": {
        "verify": "Compare with published figures, or train stored trials again.",
        "bench": "Time this machine: matrix products, memory, training.",
        "doctor": "Tell what is installed, what is missing, and how to get it.",
    },
    "Manage": {
        "results": "Check, repair, merge and export results folders.",
        "data": "List, show, fetch and verify datasets.",
        "config": "Show every setting of a training and who decided it.",
    },
}
"""Title -> name of a command -> what `mlpctl --help` says of it. The command itself is in the module of its name: a
function, or an `app` with commands of its own."""

COMMANDS = {name: line for section in COMMANDS_BY_SECTION.values() for name, line in section.items()}
"""Name of a command -> what `mlpctl --help` says of it."""


class Commands(CommandGroup):
    """The commands by name; the module of one is imported when that one runs: all of them take 0.1 s."""

    def __init__(self, **attributes: Any) -> None:
        """Know what `--help` and completion say of each."""
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=line) for name, line in COMMANDS.items()}

    def sections(self) -> Mapping[str, Sequence[str]]:
        """Return the commands by what they are for."""
        return {title: list(section) for title, section in COMMANDS_BY_SECTION.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of the command, the command, and what is left of the arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(str(name)), rest


def load_command(name: str) -> Any:
    """Return a command, its module imported."""
    module = import_module(f"mlpctl.cli.commands.{name}")
    if hasattr(module, "app"):
        group = get_group(module.app)
        group.name, group.help = name, COMMANDS[name]
        return group
    alone = typer.Typer(rich_markup_mode=None)
    alone.command(name, cls=Command)(getattr(module, name))
    return get_group(alone).commands[name]


app = typer.Typer(
    name="mlpctl",
    cls=Commands,
    help="What does this hyperparameter do to this small network? Trains, sweeps, and says what can be concluded.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": HELP_WIDTH,
        "token_normalize_func": option_name,
    },
)


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
        code = _run()
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


def _run() -> int:
    """Run a command; return its exit code, and print what is wrong with the words of the command line."""
    try:
        end = app(standalone_mode=False)
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # typer's own end for it is 1
            return 0
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except TyperException as error:
        print(f"error: {one_line(told(error))}", file=sys.stderr)
        return int(getattr(error, "exit_code", UsageError.exit_code))
    except KeyboardInterrupt:
        return Interrupted.exit_code
    return end if isinstance(end, int) else 0


def _tell_full(error: OSError) -> None:
    where = one_line(str(error.filename or "stdout, or a file"))
    print(f"error: cannot write {where}: {error.strerror}", file=sys.stderr)
