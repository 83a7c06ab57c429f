"""The sets that are made or bundled: linreg, gates and scikit-learn's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpctl.data import source_of
from mlpctl.data.base import Dataset, options_of
from mlpctl.data.sklearn_sets import cache_path
from mlpctl.errors import UsageError

BUNDLED = {"iris": (150, 4, 3), "digits": (1797, 64, 10), "wine": (178, 13, 3), "breast-cancer": (569, 30, 2)}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(name: str, **options: Any) -> Dataset:
    source = source_of(name)
    return source.load(options_of(source, options))


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_classes_are_those_of_scikit_learn(name: str) -> None:
    from sklearn import datasets

    theirs = getattr(datasets, f"load_{name.replace('-', '_')}")()
    rows, columns, classes = BUNDLED[name]
    for _ in range(2):  # from scikit-learn, then from the cache
        ours = made(name)
        assert ours.X.shape == (rows, columns)
        assert np.array_equal(ours.X, theirs.data)
        assert np.array_equal(ours.y, theirs.target)
        assert ours.y.dtype == np.int32
        assert ours.classes == tuple(map(str, theirs.target_names))
        assert len(ours.classes) == classes
    assert cache_path(name).is_file()


def test_digits_are_pictures_of_0_to_16() -> None:
    digits = made("digits")
    assert (digits.X.dtype, digits.image_shape, digits.unit_max) == (np.uint8, (8, 8), 16.0)
    assert int(np.asarray(digits.X).max()) == 16


def test_diabetes_is_a_regression() -> None:
    diabetes = made("diabetes")
    assert (diabetes.task, diabetes.X.shape, diabetes.y.shape) == ("regression", (442, 10), (442, 1))
    assert diabetes.y.mean() == pytest.approx(152.133, abs=1e-3)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None])
def test_a_damaged_kept_copy_is_made_anew(damage: bytes | None) -> None:
    whole = made("iris")
    path = cache_path("iris")
    good = path.read_bytes()
    place = good.index(b"NUMPY") + 200
    path.write_bytes(good[:place] + bytes([good[place] ^ 255]) + good[place + 1 :] if damage is None else damage)
    again = made("iris")
    assert again.digest == whole.digest
    assert "now cached" in again.source
    assert path.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "file"))
    assert made("wine").source.startswith("scikit-learn")
    assert "cached" not in made("wine").source


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_linreg_least_squares_finds_w_and_b(distribution: str) -> None:
    data = made("linreg", w="1.5,-2,0.25", b="7", noise="0.1", n="20000", distribution=distribution)
    X = np.asarray(data.X)
    assert X.shape == (20_000, 3)
    assert data.y.shape == (20_000, 1)
    found, residual, *_ = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), data.y[:, 0], rcond=None)
    # The standard error of a weight is at most 0.1 / sqrt(20000 / 3) = 0.0012.
    assert found.tolist() == pytest.approx([1.5, -2.0, 0.25, 7.0], abs=0.006)
    assert float(np.sqrt(residual[0] / len(X))) == pytest.approx(0.1, rel=0.03)
    assert X.mean() == pytest.approx(0.0, abs=0.02)
    assert X.std() == pytest.approx(1.0 if distribution == "normal" else 3**-0.5, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 60),
    more=st.integers(0, 60),
    w=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5),
    seed=st.integers(0, 2**63 - 1),
    distribution=st.sampled_from(["normal", "uniform"]),
)
def test_linreg_rows_do_not_depend_on_how_many_follow(
    n: int, more: int, w: list[float], seed: int, distribution: str
) -> None:
    few, many = (made("linreg", w=w, n=k, seed=seed, distribution=distribution) for k in (n, n + more))
    assert np.array_equal(few.X, many.X[:n])
    assert np.array_equal(few.y, many.y[:n])
    assert (few.digest == many.digest) == (more == 0)
    assert np.isfinite(few.y).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": "0"}, "n must be greater than or equal to 1, got '0'"),
        ({"noise": "-1"}, "noise must be greater than or equal to 0"),
        ({"w": ""}, "w "),
        ({"w": "2,x"}, "w "),
        ({"w": "2,nan"}, "w "),
        ({"b": "inf"}, "b must be a finite number"),
        ({"nose": "1"}, "unknown key 'nose': did you mean 'noise'?"),
        ({"distribution": "normel"}, "unknown distribution 'normel': did you mean 'normal'?"),
    ],
)
def test_linreg_refuses(options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as error:
        made("linreg", **options)
    assert str(error.value).startswith("dataset linreg: ")
    assert said in str(error.value)


def test_noise_is_standard_normal_and_inputs_say_nothing_of_targets() -> None:
    data = made("noise", n="2000", inputs="20", outputs="3")
    X = np.asarray(data.X)
    assert (X.shape, data.y.shape, data.task) == ((2000, 20), (2000, 3), "regression")
    assert (X.mean(), X.std()) == pytest.approx((0.0, 1.0), abs=0.02)
    assert (data.y.mean(), data.y.std()) == pytest.approx((0.0, 1.0), abs=0.05)
    correlations = np.corrcoef(np.column_stack([X, data.y]).T) - np.eye(23)
    assert abs(correlations).max() < 5 / np.sqrt(2000)
    few = made("noise", n="50", inputs="20", outputs="3")
    assert np.array_equal(few.X, X[:50])
    assert np.array_equal(few.y, data.y[:50])
    assert made("noise", seed="1").digest != made("noise").digest


TABLES = {
    "and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "nor": [1, 0, 0, 0],
    "xor": [0, 1, 1, 0], "XNOR": [1, 0, 0, 1],
}  # fmt: skip


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
