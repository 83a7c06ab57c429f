"""Splits and scaling."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mlpctl.data import prepare as prepare_module
from mlpctl.data.columns import Column
from mlpctl.data.parts import numbered_classes
from mlpctl.data.prepare import kept_columns, scaled, scaled_targets
from mlpctl.errors import UsageError
from mlpctl.spec import Scaling
from mlpctl.store.key import key_of
from tests.helpers.making import classes, numbers, resolved


def test_scaling_is_fitted_on_the_training_part() -> None:
    dataset = classes()
    train = np.arange(0, 40)
    X = np.asarray(scaled(dataset, "standard", "float64", train)[0])
    np.testing.assert_allclose(X[train].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(X[train].std(axis=0), 1, atol=1e-12)
    X = np.asarray(scaled(dataset, "unit", "float64", train)[0])
    assert X[train].min() == 0
    assert X[train].max() == 1


def test_pixels_stay_bytes() -> None:
    dataset = classes(uint8=True)
    X, scale, shift = scaled(dataset, "unit", "float32", np.arange(40))
    assert X is dataset.X
    assert scale is not None
    assert shift is not None
    assert scale.dtype == np.float32
    np.testing.assert_allclose(scale, 1 / 255, rtol=1e-6)


def test_words_unseen_in_training_are_no_inputs() -> None:
    dataset = classes(sparse=True)
    X = dataset.X.tolil()  # type: ignore[union-attr]
    X[:40, 1] = 0
    X[50, 1] = 2
    dataset = replace(dataset, X=X.tocsr(), fitted_columns=np.ones(5, dtype=bool))
    assert scaled(dataset, "none", "float32", np.arange(40))[0].shape[1] == 4
    with pytest.raises(UsageError, match="would fill a sparse matrix"):
        scaled(dataset, "standard", "float32", np.arange(40))


def test_a_constant_column_becomes_zeros() -> None:
    X = np.asarray(classes().X).copy()
    X[:, 0] = 3
    out = np.asarray(scaled(replace(classes(), X=X), "standard", "float64", np.arange(40))[0])
    assert (out[:, 0] == 0).all()


@pytest.mark.parametrize("scaling", ["standard", "unit"])
@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e9 + 0.1])
def test_a_constant_column_of_any_number_becomes_zeros(scaling: Scaling, value: float) -> None:
    dataset = numbers(n=151)
    X = dataset.X.copy()
    X[:, 0] = value
    X[0, 0] = value + 0.1  # not in the training part
    Z, _, _ = scaled(replace(dataset, X=X), scaling, "float64", np.arange(1, 151))
    assert isinstance(Z, np.ndarray)
    assert (Z[1:, 0] == 0).all()
    assert Z[0, 0] == pytest.approx(0.1)


def test_classes_are_counted_as_numpy_counts_them() -> None:
    for seed in range(100):
        random = np.random.default_rng(seed)
        y = (random.integers(0, random.integers(1, 9), random.integers(1, 40)) * 2).astype(np.int32)
        _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        assert [part.tolist() for part in numbered_classes(y)] == [codes.tolist(), counts.tolist()]


def test_targets_are_scaled_by_the_training_part() -> None:
    y = np.array([[1.0, 5.0, 0.1], [3.0, 5.0, 0.1], [100.0, 7.0, 0.3]])
    scaled_y, mean, spread = scaled_targets(y, "standard", np.array([0, 1]))
    assert (mean, spread) == ((2.0, 5.0, 0.1), (1.0, 1.0, 1.0))
    assert scaled_y.tolist() == [[-1, 0, 0], [1, 0, 0], [98, 2, pytest.approx(0.2)]]
    assert scaled_targets(y, "none", np.array([0, 1])) == (y, (), ())


def test_a_target_that_is_not_scaled_keeps_the_keys_of_before() -> None:
    """Trials from before the field was there have none."""
    dataset = numbers()
    spec = resolved(dataset, target_scaling="none")
    assert key_of(spec, dataset.digest) == key_of(spec.model_copy(update={"target_scaling": None}), dataset.digest)
    assert key_of(spec, dataset.digest) != key_of(resolved(dataset), dataset.digest)


@pytest.mark.parametrize("scaling", ["none", "unit", "standard"])
@pytest.mark.parametrize("columns", [2, 3, 7, 64])
def test_inputs_are_scaled_alike_in_one_block_and_in_many(
    columns: int, scaling: Scaling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit: the statistics of a column do not depend on its neighbours. So may a table be sparse."""
    dataset = numbers(n=901, d=columns)
    train = np.arange(0, 901, 3)
    whole, _, _ = scaled(dataset, scaling, "float64", train)
    monkeypatch.setattr(prepare_module, "CELLS_AT_ONCE", 1000)
    np.testing.assert_array_equal(scaled(dataset, scaling, "float64", train)[0], whole)
    if scaling != "none":
        names = tuple(Column(f"x{k}", "number") for k in range(columns))
        sparse = replace(dataset, X=csr_matrix(dataset.X), columns=names)
        np.testing.assert_array_equal(scaled(sparse, scaling, "float64", train)[0], whole)


def test_words_that_the_training_part_lacks_are_left_out_of_a_sparse_table_too() -> None:
    X = csr_matrix(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]))
    columns = (Column("word", "category", words=("a", "b", "c")),)
    dataset = replace(numbers(n=4), X=X, columns=columns, fitted_columns=np.ones(3, dtype=bool))
    assert kept_columns(dataset, np.array([0, 2, 3])).tolist() == [0, 2]
    assert scaled(dataset, "unit", "float64", np.array([0, 2, 3]))[0].shape == (4, 2)
