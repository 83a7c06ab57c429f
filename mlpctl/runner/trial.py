"""A trial: a resolved spec and its key, the hash of all that decides its numbers up to rounding."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlpctl.data import load_dataset
from mlpctl.data.parts import doubts_of, sizes_told, split, split_rule
from mlpctl.data.prepare import Data, prepare
from mlpctl.engines.base import Work
from mlpctl.engines.initial_weights import check_start
from mlpctl.metrics import task_of
from mlpctl.models import Network, build_network, resolve
from mlpctl.runner.programs import NO_DATA, NO_DATASET, NO_NETWORK, program_spec
from mlpctl.spec import Spec
from mlpctl.store.key import key_of
from mlpctl.store.weights import pinned

if TYPE_CHECKING:
    from mlpctl.data.base import Dataset

FEW_EXAMPLES = 10_000
"""Examples up to which built-in data too are searched for rows in two parts: 70,000 images take 0.1 s."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One row of `trials.csv` before it is trained.

    Attributes:
        spec: resolved.
        dataset: of the spec.
        key: names the trial; equal specs on equal data have equal keys, whatever machine or engine trains them.
    """

    spec: Spec
    dataset: "Dataset"
    key: str

    @cached_property
    def config(self) -> str:
        """The key of the configuration: the same without the seeds."""
        if self.spec.is_configuration:
            return self.key
        return key_of(self.spec.configuration(), self.dataset.digest)

    @property
    def is_program(self) -> bool:
        """Return whether a program runs the trial, and no network is trained."""
        return self.spec.command is not None

    def task_of(self, scores: Mapping[str, float]) -> str | None:
        """Return the task: the dataset's; of a program by the number that it names, or by its scores; None for none."""
        if not self.is_program:
            return self.dataset.task
        return "score" if self.spec.maximize else "cost" if self.spec.minimize else task_of(scores)

    def work(self, **asked: Any) -> Work:
        """Return what a session is asked to do with this trial; `asked` are further fields of Work."""
        assert self.spec.epochs is not None
        return Work(self.key, self.spec, self.network, self.data, self.spec.epochs, **asked)

    @cached_property
    def data(self) -> Data:
        """The data of the spec, prepared; shared by the trials that agree on them."""
        return NO_DATA if self.is_program else prepare(self.dataset, self.spec)

    @cached_property
    def notes(self) -> list[str]:
        """What to say of the data before training: how a file was understood, its parts, what looks wrong with them."""
        if self.is_program:
            return []
        parts, of_users = split(self.dataset, split_rule(self.spec)), bool(self.dataset.notes)
        sizes = [f"parts: {sizes_told(parts, self.spec.folds or 0)} rows"] if of_users or self.spec.folds else []
        is_quick = of_users or len(self.dataset.y) <= FEW_EXAMPLES
        return [*self.dataset.notes, *sizes, *(doubts_of(self.dataset, parts) if is_quick else ())]

    @cached_property
    def network(self) -> Network:
        """The network of the spec."""
        return NO_NETWORK if self.is_program else build_network(self.spec, self.data, self.dataset.image_shape)


def trial_of(spec: Spec) -> Trial:
    """Return the trial of a spec as the user wrote it.

    Raises:
        UsageError: for impossible combinations, all at once.
        DataError: where the dataset is missing or not what it should be.
    """
    if spec.command is not None:
        resolved = program_spec(spec)
        return Trial(resolved, NO_DATASET, key_of(resolved, NO_DATASET.digest))
    dataset = load_dataset(spec)
    resolved = resolve(spec, dataset)
    if resolved.init_from is not None:
        resolved = resolved.model_copy(update={"init_from": pinned(resolved.init_from)})
        check_start(build_network(resolved, prepare(dataset, resolved)), resolved)
    return Trial(resolved, dataset, key_of(resolved, dataset.digest))
