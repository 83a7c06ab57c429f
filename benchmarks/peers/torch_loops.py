"""Time PyTorch: a loop over resident tensors, the DataLoader loop of d2l, and a process pool of loops."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers import steady
from benchmarks.workloads import Arrays, Workload, arrays
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec


def network(data: Arrays) -> nn.Module:
    layers: list[nn.Module] = []
    for number, layer in enumerate(data.network.layers):
        layers.append(nn.Linear(layer.inputs, layer.outputs))
        if layer.batch_norm:
            layers.append(nn.BatchNorm1d(layer.outputs))
        if number + 1 < len(data.network.layers):
            layers.append(nn.Tanh() if layer.activation == "tanh" else nn.ReLU())
    return nn.Sequential(*layers)


def loss_of(data: Arrays) -> Any:
    if data.network.loss == "perceptron":
        return lambda z, y: (-(2.0 * y - 1.0) * z[:, 0]).clamp(min=0).sum()
    if not data.n_classes:
        return lambda z, y: nn.functional.mse_loss(z, y.reshape(z.shape))
    return nn.CrossEntropyLoss()


def optimizer_of(spec: dict[str, Any], net: nn.Module) -> torch.optim.Optimizer:
    if spec.get("optimizer") == "adam":
        return torch.optim.Adam(net.parameters(), lr=spec["lr"], fused=True)
    return torch.optim.SGD(net.parameters(), lr=spec["lr"])


def one(spec: dict[str, Any], data: Arrays, batch: int, epochs: int, seed: int) -> float:
    """Train one trial over resident tensors and return its test accuracy."""
    torch.manual_seed(seed)
    X, y = torch.from_numpy(data.X), torch.from_numpy(data.y)
    y = y.long() if data.n_classes else y
    net, loss = network(data), loss_of(data)
    optimizer = optimizer_of(spec, net)
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for start in range(0, len(X), batch):
            rows = order[start : start + batch]
            optimizer.zero_grad()
            loss(net(X[rows]), y[rows]).backward()
            optimizer.step()
    return accuracy(net, data)


def accuracy(net: nn.Module, data: Arrays) -> float:
    """Return the share of the test part that is right; of regression, the mean squared error on it."""
    net.eval()
    with torch.no_grad():
        z = net(torch.from_numpy(data.X_test))
    if not data.n_classes:
        return float(nn.functional.mse_loss(z, torch.from_numpy(data.y_test).reshape(z.shape)))
    right = (z[:, 0] > 0) if z.shape[1] == 1 else z.argmax(1)
    return float((right == torch.from_numpy(data.y_test)).float().mean())


def d2l(spec: dict[str, Any], data: Arrays, batch: int, epochs: int, seed: int) -> float:
    """Train one trial with a DataLoader of four workers, as d2l does."""
    torch.manual_seed(seed)
    loader = DataLoader(
        TensorDataset(torch.from_numpy(data.X), torch.from_numpy(data.y).long()), batch, shuffle=True, num_workers=4
    )
    net, loss = network(data), nn.CrossEntropyLoss()
    optimizer = optimizer_of(spec, net)
    for _ in range(epochs):
        for X, y in loader:
            optimizer.zero_grad()
            loss(net(X), y).backward()
            optimizer.step()
    return accuracy(net, data)


def contest(workload: Workload, variant: str, seed: int) -> dict[str, Any]:
    data, specs = arrays(workload), workload.specs(1 if variant == "d2l" else workload.few)
    resolved = trial_of(make_spec(specs[0])).spec
    batch, epochs = int(resolved.batch_size or 1), int(resolved.epochs or 1)
    specs = [{"lr": resolved.lr, **spec} for spec in specs]
    if variant == "pool":
        train = partial(one, data=data, batch=batch, epochs=epochs, seed=seed)
        with ProcessPoolExecutor(2, initializer=partial(torch.set_num_threads, 1)) as pool:
            list(pool.map(train, specs[:2]))
            seconds, ends = steady(lambda: list(pool.map(train, specs)))
    else:
        is_large = workload.fields["dataset"] == "fashion-mnist"
        torch.set_num_threads(2 if is_large else 1)
        if not is_large:
            one(specs[0], data, batch, 1, seed)
        train = partial(d2l if variant == "d2l" else one, data=data, batch=batch, epochs=epochs, seed=seed)
        seconds, ends = steady(lambda: list(map(train, specs)))
    return {"seconds": seconds / len(specs), "accuracy": ends[0], "trials": len(specs)}
