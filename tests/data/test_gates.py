"""The gates against their truth tables."""

from typing import Any

import numpy as np
import pytest

from mlpctl.data import source_of
from mlpctl.data.base import Dataset, options_of
from mlpctl.errors import UsageError

TABLES = {
    "and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "nor": [1, 0, 0, 0],
    "xor": [0, 1, 1, 0], "XNOR": [1, 0, 0, 1],
}  # fmt: skip


def made(name: str, **options: Any) -> Dataset:
    source = source_of(name)
    return source.load(options_of(source, options))


@pytest.mark.parametrize("gate", TABLES)
def test_gates(gate: str) -> None:
    data = made("gates", gate=gate)
    assert np.asarray(data.X).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data.y.tolist() == TABLES[gate]
    assert data.test_is_train
    signed = made("gates", gate=gate, targets="pm1")
    assert (signed.label_values, signed.classes) == ((-1.0, 1.0), ("-1", "1"))
    assert signed.digest != data.digest


def test_gates_refuse_an_unknown_gate() -> None:
    with pytest.raises(UsageError, match="unknown gate 'nandd': did you mean 'nand'"):
        made("gates", gate="nandd")
