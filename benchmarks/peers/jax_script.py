"""Train 784-256-10 on Fashion-MNIST by JAX, as a user would write it, and print the scores after each epoch.

Usage: python jax_script.py FOLDER SEED; the four IDX files lie in the folder.
"""

import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

EPOCHS, BATCH, LR, VALIDATION = 10, 256, 0.1, 6000


def forward(p: Any, X: Any) -> Any:
    return jax.nn.relu(X @ p[0] + p[1]) @ p[2] + p[3]


def loss(p: Any, X: Any, y: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(forward(p, X)), y[:, None], 1).mean()


@jax.jit
def epoch(p: Any, X: Any, y: Any, order: Any) -> Any:
    def step(p: Any, rows: Any) -> tuple[Any, Any]:
        value, g = jax.value_and_grad(loss)(p, X[rows], y[rows])
        return jax.tree.map(lambda w, d: w - LR * d, p, g), value

    return jax.lax.scan(step, p, order)


@jax.jit
def scores(p: Any, X: Any, y: Any) -> Any:
    return loss(p, X, y), (forward(p, X).argmax(1) == y).mean()


def images(path: Path, header: int) -> Any:
    return np.frombuffer(path.read_bytes(), np.uint8)[header:]


def main() -> None:
    folder = Path(sys.argv[1])
    X, X_test = (
        jnp.asarray(images(folder / f"{part}-images-idx3-ubyte", 16).reshape(-1, 784).astype(np.float32) / 255)
        for part in ("train", "t10k")
    )
    y, y_test = (
        jnp.asarray(images(folder / f"{part}-labels-idx1-ubyte", 8).astype(np.int32)) for part in ("train", "t10k")
    )
    rng = np.random.default_rng(int(sys.argv[2]))
    rows = rng.permutation(len(X))
    train, validation = rows[VALIDATION:], rows[:VALIDATION]
    X_val, y_val = X[validation], y[validation]

    def uniform(bound: float, *shape: int) -> Any:
        return jnp.asarray(rng.uniform(-bound, bound, shape).astype(np.float32))

    first, second = 784**-0.5, 256**-0.5
    p = (uniform(first, 784, 256), uniform(first, 256), uniform(second, 256, 10), uniform(second, 10))
    for number in range(EPOCHS):
        order = rng.permutation(train)[: len(train) // BATCH * BATCH].reshape(-1, BATCH)
        p, losses = epoch(p, X, y, order)
        value, right = scores(p, X_val, y_val)
        print(number + 1, float(losses.mean()), float(value), float(right))
    value, right = scores(p, X_test, y_test)
    print(float(value), float(right))


if __name__ == "__main__":
    main()
