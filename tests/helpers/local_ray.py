"""Put this process in Ray's place: tasks run here when their result is asked for, and can be made to fail."""

import copy
from itertools import count
from typing import Any

import pytest
import ray
from ray.exceptions import RayError

from mlpctl.engines.distributed.cluster import Cluster
from mlpctl.engines.distributed.messages import WorkerTask
from mlpctl.engines.distributed.ray import train_task


class Ref:
    """A place in a cluster that is this process."""

    numbers = count()

    def __init__(self, thing: object) -> None:
        self.thing, self.number = thing, next(self.numbers)

    def hex(self) -> str:
        return f"{self.number:x}"


class Remote:
    """A function whose tasks run when their result is asked for, and note what was asked of the cluster."""

    options_given: dict[str, Any]

    def __init__(self, function: Any) -> None:
        self.function = function

    def options(self, **given: Any) -> "Remote":
        Remote.options_given = given
        return self

    def remote(self, task: WorkerTask) -> Ref:
        return Ref(task)


def replace_ray(monkeypatch: pytest.MonkeyPatch) -> dict[str, RayError]:
    """Replace Ray by this process; return a trial's key -> error that its task ends with, for the test to fill."""
    errors: dict[str, RayError] = {}

    def get(ref: Ref) -> Any:
        if not isinstance(ref.thing, WorkerTask):
            return copy.deepcopy(ref.thing)
        for packed in ref.thing.works:
            if packed.fields["key"] in errors:
                raise errors[packed.fields["key"]]
        return train_task(ref.thing)

    for name, stand_in in {
        "remote": Remote, "put": Ref, "get": get, "wait": lambda refs, **_: (refs[:1], refs[1:])
    }.items():  # fmt: skip
        monkeypatch.setattr(ray, name, stand_in)
    monkeypatch.setattr(Cluster, "slots", lambda *_: 1)
    return errors
