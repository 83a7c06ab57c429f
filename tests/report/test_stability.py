"""Seeds that collapse are counted, noise that all configurations have is not."""

from pathlib import Path

import numpy as np
import pytest

from mlpctl.report.statistics.stability import collapsed_seeds
from mlpctl.report.summary import summarize
from mlpctl.store.results import load
from tests.helpers.synthetic import write

nan = float("nan")


@pytest.mark.parametrize(
    ("better", "columns", "expected"),
    [
        ("high", [[0.99, 0.98, 0.61], [0.97, 0.96, 0.97]], [1, 0]),
        ("high", [[0.99, 0.98, 0.61, 0.30, 0.97], [0.97, 0.96, 0.97, 0.96, 0.97]], [2, 0]),
        ("low", [[0.1, 0.12, 2.5], [0.2, 0.21, 0.2]], [1, 0]),
        ("high", [[0.9, 0.7, 0.5], [0.8, 0.6, 0.4], [0.7, 0.9, 0.5]], [0, 0, 0]),  # all vary as much
        ("high", [[0.99, 0.61, nan], [0.97, 0.96, 0.97]], [0, 0]),  # two seeds say nothing
        ("high", [[0.99, 0.98, 0.61]], [1]),
        ("high", [[0.99, 0.98, 0.97], [0.99, 0.98, 0.96]], [0, 0]),  # within the margin
    ],
)
def test_collapsed_seeds(better: str, columns: list[list[float]], expected: list[int]) -> None:
    assert collapsed_seeds(np.array(columns).T, better, 0.01).tolist() == expected


def test_noise_is_no_collapse() -> None:
    rng = np.random.default_rng(0)
    found = [collapsed_seeds(rng.normal(0.9, 0.03, (5, 9)), "high", 0.01).any() for _ in range(300)]
    assert np.mean(found) < 0.05


def test_an_unstable_configuration_is_named(tmp_path: Path) -> None:
    scores = {0.1: (0.99, 0.98, 0.61), 0.2: (0.97, 0.96, 0.97), 0.3: (0.95, 0.95, 0.96)}
    rows = [
        {"lr": lr, "seed": seed, "val_accuracy": score, "key": f"{lr} {seed}"}
        for lr, own in scores.items()
        for seed, score in enumerate(own)
    ]
    [summary] = summarize(load(write(tmp_path / "r", rows)))
    unstable = [note for note in summary.doubts if note.startswith("Unstable")]
    assert len(unstable) == 1
    assert "lr 0.1 (1 of 3 seeds" in unstable[0]
    assert summary.configurations.set_index("lr")["unstable"].to_dict() == {0.1: 1, 0.2: 0, 0.3: 0}
