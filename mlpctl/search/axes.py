"""Parse an axis: a hyperparameter with the values it takes, from "0.01,0.1", "log:1e-4:1e-1:7", or TOML."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from re import fullmatch
from typing import Any, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.registry import meant
from mlpctl.search.table import MOST_VALUES
from mlpctl.spec import OPTION_FIELDS, Spec, number_kind, option_of, param_name

Scale = Literal["lin", "log", "int"]

LISTS, MAYBE_LISTS = ("widths", "betas", "batch_norm"), ("dropout",)
"""Fields whose values are lists: on the command line a comma separates items, a semicolon values."""

WHEN = " when "
"""Word between an axis and its condition on the command line: momentum=0.5,0.9 when optimizer=momentum."""

Condition = tuple[str, tuple[Any, ...]]
"""A field and the values of it under which an axis exists."""


@dataclass(frozen=True)
class Axis:
    """Values to try, or a range to draw from.

    Attributes:
        name: field of Spec, or data.OPTION, or params.NAME.
        values: to try in order; () for a range.
        low: of a range, inclusive.
        high: of a range, inclusive.
        scale: spacing of a range; int is evenly spaced and rounded.
        whole: True if the values are whole numbers.
        when: the axis exists where every condition holds; everywhere if ().
        fields: fields that it sets, if not its name alone: each value is then a tuple of (field, value), and the
            fields move together (zipped axes, rows of an explicit list).
        repeated: the values as they were listed, where some are equal: what zipping goes by.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: float = math.nan
    high: float = math.nan
    scale: Scale = "lin"
    whole: bool = False
    when: tuple[Condition, ...] = ()
    fields: tuple[str, ...] = ()
    repeated: tuple[Any, ...] = ()

    @property
    def listed(self) -> tuple[Any, ...]:
        """The values as they were listed."""
        return self.repeated or self.values

    @property
    def names(self) -> tuple[str, ...]:
        """The fields of Spec that it sets."""
        return self.fields or (self.name,)

    def settings(self, value: Any) -> dict[str, Any]:
        """Return what a value of the axis sets: field -> value."""
        return dict(value) if self.fields else {self.name: value}

    @property
    def is_range(self) -> bool:
        """True for a range without a count, which a grid cannot use."""
        return not self.values

    def at(self, u: float) -> Any:
        """Return the value at a fraction u in [0, 1) of the axis; floats to four digits, which people can read."""
        if not self.is_range:
            return self.values[int(u * len(self.values))]
        if not self.whole:
            return check_value(self.name, float(f"{_between(self.low, self.high, self.scale, u):.4g}"))
        if self.scale == "log":
            return round(_between(self.low, self.high, self.scale, u))
        return int(self.low + math.floor(u * (self.high - self.low + 1)))  # both ends as likely as the rest


def parse_axis(text: str, *, program: bool = False) -> Axis:
    """Return the axis written NAME=VALUES, or NAME=VALUES when FIELD=V1,V2, on the command line.

    Args:
        text: of the axis.
        program: the axis is of a program, see `mlpctl.spec.param_name`.

    Raises:
        UsageError: with what must hold.
    """
    text, _, condition = text.partition(WHEN)
    name, equals, values = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"--axis is written NAME=V1,V2 or NAME=log:LOW:HIGH:COUNT, got '{text}'")
    name = name.strip().replace("-", "_")
    when = {}
    for part in condition.split(" and ") if condition else ():
        field, equals, words = part.partition("=")
        if not equals:
            raise UsageError(f"axis {name}: a condition is written{WHEN}FIELD=V1,V2, got '{condition}'")
        when[field.strip().replace("-", "_")] = words.strip()
    return replace(make_axis(name, values.strip(), program=program), when=conditions(name, when, program=program))


def make_axis(name: str, given: object, *, program: bool = False) -> Axis:
    """Return the axis of a name and its values: text, a list, or a table such as {log = [1e-4, 1e-1], count = 7}.

    Args:
        name: of the axis.
        given: its values.
        program: the axis is of a program, see `mlpctl.spec.param_name`.

    Raises:
        UsageError: for unknown names, empty axes, values that the field does not take.
    """
    name = field_of(param_name(name) if program else name, "axis")
    if isinstance(given, Mapping):
        table = {key: value for key, value in given.items() if key != "when"}
        when = conditions(name, given.get("when", {}), program=program)
        values = table["values"] if list(table) == ["values"] else None
        axis = _range_axis(name, *_read_table(name, table)) if values is None else make_axis(name, values)
        return replace(axis, when=when)
    if isinstance(given, str):
        scale, colon, rest = given.partition(":")
        if colon and scale in get_args(Scale):
            return _range_axis(name, scale, rest.split(":"))  # type: ignore[arg-type]
    values = _values(name, given)
    if not values or "" in values:
        raise UsageError(
            f"axis {name} is empty, or has an empty value: write --axis {name}=V1,V2, with no comma at its end and no "
            "blank between"
        )
    if (
        isinstance(given, str)
        and len(values) == 1
        and (bounds := fullmatch(r"(-?[\d.e+-]+?)\.\.+(-?[\d.e+-]+)", given))
    ):
        low, high = bounds.groups()
        raise UsageError(
            f"axis {name}: a range is written {name}=lin:{low}:{high}:N, or log:{low}:{high}:N; got '{given}'"
        )
    return _listed(name, tuple(check_value(name, value) for value in values))


