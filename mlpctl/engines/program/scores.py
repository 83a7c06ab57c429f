"""Read the scores of a program: JSON lines of its output, or rows of a CSV file that it writes."""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlpctl.metrics import EPOCH_METRICS
from mlpctl.spec import Spec
from mlpctl.store.schema import SCORES

LONGEST_LINE = 1 << 20
"""Bytes of a line that is looked at; longer ones are no scores."""


def columns_of(found: Mapping[str, Any], spec: Spec) -> dict[str, float]:
    """Return the scores among what a program has told, as columns of the results.

    A name such as val_loss or test_accuracy is a column. A metric alone is of the validation part, unless that is named
    too: then it is of the training, as Keras writes them. The number that `maximize` names is the score, the one of
    `minimize` the cost.

    Args:
        found: name -> value.
        spec: of the trial.
    """
    numbers = {name: number for name, value in found.items() if (number := number_of(value)) is not None}
    columns = {}
    for name, number in numbers.items():
        own = f"val_{name}" if f"val_{name}" not in numbers else f"train_{name}"
        column = own if name in EPOCH_METRICS else name
        if column in SCORES:
            columns[column] = number
    for wanted, metric in ((spec.maximize, "score"), (spec.minimize, "cost")):
        if wanted is not None:
            columns.pop(f"val_{metric}", None)
            if wanted in numbers:
                columns[f"val_{metric}"] = numbers[wanted]
    return columns


def number_of(value: Any) -> float | None:
    """Return a value as a number; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def not_finite(scores: Mapping[str, float]) -> str:
    """Return which score is no finite number, in words; "" where all are."""
    return next((f"{name} is {score}" for name, score in scores.items() if not math.isfinite(score)), "")


def missing_score(spec: Spec, found: Mapping[str, Any] | None) -> str:
    """Return what to say of a program that has printed no score.

    Args:
        spec: of the trial.
        found: the last object that it printed; None for none.
    """
    wanted = spec.maximize or spec.minimize
    if found is None:
        return 'no score: print a line such as {"accuracy": 0.9}' + (f", with {wanted}" if wanted else "")
    said = ", ".join(list(map(str, found))[:8]) or "nothing"
    if wanted:
        return f"no score: the last JSON line has no number {wanted}, it has {said}"
    return f"no score: the last JSON line has none of {', '.join(EPOCH_METRICS)}, it has {said}: name one by --maximize"


@dataclass
class Epochs:
    """Numbers of a program's epochs: they grow, and begin at 1, whether the program begins at 0 or at 1.

    Attributes:
        most: epochs that it was asked for; 0 for any number.
        last: epoch that came last.
    """

    most: int = 0
    last: int = 0
    _shift: int | None = None

    def number(self, given: Any) -> int:
        """Return the number of the next epoch, by what the program calls it; None counts.

        Raises:
            ValueError: where epochs do not grow, or are more than asked for.
        """
        told = self.last + 1 if given is None else number_of(given)
        if told is None or told != int(told) or told < 0:
            raise ValueError(f"an epoch is a whole number from 0 on, the program wrote {given!r}")
        if self._shift is None:
            self._shift = int(told == 0)
        epoch = int(told) + self._shift
        if epoch <= self.last:
            raise ValueError(f"epochs must grow, the program wrote {int(told)} after {self.last - self._shift}")
        if self.most and epoch > self.most:
            raise ValueError(f"the program wrote epoch {int(told)}, and was asked for {self.most} epochs by {{epochs}}")
        self.last = epoch
        return epoch


@dataclass
class Lines:
    """Lines of a file that grows.

    Attributes:
        path: of the file, which may not be there yet.
    """

    path: Path
    _at: int = 0

    def new(self, *, ended: bool) -> Iterator[str]:
        """Yield the lines since the last call; one without its end only where nothing more will come."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as stream:
            stream.seek(self._at)
            for line in stream:
                if not (line.endswith(b"\n") or ended):
                    return
                self._at += len(line)
                if len(line) <= LONGEST_LINE:
                    yield line.decode("utf-8", "replace").strip()


@dataclass
class Told:
    """What a program has told so far.

    Attributes:
        spec: of the trial.
        folder: of the trial.
        output: file of its standard output.
        last: last object that it printed; None for none.
    """

    spec: Spec
    folder: Path
    output: Path
    last: dict[str, Any] | None = None
    _epochs: Epochs = field(default_factory=Epochs)
    _header: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin at the start of the files."""
        self._epochs = Epochs(self.spec.epochs or 0)
        self._printed = Lines(self.output)
        self._rows = Lines(self.folder / self.spec.curve_file) if self.spec.curve_file else None

    def epochs(self, *, ended: bool = False) -> Iterator[tuple[int, dict[str, float], float | None]]:
        """Yield (epoch, scores, learning rate) of the epochs that are new.

        Raises:
            ValueError: where epochs do not grow, or are more than asked for.
        """
        for line in self._printed.new(ended=ended):
            found = _object(line)
            if found is not None:
                self.last = found
                if self._rows is None and "epoch" in found:
                    yield self._epoch(found)
        for line in self._rows.new(ended=ended) if self._rows is not None else ():
            cells = next(csv.reader([line]), [])
            if not self._header:
                self._header = [cell.strip() for cell in cells]
            elif cells:
                yield self._epoch(dict(zip(self._header, cells, strict=False)))

    def _epoch(self, found: Mapping[str, Any]) -> tuple[int, dict[str, float], float | None]:
        return self._epochs.number(found.get("epoch")), columns_of(found, self.spec), number_of(found.get("lr"))


def _object(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
