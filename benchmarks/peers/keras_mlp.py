"""Time Keras on JAX, as its Fashion-MNIST tutorial trains."""

import os
import time
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import keras

from benchmarks.workloads import Workload, arrays


def contest(workload: Workload, _: str, seed: int) -> dict[str, Any]:
    data = arrays(workload)
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(workload.fields["hidden_units"], activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((784,)), *layers])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    batch = workload.fields["batch_size"]
    model.fit(data.X[: 8 * batch], data.y[: 8 * batch], batch_size=batch, epochs=1, verbose=0)  # compiles
    started = time.perf_counter()
    model.fit(data.X, data.y, batch_size=batch, epochs=workload.fields["epochs"], verbose=0)
    seconds = time.perf_counter() - started
    _, accuracy = model.evaluate(data.X_test, data.y_test, verbose=0)
    return {"seconds": seconds, "accuracy": float(accuracy), "trials": 1}
