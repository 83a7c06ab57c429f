"""Take a command apart into words with {NAME} in them, and fill in the values of a trial.

The text is split once, by the rules of a shell, and each value goes into one word afterwards: whatever a value holds,
it is never more than one argument, and no shell reads it.
"""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlpctl.errors import UsageError
from mlpctl.spec import Spec, round12

SLOT = re.compile(r"\{\{|\}\}|\{([A-Za-z_][\w-]*)\}")
"""A name in braces; doubled braces are braces."""

FUNCTION = "python:"
"""Beginning of a command that is a function of Python; the rest is its name and a hash of its source."""

OWN_NAMES = ("seed", "epochs", "folder")
"""Names that need no axis."""


def words_of(command: str) -> list[str]:
    """Return the words of a command.

    Raises:
        UsageError: where a quote is not closed, or nothing is left.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"command: {str(error).lower()}, got '{command}'") from None
    if not words:
        raise UsageError(f"command names no program, got '{command}'")
    return words


def names_in(words: Sequence[str]) -> set[str]:
    """Return the names that stand in braces."""
    return {match[1].replace("-", "_") for word in words for match in SLOT.finditer(word) if match[1]}


def filled(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return the words with values in place of their names: as many words as before."""

    def value(match: re.Match[str]) -> str:
        return values[match[1].replace("-", "_")] if match[1] else match[0][0]

    return [SLOT.sub(value, word) for word in words]


def values_of(spec: Spec, folder: Path) -> dict[str, str]:
    """Return the value of each name that the command of a resolved spec may have."""
    own = {"seed": spec.seed, "epochs": spec.epochs, "folder": folder}
    return {**{name: text_of(value) for name, value in spec.params.items()}, **{k: str(v) for k, v in own.items()}}


def slot_problems(command: str, params: Collection[str], fields: Collection[str]) -> list[str]:
    """Return what is wrong between a command and the names that are set, in words.

    Args:
        command: with {NAME} in it.
        params: parameters that are set, or vary.
        fields: "epochs" if that is set, or varies.
    """
    slots = names_in(words_of(command))
    problems = [
        f"{name} is set, and the command has no {{{name}}}: write it where the value goes, got '{command}'"
        for name in sorted({name.replace("-", "_") for name in (*params, *fields)} - slots)
    ]
    known = {*params, *fields, *OWN_NAMES} - ({"epochs"} - {*fields})
    return problems + [
        f"the command has {{{name}}}, which neither varies nor is set: --axis {name}=V1,V2 or --set {name}=VALUE"
        for name in sorted(slots - known)
    ]


def text_of(value: Any) -> str:
    """Return a value of an axis as an argument."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        value = round12(value)
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    return ",".join(map(text_of, value)) if isinstance(value, list | tuple) else str(value)


def program_name(command: str) -> str:
    """Return the name of a command's program, for a folder: that of a script, where an interpreter has one."""
    if command.startswith(FUNCTION):
        return re.sub(r"\W+", "", command.partition("@")[0].rpartition(".")[2]) or "function"
    words = [word for word in words_of(command) if not word.startswith("-") and not SLOT.search(word)]
    script = next((word for word in words if Path(word).suffix in (".py", ".sh", ".R", ".jl", ".js", ".pl")), None)
    return re.sub(r"[^\w.-]+", "-", Path(script or (words or ["command"])[0]).stem).strip("-.") or "command"
