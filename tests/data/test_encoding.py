"""Cells become inputs: the same whether the matrix of 0 and 1 is dense or sparse."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpctl.data import encoding
from mlpctl.data.columns import Column
from mlpctl.data.encoding import assembled, encoded

WORDS = Column("word", "category", words=tuple(f"w{k}" for k in range(9)))
COLUMNS = (Column("x", "number"), WORDS, Column("z", "number"))
PLACES = np.array([3.0, 0.0, -1.0, 8.0])
"""Places of words, one of which the column does not have."""


def inputs() -> NDArray[np.float64]:
    X = np.zeros((4, 11))
    X[:, 0], X[:, -1] = [0.5, 0, 2, 3], [1, 2, 3, 4]
    X[[0, 1, 3], [4, 1, 9]] = 1
    return X


def test_words_become_places_and_the_unknown_are_told() -> None:
    places, unseen = encoded(WORDS, ["w3", "w0", "other", "w8"], "t.csv")
    assert (places.tolist(), unseen) == (PLACES.tolist(), ["other"])


def test_a_large_matrix_of_words_is_sparse_and_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [inputs()[:, 0], PLACES, inputs()[:, -1]]
    dense = assembled(COLUMNS, values, "t.csv")
    assert isinstance(dense, np.ndarray)
    np.testing.assert_array_equal(dense, inputs())
    monkeypatch.setattr(encoding, "WIDE", 1)
    wide = Column("word", "category", words=tuple(f"w{k}" for k in range(20)))
    sparse = assembled((COLUMNS[0], wide, COLUMNS[2]), values, "t.csv")
    assert not isinstance(sparse, np.ndarray)
    np.testing.assert_array_equal(sparse.toarray()[:, [*range(10), 21]], inputs())


def test_a_missing_cell_is_nan_in_each_of_its_inputs() -> None:
    X = assembled((WORDS,), [np.array([1.0, np.nan])], "t.csv")
    assert isinstance(X, np.ndarray)
    assert np.isnan(X[1]).all()
    assert np.isfinite(X[0]).all()