def conditions(axis: str, when: object, *, program: bool = False) -> tuple[Condition, ...]:
    """Return the conditions of a table FIELD -> value, or list of values; of a program, see `mlpctl.spec.param_name`.

    Raises:
        UsageError: for unknown fields, and values that they do not take.
    """
    if not isinstance(when, Mapping):
        raise UsageError(f'axis {axis}: when is a table such as {{optimizer = "momentum"}}, got {when!r}')
    mean = param_name if program else str
    named = {field_of(mean(name), f"condition of axis {axis}:"): given for name, given in when.items()}
    return tuple((name, tuple(check_value(name, v) for v in _values(name, given))) for name, given in named.items())


def field_of(name: str, what: str) -> str:
    """Return the field that a name means, and that can vary.

    Raises:
        UsageError: for names that are no field of Spec nor an option of the dataset.
    """
    if not name.isprintable():
        raise UsageError(f"{what} {name!r}: a name has printable characters alone")
    option = option_of(name)
    name = ".".join(option) if option else meant(name, Spec.model_fields)
    if name in OPTION_FIELDS:
        raise UsageError(f"{what} {name}: an option is named {name}.OPTION; `mlpctl data show` lists those of datasets")
    if name == "command":
        raise UsageError(f"{what} command: a sweep has one command; what differs goes into it as {{NAME}}")
    if name not in Spec.model_fields and not option_of(name):
        raise UsageError(f"unknown {what} '{name}': {did_you_mean(name, Spec.model_fields)}")
    return name


def _values(name: str, given: object) -> Sequence[Any]:
    as_they_are = option_of(name) is not None and not isinstance(given, str)
    if isinstance(given, str):
        given = given[1:-1] if fullmatch(r"\[[^\[\]]*\]|\([^()]*\)", given) else given  # a list as Python writes it
        given = given.split(";" if name in LISTS or (name in MAYBE_LISTS and ";" in given) else ",")
    items = given if isinstance(given, list | tuple) else [given]
    return [item if as_they_are or not isinstance(item, str) else item.strip() for item in items]


def check_value(name: str, value: Any) -> Any:
    """Return a value as the field takes it.

    Raises:
        UsageError: if the field does not take it.
    """
    if option_of(name):  # the dataset, or the program, checks it
        value = tuple(value) if isinstance(value, list) else value
        if any(isinstance(item, list | Mapping) for item in (value if isinstance(value, tuple) else [value])):
            raise UsageError(f"axis {name}: a value is text, a number, or a list of these, got {value!r}")
        return value
    from mlpctl.spec import make_spec

    try:
        return getattr(make_spec({name: value}, where=f"axis {name}"), name)
    except UsageError as error:  # what else is an axis is no help here
        raise UsageError([problem.partition(": several values are")[0] for problem in error.problems]) from None


def _read_table(name: str, table: Mapping[str, Any]) -> tuple[Scale, list[Any]]:
    scales = [key for key in table if key in get_args(Scale)]
    unknown = [key for key in table if key not in (*get_args(Scale), "count")]
    if unknown or len(scales) != 1 or not isinstance(table[scales[0]], list):
        raise UsageError(
            f"axis {name}: a range is written {{log = [LOW, HIGH], count = N}}, or lin, or int; values as "
            "{values = [V1, V2]}; either may have when = {FIELD = VALUE}"
        )
    return scales[0], [*table[scales[0]], *([table["count"]] if "count" in table else [])]  # type: ignore[return-value]


def _range_axis(name: str, scale: Scale, bounds: list[Any]) -> Axis:
    form = f"axis {name}: {scale} needs LOW:HIGH or LOW:HIGH:COUNT"
    if len(bounds) not in (2, 3):
        raise UsageError(f"{form}, got {len(bounds)} numbers")
    try:
        low, high = (TypeAdapter(float).validate_python(bound) for bound in bounds[:2])
        count = TypeAdapter(int).validate_python(bounds[2]) if len(bounds) == 3 else None
    except ValidationError:
        raise UsageError(f"{form} as numbers, got {':'.join(map(str, bounds))}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        right = f": write {scale}:{high:g}:{low:g}" if high < low else ""
        raise UsageError(f"axis {name}: low < high must hold, got {low:g} and {high:g}{right}")
    if scale == "log" and low <= 0:
        raise UsageError(f"axis {name}: a log range needs low > 0, got {low:g}")
    kind = "float" if option_of(name) else number_kind(Spec.model_fields[name])
    if kind is None:
        raise UsageError(f"axis {name} takes words, not a range: list them, as in --axis {name}=V1,V2")
    whole = scale == "int" or kind == "int"
    for bound in (low, high):
        check_value(name, int(bound) if whole else bound)
    if count is None:
        return Axis(name, (), low, high, scale, whole)
    if not 2 <= count <= MOST_VALUES:
        raise UsageError(f"axis {name}: a range needs a count from 2 to {MOST_VALUES:,}, got {count:,}")
    points = (_between(low, high, scale, i / (count - 1)) for i in range(count))
    return _listed(name, tuple(check_value(name, round(p) if whole else p) for p in points))


def _listed(name: str, values: tuple[Any, ...]) -> Axis:
    """Return the axis of some values; one that is given twice is one value."""
    distinct = tuple(dict.fromkeys(values))
    return Axis(name, distinct, repeated=values if len(distinct) < len(values) else ())


def _between(low: float, high: float, scale: Scale, u: float) -> float:
    if scale == "log":
        return math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
    return low + u * (high - low)
