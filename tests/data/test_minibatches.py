"""Minibatches in the order of the data: a plain torch loop over them, and every engine."""

import numpy as np
import pytest
import torch

from mlpctl.data.minibatches import order_of
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.lanes.engine import ENGINE as LANES
from mlpctl.engines.reference import ENGINE as REFERENCE
from tests.helpers.making import classes, resolved, trained, work_of


def test_an_order_is_drawn_for_each_epoch_or_that_of_the_data() -> None:
    spec = resolved(classes())
    one, other = order_of(spec, 1, 50), order_of(spec, 2, 50)
    assert sorted(one.tolist()) == list(range(50))
    assert one.tolist() != other.tolist()
    given = resolved(classes(), shuffle=False)
    assert order_of(given, 1, 50).tolist() == order_of(given, 2, 50).tolist() == list(range(50))


@pytest.mark.parametrize("engine", [REFERENCE, KERNEL, LANES], ids=["reference", "kernel", "lanes"])
def test_without_shuffle_training_is_a_plain_loop_over_the_data(engine: object) -> None:
    fields = {"shuffle": False, "widths": "6", "batch_size": 7, "epochs": 4, "dtype": "float64"}
    work, beside = work_of(classes(), "t", **fields), work_of(classes(), "u", **{**fields, "shuffle": True})
    session = engine.open("cpu", 1, 1)  # type: ignore[attr-defined]
    trained(session, work, beside)
    start = {name: torch.tensor(array) for name, array in initial_weights(work.network, work.spec).items()}
    net = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3)).double()
    with torch.no_grad():
        for place, layer in ((0, net[0]), (1, net[2])):
            layer.weight.copy_(start[f"{place}.weight"].T)  # type: ignore[operator]
            layer.bias.copy_(start[f"{place}.bias"])  # type: ignore[operator]
    rows = work.data.parts["train"]
    X, y = torch.tensor(work.data.X[rows]), torch.tensor(work.data.y[rows]).long()
    optimizer = torch.optim.SGD(net.parameters(), lr=float(work.spec.lr or 0))
    for _ in range(4):
        for k in range(0, len(rows), 7):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(X[k : k + 7]), y[k : k + 7]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    ours = session.weights("t")
    for place, layer in ((0, net[0]), (1, net[2])):
        np.testing.assert_allclose(ours[f"{place}.weight"], layer.weight.detach().T, rtol=1e-9)  # type: ignore[operator]
    assert not np.allclose(ours["0.weight"], session.weights("u")["0.weight"], rtol=1e-6)
