"""Kinds of values: how one is read from the text of the command line or a CSV, and what must hold for it."""

from re import fullmatch
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mlpctl.errors import UsageError
from mlpctl.registry import Kind, check_name


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


def split_layers(value: object) -> object:
    """Return what `split_list` does, and ("all",) for "all"."""
    return ("all",) if value == "all" else split_list(value)


def registered(kind: Kind, *also: str) -> AfterValidator:
    """Return the check that a name is registered, or one of some words."""

    def check(name: str) -> str:
        try:
            return name if name in also else check_name(kind, name)
        except UsageError as error:
            raise ValueError(str(error)) from error

    return AfterValidator(check)


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

        return json.loads(value) if value.lstrip().startswith("{") else _pairs([value])
    return _pairs(value) if isinstance(value, list | tuple) else value


def _pairs(items: list[Any] | tuple[Any, ...]) -> dict[str, str]:
    pairs = {}
    for item in items:
        key, equals, text = str(item).partition("=")
        if not equals:
            raise ValueError(f"dataset options are written KEY=VALUE, got '{item}'")
        pairs[key.strip()] = text.strip()
    return pairs


Float = Annotated[float, AfterValidator(round12)]
Positive = Annotated[Float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[Float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[Float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
