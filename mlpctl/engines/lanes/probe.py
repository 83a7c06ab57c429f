"""Check that a device has the operations for the lanes of a trial: compare a step there with one on the CPU."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from mlpctl.engines.base import Work
from mlpctl.engines.lanes.dataset import Resident
from mlpctl.engines.lanes.groups import Shared, shared_of
from mlpctl.engines.lanes.training import Lane, TrainingGroup
from mlpctl.models.learner import State

if TYPE_CHECKING:
    from collections.abc import Hashable

CLOSE = 1e-3
"""Of a tensor's largest number: a step in float32 on two devices. What an operation gets wrong is more."""

_found: "dict[Hashable, str]" = {}


def lacks(work: Work, device: torch.device) -> str:
    """Return what a device lacks for the lanes of a trial, in a few words; "" if nothing."""
    shared: Shared = shared_of(work)
    kinds = frozenset((layer.activation, layer.batch_norm, bool(layer.dropout)) for layer in work.network.layers)
    name = (device, shared, kinds, bool(work.spec.weight_decay))
    if name not in _found:
        try:
            there, here = _after_a_step(work, device), _after_a_step(work, torch.device("cpu"))
        except (RuntimeError, TypeError) as error:  # NotImplementedError, where an operation is missing, is the former
            _found[name] = str(error).partition("\n")[0].partition(". ")[0]
        else:
            wrong = [key for key in here if not np.allclose(there[key], here[key], 0, CLOSE * abs(here[key]).max())]
            _found[name] = f"a step there gives another {wrong[0]} than on the CPU" if wrong else ""
    return _found[name]


def _after_a_step(work: Work, device: torch.device) -> State:
    running = TrainingGroup([Lane(work, 0)], Resident(work.data, device), "fp32")
    running.begin(None, {})
    running.tables.fill([1], 0)
    running.one_step()
    running.scored()
    return running.state(work.key)
