"""Trials that a program runs in place of a network: their fields, what must hold of them, and who may start one.

A results folder never runs anything: the engine of a command is made from what the user gave on the command line, in
Python or in an experiment file, and runs that command alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.data.base import Dataset
from mlpctl.data.prepare import Data
from mlpctl.engines.program.command import FUNCTION, slot_problems, text_of, words_of
from mlpctl.errors import UsageError
from mlpctl.models.network import Network
from mlpctl.runner.experiment import Experiment, merged, names_set
from mlpctl.spec import COMMAND, Spec, param_name, round12
from mlpctl.store.schema import EXPERIMENT_FILE, LOGS_FOLDER, TRIALS_FILE

if TYPE_CHECKING:
    from mlpctl.engines.base import Engine
    from mlpctl.runner.types import RunOptions

NO_DATASET = Dataset(
    COMMAND, X=np.empty((0, 0), np.float32), y=np.empty(0), task="regression", digest=COMMAND, source="a program"
)
"""Dataset of a trial of a program: the program has its own."""

NO_DATA = Data(NO_DATASET.X, NO_DATASET.y, None, None, {}, "regression", 0, (0.0, 0.0))
NO_NETWORK = Network((), "mse", 1.0, 0, (0.0, 0.0), 0.0)


def program_spec(spec: Spec) -> Spec:
    """Return the resolved spec of a trial of a program or a function: its parameters as it gets them.

    Raises:
        UsageError: where the command names what the trial lacks, or the trial has what the command does not name.
    """
    assert spec.command is not None
    if spec.maximize is not None and spec.minimize is not None:
        raise UsageError(f"either maximize {spec.maximize} or minimize {spec.minimize}: a trial has one score")
    if spec.command.startswith(FUNCTION):
        return spec.model_copy(update={"dataset": COMMAND, "params": _plain(spec.params), "epochs": spec.epochs or 0})
    params = {name.replace("-", "_"): text_of(value) for name, value in spec.params.items()}
    if problems := slot_problems(spec.command, params.keys(), {"epochs"} if spec.epochs else set()):
        raise UsageError(problems)
    return spec.model_copy(update={"dataset": COMMAND, "params": params, "epochs": spec.epochs or 0})


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a function, numbers to 12 digits.

    Raises:
        UsageError: for a value that the results cannot hold.
    """
    for name, value in params.items():
        items = value if isinstance(value, list | tuple) else [value]
        if any(not isinstance(item, str | int | float | NoneType) for item in items):
            raise UsageError(f"{name} must be text, a number, true, false, none or a list of these, got {value!r}")
    return {name: round12(value) if isinstance(value, float) else value for name, value in params.items()}


def function_fields(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an experiment whose trials a function runs.

    Raises:
        UsageError: for what is no function, or a command beside it.
    """
    from mlpctl.engines.program.function import name_of

    if given.get("command") is not None:
        raise UsageError("either an objective or a command: a trial is run by one of them")
    return {**given, "command": name_of(function)}


def function_engine(function: Callable[..., Any], experiment: Experiment) -> "Engine":
    """Return the engine that may run the trials of an experiment of a function.

    Raises:
        UsageError: where the function does not take what varies or is set, or needs more.
    """
    from mlpctl.engines.program.function import FunctionEngine, check_arguments

    params, fields = names_set(experiment)
    check_arguments(function, params | fields)
    return FunctionEngine(function, str(experiment.base["command"]))


def is_program(*fields: Mapping[str, Any], file: Path | None = None) -> bool:
    """Return whether fields that were given, or those of an experiment file, are of a program."""
    if any("command" in some for some in fields):
        return True
    if file is None:
        return False
    from mlpctl.runner.experiment_file import fields_of_file

    return "command" in fields_of_file(file)


def program_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a program: any name that trials of programs do not have is a parameter of it."""
    fields = {param_name(name): value for name, value in given.items() if (name, value) != ("dataset", COMMAND)}
    return {**merged({}, fields), "dataset": COMMAND}


def is_results_file(file: Path) -> bool:
    """Return whether an experiment file is that of a results folder."""
    return file.name == EXPERIMENT_FILE and (file.parent / TRIALS_FILE).exists()


def check_own_command(file: Path, base: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Check that no results folder says what to run.

    Args:
        file: experiment file that was given.
        base: its fields.
        given: fields that were given beside it.

    Raises:
        UsageError: if the file is a results folder's own, and its command was not given beside it.
    """
    if is_results_file(file) and "command" in base and given.get("command") != base["command"]:
        raise UsageError(
            f"a results folder runs nothing: {file} names the command '{base['command']}', give it as --command too"
        )


def check_no_program(base: Mapping[str, Any], option: str) -> None:
    """Check that an experiment is of networks.

    Raises:
        UsageError: if it is of a program, which an option is not for.
    """
    if "command" in base:
        raise UsageError(f"a command is run as it is, on this machine: leave {option} out; --shard I/N splits a sweep")


def with_program(options: "RunOptions", base: Mapping[str, Any], folder: Path) -> "RunOptions":
    """Return the options with the engine that may run the command of an experiment, where it has one.

    Raises:
        UsageError: for options that a program cannot follow.
    """
    if "command" not in base:
        return options
    from mlpctl.engines.program.session import CommandEngine

    asked = {
        "--save": options.save, "--eval-train": options.fit_each, "--eval-test": options.test_each,
        "--threads": options.threads != 1, "--precision": options.precision != "fp32",
        "--cluster": options.cluster is not None, f"--engine {options.engine}": options.engine != "auto",
    }  # fmt: skip
    if wrong := [name for name, is_set in asked.items() if is_set]:
        raise UsageError(f"a command is run as it is, on this machine: leave {', '.join(wrong)} out")
    if options.program is not None:
        return replace(options, save_best=False)
    command = str(base["command"])
    if command.startswith(FUNCTION):
        raise UsageError(f"a results folder runs nothing: {command} is run by `mlpctl.sweep(objective=…)` in Python")
    _check_there(words_of(command)[0])
    engine: Engine = CommandEngine(command, folder / LOGS_FOLDER)
    return replace(options, program=engine, save_best=False)


def _check_there(word: str) -> None:
    """Check that a program can be found.

    Raises:
        UsageError: if there is none of the name.
    """
    import shutil

    if "{" not in word and shutil.which(word) is None:
        raise UsageError(f"no program '{word}' on the PATH: name one, or a file that may be executed, as ./{word}")
