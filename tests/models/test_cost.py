"""The cost of a network against the arrays that models and engines hold."""

from typing import Any, get_args

import pytest
import torch

from mlpctl.engines.initial_weights import initial_weights
from mlpctl.engines.kernel.layout import unpack
from mlpctl.engines.kernel.training import new_training
from mlpctl.inspection.loader import gathered
from mlpctl.models.cost import costs_of, in_bytes, totals_table
from mlpctl.models.manual import Manual
from mlpctl.spec import Optimizer
from tests.helpers.making import classes, work_of


@pytest.mark.parametrize(
    "fields", [{}, {"batch_norm": "all"}, {"dropout": 0.3, "batch_norm": "1"}, {"dtype": "float64"}]
)
def test_activations_are_what_the_forward_pass_keeps(fields: dict[str, Any]) -> None:
    work = work_of(classes(), widths="7,6", activation="tanh", **fields)
    model = Manual(work.network, work.spec, initial_weights(work.network, work.spec), "cpu")
    X, _ = gathered(work.data, work.data.parts["train"][:16])
    masks = [
        torch.ones(16, layer.outputs, dtype=torch.bool) if layer.dropout else None for layer in work.network.layers
    ]
    z, seen = model.forward(X, masks)
    factors = [factor for s in seen if len(s.factors) > 1 for factor in s.factors]
    kept = [
        z,
        *(s.slope for s in seen),
        *(s.X for s in seen[1:]),
        *(s.normalized[0] for s in seen if s.normalized is not None),
        *masks,
        *factors,
    ]
    assert sum(t.nbytes for t in kept if t is not None) == 16 * sum(
        cost.activations * X.element_size() + cost.masks for cost in costs_of(work.network)
    )
    assert sum(cost.forward + cost.backward for cost in costs_of(work.network)) == work.network.flops_per_example
    assert sum(cost.parameters for cost in costs_of(work.network)) == work.network.n_parameters


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_the_optimizer_state_is_what_the_kernel_allocates(optimizer: str) -> None:
    work = work_of(classes(), widths="7,6", batch_norm="2", optimizer=optimizer)
    training = new_training(work, initial_weights(work.network, work.spec))
    told = {str(row["quantity"]): row["value"] for row in totals_table(work.network, work.spec, 60, people=False).rows}
    weights = unpack(training.layout, training.theta, training.stats)  # without the kernel's padding
    gradients = sum(array.nbytes for name, array in weights.items() if "running" not in name)
    kept = sum(array.size > 1 for array in (training.first, training.second))
    assert told[f"memory: optimizer state ({optimizer})"] == kept * gradients
    assert told["memory: weights"] == sum(array.nbytes for array in weights.values())
    assert told["memory: gradients"] == gradients
    assert told["forward"] == 60 * 2 * (5 * 7 + 7 * 6 + 6 * 3)


def test_bytes_are_read_by_people() -> None:
    assert [in_bytes(n) for n in (0, 1023, 1536, 5 << 20, 3 << 30)] == ["0 B", "1023 B", "1.5 KiB", "5 MiB", "3 GiB"]
