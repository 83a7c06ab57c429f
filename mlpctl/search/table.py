"""Define the [search] table of an experiment: how its configurations are chosen."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpctl.errors import UsageError
from mlpctl.spec import explain

Method = Literal["grid", "random", "sobol", "tpe", "gp", "halving", "asha", "hyperband"]

BY_EPOCHS = ("halving", "asha", "hyperband")
"""Methods that decide how many epochs a configuration gets."""


TRIALS = 20
"""Configurations that are tried where nothing else is said."""

MOST_VALUES = 1_000_000
"""Values of an axis, and seeds: more of them are a slip of the keyboard, and fill the memory before any is trained."""


class SearchTable(BaseModel):
    """[search] of an experiment file; the flags of `sweep` have the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = Field(
        "grid",
        description="grid is every combination; random and sobol draw; tpe and gp learn where to draw; halving, asha "
        "and hyperband give most epochs to the best.",
    )
    trials: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Configurations to try. Default: 20; hyperband: what its brackets need."
    )
    seed: Annotated[int, Field(ge=0)] = Field(0, description="Random seed of the search.")
    batch: Annotated[int, Field(ge=1)] = Field(
        4, description="Configurations that tpe, gp and asha ask for at a time, whatever --jobs is."
    )
    eta: Annotated[int, Field(ge=2)] = Field(
        3, description="Keep 1 in ETA configurations and train them ETA times longer."
    )
    min_epochs: Annotated[int, Field(ge=1)] = Field(1, description="Epochs of the lowest rung, at least.")

    @property
    def count(self) -> int:
        """Configurations to try, where the method does not know better."""
        return self.trials or TRIALS


def checked_search(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a [search] table, typed; those that were not given are not in it.

    Raises:
        UsageError: every problem at once.
    """
    try:
        return SearchTable(**given).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise UsageError(list(explain(error, SearchTable, "search"))) from None
