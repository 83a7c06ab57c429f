"""Time a hand-written JAX trainer: jit over the epochs of one trial, or vmap over all trials at once."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import steady
from benchmarks.workloads import Arrays, Workload, arrays

AT_A_TIME = {"iris": 64, "iris-adam": 64, "fashion": 4, "digits": 16}
"""Trials in one vmap, as many as were fastest."""


def initial(data: Arrays, rng: np.random.Generator) -> list[dict[str, Any]]:
    layers = []
    for layer in data.network.layers:
        bound = layer.inputs**-0.5
        one = {
            "W": rng.uniform(-bound, bound, (layer.inputs, layer.outputs)).astype(np.float32),
            "b": rng.uniform(-bound, bound, layer.outputs).astype(np.float32),
        }
        if layer.batch_norm:
            one |= {"g": np.ones(layer.outputs, np.float32), "s": np.zeros(layer.outputs, np.float32)}
        layers.append(one)
    return layers


def forward(parameters: Any, statistics: Any, X: Any, training: bool, activate: Any) -> tuple[Any, Any]:
    after = []
    for number, p in enumerate(parameters):
        X = X @ p["W"] + p["b"]
        if "g" in p:
            mean, var = statistics[number]
            if training:
                batch_mean, batch_var = X.mean(0), X.var(0)
                n = X.shape[0]
                after.append((0.9 * mean + 0.1 * batch_mean, 0.9 * var + 0.1 * batch_var * n / (n - 1)))
                mean, var = batch_mean, batch_var
            else:
                after.append((mean, var))
            X = (X - mean) * jax.lax.rsqrt(var + 1e-5) * p["g"] + p["s"]
        else:
            after.append((jnp.zeros(0), jnp.zeros(0)))
        if number + 1 < len(parameters):
            X = activate(X)
    return X, after


def loss_of(parameters: Any, statistics: Any, X: Any, y: Any, activate: Any) -> tuple[Any, Any]:
    z, after = forward(parameters, statistics, X, True, activate)
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1).mean(), after


def train(
    data: Any, order: Any, parameters: Any, statistics: Any, lr: Any, *, adam: bool, batch: int, activate: Any
) -> Any:
    X, y = data
    loss = partial(loss_of, activate=activate)

    def step(carry: Any, rows: Any) -> tuple[Any, None]:
        p, statistics, m, v, t = carry
        (_, statistics), g = jax.value_and_grad(loss, has_aux=True)(p, statistics, X[rows], y[rows])
        if adam:
            t = t + 1
            m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
            v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
            p = jax.tree.map(
                lambda w, a, b: w - lr * (a / (1 - 0.9**t)) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8), p, m, v
            )
        else:
            p = jax.tree.map(lambda w, b: w - lr * b, p, g)
        return (p, statistics, m, v, t), None

    zeros = jax.tree.map(jnp.zeros_like, parameters)
    steps = order[:, : order.shape[1] // batch * batch].reshape(-1, batch)
    (p, statistics, *_), _ = jax.lax.scan(step, (parameters, statistics, zeros, zeros, 0.0), steps)
    return p, statistics


def contest(workload: Workload, variant: str, seed: int) -> dict[str, Any]:
    data = arrays(workload)
    specs = workload.specs(min(4 * workload.few, workload.trials) if variant == "jit" else workload.trials)
    batch, epochs = int(workload.fields["batch_size"]), int(workload.fields["epochs"])
    rng = np.random.default_rng(seed)
    order = jnp.asarray(np.stack([rng.permutation(len(data.X)) for _ in range(epochs)]))
    arrays_ = (jnp.asarray(data.X), jnp.asarray(data.y.astype(np.int32)))
    parameters = initial(data, rng)
    activate = jnp.tanh if workload.fields.get("activation") == "tanh" else jax.nn.relu
    widths = [layer.outputs if layer.batch_norm else 0 for layer in data.network.layers]
    statistics = [(np.zeros(width, np.float32), np.ones(width, np.float32)) for width in widths]
    one = partial(train, adam=workload.fields.get("optimizer") == "adam", batch=batch, activate=activate)
    lrs = np.array([spec["lr"] for spec in specs], np.float32)
    if variant == "jit":
        function, groups = jax.jit(one), list(lrs)
    else:
        together = AT_A_TIME[workload.name]
        function = jax.jit(jax.vmap(one, in_axes=(None, None, None, None, 0)))
        groups = [lrs[k : k + together] for k in range(0, len(lrs), together)]
    jax.block_until_ready(function(arrays_, order, parameters, statistics, groups[0]))
    seconds, ends = steady(
        lambda: [jax.block_until_ready(function(arrays_, order, parameters, statistics, group)) for group in groups]
    )
    trials = sum(np.size(group) for group in groups)
    p, s = ends[0] if variant == "jit" else jax.tree.map(lambda a: a[0], ends[0])
    z, _ = forward(p, s, data.X_test, False, activate)
    accuracy = float((np.asarray(z).argmax(1) == data.y_test).mean())
    return {"seconds": seconds / trials, "accuracy": accuracy, "trials": int(trials)}
