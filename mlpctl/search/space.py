"""Define the space of a search: axes, some of which exist only where others have certain values, or move together."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.search.axes import Axis
from mlpctl.spec import option_of

Proposal = dict[str, Any]
"""A configuration: field of Spec, data.OPTION or params.NAME -> value."""


@dataclass(frozen=True)
class Space:
    """Axes in an order in which each comes after those that decide whether it exists; `epochs` last where possible.

    Attributes:
        axes: axes that vary.
        fixed: fields that do not vary: conditions may name them.
    """

    axes: tuple[Axis, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def exists(self, axis: Axis, chosen: Mapping[str, Any]) -> bool:
        """Return whether an axis exists where others have been chosen already."""

        def holds(name: str, allowed: tuple[Any, ...]) -> bool:
            value = chosen.get(name, self.fixed.get(name))
            return value in allowed or (option_of(name) is not None and str(value) in map(str, allowed))

        return all(holds(*condition) for condition in axis.when)

    def choose(self, value_of: Callable[[Axis], Any]) -> Proposal:
        """Return the configuration that takes, on every axis that exists there, the value that a function names."""
        chosen: Proposal = {}
        for axis in self.axes:
            if self.exists(axis, chosen):
                chosen |= axis.settings(value_of(axis))
        return chosen

    def combinations(self) -> Iterator[Proposal]:
        """Yield every configuration once, the last axis moving fastest."""
        yield from self._from(self.axes, {})

    def _from(self, axes: tuple[Axis, ...], chosen: Proposal) -> Iterator[Proposal]:
        if not axes:
            yield chosen
        elif self.exists(axes[0], chosen):
            for value in axes[0].values:
                yield from self._from(axes[1:], {**chosen, **axes[0].settings(value)})
        else:
            yield from self._from(axes[1:], chosen)

    def size(self) -> float:
        """Return the number of configurations; infinite where a range has no count."""
        if any(axis.is_range for axis in self.axes):
            return math.inf
        return self._count(self.axes, {}, {name for axis in self.axes for name, _ in axis.when})

    def _count(self, axes: tuple[Axis, ...], chosen: Proposal, deciding: set[str]) -> int:
        """Return the number of combinations of the axes that are left; only those that decide are gone through."""
        count = 1
        for number, axis in enumerate(axes):
            if not self.exists(axis, chosen):
                continue
            if deciding.isdisjoint(axis.names):
                count *= len(axis.values)
                continue
            rest = axes[number + 1 :]
            return count * sum(self._count(rest, {**chosen, **axis.settings(value)}, deciding) for value in axis.values)
        return count


def make_space(axes: Sequence[Axis], fixed: Mapping[str, Any] | None = None) -> Space:
    """Return the space of some axes.

    Raises:
        UsageError: where a condition names what neither varies nor is fixed, or conditions go round in a circle.
    """
    fixed = fixed or {}
    known = {name for axis in axes for name in axis.names} | set(fixed)
    problems = [
        f"axis {axis.name} exists by the value of {name}, which neither varies nor is fixed: give {name} an axis or a "
        f"value; {did_you_mean(name, sorted(known))}"
        for axis in axes
        for name, _ in axis.when
        if name not in known
    ]
    problems += [
        f"axis {axis.name} never exists: {name} is never {' or '.join(map(str, allowed))}, it is {told}; take the axis "
        f"away, or give {name} such a value"
        for axis in axes
        for name, allowed in axis.when
        if name in known and (told := never(axes, fixed, name, allowed))
    ]
    if problems:
        raise UsageError(problems)
    left = sorted(axes, key=lambda axis: "epochs" in axis.names)
    ordered: list[Axis] = []
    while left:
        undecided = {name for axis in left for name in axis.names}
        ready = [axis for axis in left if undecided.isdisjoint(name for name, _ in axis.when)]
        if not ready:
            circle = ", ".join(axis.name for axis in left)
            raise UsageError(f"the conditions of the axes {circle} go round in a circle: let one of them always exist")
        ordered.append(ready[0])
        left.remove(ready[0])
    return Space(tuple(ordered), fixed)


def never(axes: Sequence[Axis], fixed: Mapping[str, Any], name: str, allowed: Sequence[Any]) -> str:
    """Return the values of a field, in words, where none is among those that are allowed; "" where one is."""
    values: list[Any] = []
    for axis in axes:
        if name in axis.names:
            if axis.is_range:
                return ""
            values += [settings.get(name) for settings in map(axis.settings, axis.values)]
    values = values or [fixed.get(name)]
    if {*map(str, values)} & {*map(str, allowed)}:
        return ""
    return " or ".join(map(str, values))


def zipped(axes: Sequence[Axis]) -> Axis:
    """Return the axis on which several axes move together, value by value.

    Raises:
        UsageError: where they differ in their number of values, or in their conditions.
    """
    names = ", ".join(axis.name for axis in axes)
    if any(axis.is_range for axis in axes):
        raise UsageError(f"zip needs listed values or ranges with a count, got a range among {names}")
    counts = {axis.name: len(axis.listed) for axis in axes}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise UsageError(f"axes that are zipped need equally many values: {told}")
    if len({axis.when for axis in axes}) > 1:
        raise UsageError(f"axes that are zipped need the same condition: {names}")
    columns = [[axis.settings(value) for value in axis.listed] for axis in axes]
    rows = [{name: value for part in parts for name, value in part.items()} for parts in zip(*columns, strict=True)]
    return joint_axis(rows, axes[0].when)


def joint_axis(rows: Sequence[Mapping[str, Any]], when: tuple[Any, ...] = ()) -> Axis:
    """Return the axis whose values are rows: the fields of a row are set together; equal rows are one."""
    fields = tuple(dict.fromkeys(name for row in rows for name in row))
    return Axis("+".join(fields), tuple(dict.fromkeys(tuple(row.items()) for row in rows)), when=when, fields=fields)
