"""[[expect]] of an experiment file: a figure that its source prints, where ours is, and how the two are compared."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Comparison = Literal["draw", "near", "at_least", "at_most", "reached", "falls", "same"]

COMPARISONS: dict[Comparison, str] = {
    "draw": "it is one run of chance: inside the interval where 99 % of single runs of ours lie",
    "near": "our mean is within the tolerance of it",
    "at_least": "every trial has at least it",
    "at_most": "every trial has at most it",
    "reached": "at least one trial reaches it",
    "falls": "it falls from each epoch to the next, in every trial",
    "same": "all trials have the same, within the tolerance relative to it, in every epoch",
}
"""How a published figure is compared, and what has to hold."""

UNPUBLISHED: tuple[Comparison, ...] = ("falls", "same")
"""Comparisons of our trials with themselves: the source prints a property and no number."""


class Expect(BaseModel):
    """One [[expect]] table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: str = Field(description="What the source prints.")
    published: float | list[float] | None = Field(None, description="Its value; a list is one for each epoch.")
    measure: str = Field(description="A column of the results, or a measure by name.")
    of: dict[str, Any] = Field({}, description="What a measure is asked for: index, word, label, ….")
    where: dict[str, Any] | list[dict[str, Any]] = Field({}, description="Fields of the trials it is about.")
    epoch: Annotated[int, Field(ge=1)] | Literal["last", "every"] = Field("last", description="When.")
    compare: Comparison = Field(description="How: " + "; ".join(f"{k}: {v}" for k, v in COMPARISONS.items()) + ".")
    tolerance: Annotated[float, Field(ge=0)] = Field(0.0, description="How far off may be called the same.")

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

    def single(self) -> "list[Expect]":
        """Return an expectation for each published value."""
        if not isinstance(self.published, list):
            return [self]
        return [
            self.model_copy(update={"published": value, "epoch": epoch, "figure": f"{self.figure}, epoch {epoch}"})
            for epoch, value in enumerate(self.published, start=1)
        ]
