"""Split an experiment into parts, for machines that share nothing; `mlpctl results merge` unites the results."""

from dataclasses import dataclass, replace
from re import fullmatch
from typing import TYPE_CHECKING

from mlpctl.errors import UsageError

if TYPE_CHECKING:
    from mlpctl.runner.experiment import Experiment

NAME_OF_SHARD = r"(?P<name>.+)-(?P<number>\d+)-of-(?P<of>\d+)"
"""Name of the results folder of a part."""


@dataclass(frozen=True)
class Shard:
    """A part of an experiment.

    Attributes:
        number: of the part, from 1.
        of: parts in all.
    """

    number: int
    of: int

    def has(self, name: str) -> bool:
        """Return whether a trial is in this part, by a name in hex digits, which any machine gives it alike."""
        return int(name, 16) % self.of == self.number - 1


def parse_shard(text: str) -> Shard:
    """Return the part that I/N names.

    Raises:
        UsageError: if there is no such part.
    """
    found = fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard is written I/N, from 1/N to N/N, got '{text}'")
    return Shard(int(found[1]), int(found[2]))


def sharded(experiment: "Experiment", shard: Shard) -> "Experiment":
    """Return the experiment under a name of the part's own.

    Raises:
        UsageError: for a search that learns: what it tries next depends on all its scores.
    """
    if experiment.strategy().learns:
        raise UsageError(
            f"--shard splits what is known beforehand, and {experiment.search.method} decides by scores: use --search "
            "grid, random or sobol"
        )
    return replace(experiment, name=f"{experiment.name}-{shard.number}-of-{shard.of}")
