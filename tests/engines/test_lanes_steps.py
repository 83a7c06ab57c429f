"""A step of the lanes engine: what autograd says, and never leaving the device."""

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mlpctl.engines.lanes.dataset import Resident
from mlpctl.engines.lanes.training import Lane, TrainingGroup
from mlpctl.spec import Activation, Loss, Optimizer
from tests.helpers.engines import ends, lanes
from tests.helpers.making import classes, work_of

FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "softplus": partial(torch.nn.functional.softplus, threshold=40.0),
    "identity": lambda u: u,
}


def test_a_step_is_what_autograd_says() -> None:
    """SGD with lr 1 moves weights by minus the gradient of the sum of the lanes' mean losses."""
    from mlpctl.engines.initial_weights import initial_weights
    from mlpctl.models.autograd import loss

    works = [
        work_of(classes(3), key=name, activation=name, widths=f"{5 + n},4", lr=1.0, epochs=1, batch_size="full",
                dtype="float64", val_fraction=0)
        for n, name in enumerate(get_args(Activation))
    ]  # fmt: skip
    found = ends(lanes(), *works)
    total, starts = torch.zeros((), dtype=torch.float64), {}
    for work in works:
        weights = initial_weights(work.network, work.spec)
        own = {name: torch.tensor(array, requires_grad=True) for name, array in weights.items()}
        starts[work.key] = own
        rows = work.data.parts["train"]
        a, y = torch.from_numpy(work.data.X[rows]), torch.from_numpy(work.data.y[rows]).long()
        for number, layer in enumerate(work.network.layers):
            a = a @ own[f"{number}.weight"] + own[f"{number}.bias"]
            a = FUNCTIONS[layer.activation](a)
        total = total + loss(work.network, a, y).mean()
    total.backward()  # type: ignore[no-untyped-call]
    for work in works:
        for name, tensor in starts[work.key].items():
            assert tensor.grad is not None
            moved = found[work.key][0][name] - tensor.detach().numpy()
            np.testing.assert_allclose(moved, -tensor.grad.numpy(), atol=1e-12)


class OnlyThere(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails where an operation sees a tensor that is not on the device `meta`."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        devices = {leaf.device.type for leaf in tree_leaves((args, kwargs, found)) if isinstance(leaf, torch.Tensor)}
        assert devices <= {"meta"}, func
        return found


@pytest.mark.parametrize(("loss", "optimizer"), list(zip(get_args(Loss), [*get_args(Optimizer), "sgd"], strict=True)))
def test_a_step_stays_on_the_device_and_never_waits_for_it(loss: str, optimizer: str) -> None:
    """On the device `meta` there are no values: whoever asks for one, or brings a tensor along, fails."""
    dataset = classes(3 if loss != "bce" else 2, uint8=True)
    first = get_args(Loss).index(loss)  # three activations each, all of them in all
    works = [
        work_of(dataset, key=name, activation=name, loss=loss, optimizer=optimizer, widths=f"{8 + n % 2}", seed=n // 2,
                batch_norm="1", dropout=0.3, weight_decay=0.1, scaling="unit", lr=0.01)
        for n, name in enumerate((*get_args(Activation), "relu")[first : first + 3])
    ]  # fmt: skip
    some = [Lane(work, n) for n, work in enumerate(works)]
    resident = Resident(works[0].data, torch.device("meta"))
    torch.set_num_threads(1)
    running = TrainingGroup(some, resident, "fp32")
    running.begin(None, {})
    running.tables.fill([1] * len(some), 0)
    with OnlyThere():  # type: ignore[no-untyped-call]
        running._step(16)
        running._step(5)
        running._score("val")
    fewer = TrainingGroup(some[1:], resident, "bf16")
    fewer.begin(running, {})
    with OnlyThere():  # type: ignore[no-untyped-call]
        fewer._step(16)
