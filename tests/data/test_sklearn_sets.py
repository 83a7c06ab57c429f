"""The bundled sets against scikit-learn, and their copies in the cache."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.data import source_of
from mlpctl.data.base import Dataset, options_of
from mlpctl.data.sklearn_sets import cache_path

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
