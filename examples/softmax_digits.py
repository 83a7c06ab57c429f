"""Train softmax regression on handwritten digits with NumPy: a program that `mlpctl sweep --command` searches.

mlpctl sweep --command "python examples/softmax_digits.py --lr {lr} --l2 {l2} --epochs {epochs} --seed {seed}" \
    --axis lr=log:0.01:1:5 --axis l2=0,0.001 --epochs 20 --seeds 3
"""

import argparse
import json

import numpy as np
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1, help="learning rate")
parser.add_argument("--l2", type=float, default=0.0, help="L2 penalty on the weights")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--seed", type=int, default=0)
given = parser.parse_args()

rng = np.random.default_rng(given.seed)
X, y = load_digits(return_X_y=True)
X = X / 16
order = np.random.default_rng(0).permutation(len(X))  # the split is the same for every seed
train, validation = order[:1400], order[1400:]
W, b = rng.normal(0, 0.01, (64, 10)), np.zeros(10)


def probabilities(X: np.ndarray) -> np.ndarray:
    """Return the probability (N, 10) of each class."""
    logits = X @ W + b
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


for epoch in range(1, given.epochs + 1):
    for rows in np.array_split(rng.permutation(train), 44):
        error = (probabilities(X[rows]) - np.eye(10)[y[rows]]) / len(rows)
        W -= given.lr * (X[rows].T @ error + given.l2 * W)
        b -= given.lr * error.sum(axis=0)
    p = probabilities(X[validation])
    loss = -np.log(p[np.arange(len(validation)), y[validation]]).mean()
    accuracy = (p.argmax(axis=1) == y[validation]).mean()
    print(json.dumps({"epoch": epoch, "loss": float(loss), "accuracy": float(accuracy)}), flush=True)
