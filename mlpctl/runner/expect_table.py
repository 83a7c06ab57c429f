"""Parse the [[expect]] tables of an experiment file: plain data, which `mlpctl verify` resolves to functions."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.spec import Spec, explain, option_of
from mlpctl.store.schema import EPOCH_COLUMNS

FigureComparison = Literal["digits", "draw", "near", "at_least", "at_most", "reached", "falls", "same"]

COMPARISONS: dict[FigureComparison, str] = {
    "digits": "all digits that the source prints are ours, in every trial",
    "draw": "it is one run of chance: inside the interval where 99 % of single runs of ours lie",
    "near": "our mean is within the tolerance of it",
    "at_least": "every trial has at least it",
    "at_most": "every trial has at most it",
    "reached": "at least one trial reaches it",
    "falls": "it falls from each epoch to the next, in every trial",
    "same": "all trials have the same, within the tolerance relative to it, in every epoch",
}
"""Condition that each comparison of a published figure with ours checks."""

UNPUBLISHED: tuple[FigureComparison, ...] = ("falls", "same")
"""Comparisons of our trials with themselves: the source prints a property and no number."""

FACT = "fact"
"""The measure that needs no trial: a fact by name, see `mlpctl.textbook.facts`."""

MEASURES: dict[str, tuple[str, ...]] = {
    "weight_error": ("index",),
    "bias_error": (),
    "log_probabilities": ("part", "index", "when"),
    "label_weights": ("label", "when"),
    "word_weights": ("word", "when"),
    "biases": ("when",),
    "largest_output": ("part",),
    "steps": ("part",),
    "gradient_ratio": (),
    "affine_difference": (),
    FACT: ("name",),
}
"""Measures besides the columns of the results, and the keys that each needs in `of`; see `mlpctl.textbook.measures`."""


class ExpectTable(BaseModel):
    """One [[expect]] table: a figure that the source prints, and how ours is compared with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: str = Field(description="What the source prints.")
    published: float | list[float] | None = Field(
        None, description="Its value; a list is one for each epoch of a column, or the numbers of a measure in order."
    )
    decimals: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Digits behind the point that the source prints. Default: as many as are written here."
    )
    measure: str = Field(description="A column of the results, or a measure by name.")
    of: dict[str, Any] = Field({}, description="What a measure is asked for: index, word, label, ….")
    where: dict[str, Any] | list[dict[str, Any]] = Field({}, description="Fields of the trials it is about.")
    epoch: Annotated[int, Field(ge=1)] | Literal["last", "every"] = Field("last", description="When.")
    compare: FigureComparison = Field(
        description="How: " + "; ".join(f"{k}: {v}" for k, v in COMPARISONS.items()) + "."
    )
    tolerance: Annotated[float, Field(ge=0)] = Field(0.0, description="How far off may be called the same.")
    number: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Which of the numbers of a measure that has several."
    )
    finding: Literal["contradicted", "fails"] | None = Field(
        None, description="A verdict that is what the experiment shows: verify fails where it is another."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.published is None) != (self.compare in UNPUBLISHED):
            needs = "takes no published value" if self.compare in UNPUBLISHED else "needs a published value"
            raise ValueError(f"compare = '{self.compare}' {needs}")
        if isinstance(self.published, list) and self.epoch != "last":
            raise ValueError("a published list has a value for each epoch, so epoch must not be given")
        return self

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The conditions of which a trial must meet one."""
        return self.where if isinstance(self.where, list) else [self.where]

    @property
    def needs_epochs(self) -> bool:
        """Return whether it is about other epochs than the last."""
        is_curve = isinstance(self.published, list) and self.measure not in MEASURES
        return self.epoch != "last" or is_curve or self.compare in UNPUBLISHED

    def single(self) -> "list[ExpectTable]":
        """Return a table for each published value: each has the digits of the one with the most."""
        if self.published is None:
            return [self]
        values = self.published if isinstance(self.published, list) else [self.published]
        printed = max(map(decimals_of, values)) if self.decimals is None else self.decimals
        if not isinstance(self.published, list):
            return [self.model_copy(update={"decimals": printed})]
        each = enumerate(values, start=1)
        if self.measure in MEASURES:
            own: list[dict[str, Any]] = [{"published": value, "number": k} for k, value in each]
        else:
            own = [{"published": value, "epoch": k, "figure": f"{self.figure}, epoch {k}"} for k, value in each]
        return [self.model_copy(update={"decimals": printed, **changed}) for changed in own]


def decimals_of(value: float) -> int:
    """Return how many digits behind the point a number is written with: 4 for 0.4982, 0 for 6.0."""
    written = Decimal(repr(value)).normalize().as_tuple().exponent
    return max(0, -int(written))


def read_expect_tables(tables: Sequence[Mapping[str, Any]], where: str) -> tuple[ExpectTable, ...]:
    """Return the [[expect]] tables of a file.

    Raises:
        UsageError: every problem at once.
    """
    expects: list[ExpectTable] = []
    problems: list[str] = []
    for number, table in enumerate(tables, start=1):
        place = f"{where} [[expect]] {number}"
        try:
            expects.append(ExpectTable(**table))
        except ValidationError as error:
            problems += explain(error, ExpectTable, place)
        else:
            problems += (f"{place}: {problem}" for problem in _unknown_names(expects[-1]))
    if problems:
        raise UsageError(problems)
    return tuple(expects)


def _unknown_names(expect: ExpectTable) -> Iterator[str]:
    measure, known = expect.measure, (*EPOCH_COLUMNS, *MEASURES)
    if measure not in known:
        yield f"measure must be a column of the results or a measure, got '{measure}'; {did_you_mean(measure, known)}"
        return
    needed = MEASURES.get(measure, ())
    if set(expect.of) != set(needed):
        given = ", ".join(expect.of) or "nothing"
        yield f"{measure} is asked for {', '.join(needed) or 'nothing'} in `of`, got {given}"
    for name in (name for group in expect.groups for name in group):
        if not option_of(name) and name not in Spec.model_fields:
            yield f"where must name fields of a spec, got '{name}'; {did_you_mean(name, Spec.model_fields)}"
