"""Fashion-MNIST: real files of Debian's package, and damaged copies of them (getting them: test_data_fetching)."""

import gzip
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.data import files
from mlpctl.data.fashion_mnist import IDX_FILES, PUBLISHED, FashionOptions, load, read_verified
from mlpctl.data.verify import verify_dataset
from mlpctl.errors import DataError

pytestmark = pytest.mark.needs("fashion-mnist")

LABELS = IDX_FILES[3]
"""The test labels: 10 kB, so that damage is cheap to try."""

NO_MIRROR = "http://127.0.0.1:9"
"""The discard port: refused at once."""


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPCTL_MIRROR", NO_MIRROR)
    monkeypatch.delenv("MLPCTL_OFFLINE", raising=False)


def labels_into() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.zeros(10_000, np.uint8)


def folder_with(tmp_path: Path, content: bytes, name: str = LABELS.name) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_bytes(content)
    return folder


def real_labels() -> bytes:
    return gzip.decompress((PUBLISHED.installed / f"{LABELS.name}.gz").read_bytes())


def test_the_real_thing_and_the_cache() -> None:
    dataset = load(FashionOptions())
    assert dataset.source == str(PUBLISHED.installed)
    assert dataset.X.shape == (70_000, 784)
    assert dataset.X.dtype == np.uint8
    assert dataset.y.dtype == np.int32
    # As the authors describe it: 6,000 and 1,000 of each class, training part first.
    assert np.bincount(dataset.y[:60_000]).tolist() == [6_000] * 10
    assert np.bincount(dataset.y[60_000:]).tolist() == [1_000] * 10
    assert dataset.test_index is not None
    assert dataset.test_index.tolist() == list(range(60_000, 70_000))
    assert dataset.classes[dataset.y[0]] == "Ankle boot"
    # Mean and spread of the training pixels, as many publish them: 0.2860 and 0.3530.
    train = np.asarray(dataset.X[:60_000])
    assert train.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert train.std() / 255 == pytest.approx(0.3530, abs=5e-5)
    again = load(FashionOptions())
    assert again.source == str(PUBLISHED.cache)
    assert np.array_equal(again.X, dataset.X)
    assert again.digest == dataset.digest


@pytest.mark.parametrize("name", [LABELS.name, f"{LABELS.name}.gz"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_users_folder_may_hold_either_kind_under_either_name(tmp_path: Path, name: str, zipped: bool) -> None:
    folder = folder_with(tmp_path, gzip.compress(real_labels()) if zipped else real_labels(), name)
    into = labels_into()
    place, passed_over = read_verified(LABELS, into, folder)
    assert (place, passed_over) == (folder / name, [])
    assert np.bincount(into).tolist() == [1_000] * 10
    assert not (PUBLISHED.cache / LABELS.name).exists()


def altered(raw: bytes) -> bytes:
    return raw[:5_000] + bytes([raw[5_000] ^ 1]) + raw[5_001:]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (altered, "altered: sha256 must be 0402a96d"),
        (lambda raw: raw[:-1], "truncated at 10,007 of 10,008 bytes"),
        (lambda raw: raw[:6], "truncated at 6 bytes"),
        (lambda raw: raw[:0], "truncated at 0 bytes"),
        (lambda raw: raw + b"\0", "longer than 10,008 bytes"),
        (lambda raw: b"\0\0\x08\x03" + raw[4:], "must start with 00000801, got 00000803"),
        (lambda raw: raw[:4] + b"\0\0\0\x05" + raw[8:], "must hold 10000 values, got 5"),
        (lambda raw: gzip.compress(raw)[:-2000], "damaged or truncated gzip file"),
        (lambda raw: gzip.compress(raw)[:-8] + b"\0" * 8, "damaged or truncated gzip file"),
        (lambda raw: b"\x1f\x8b" + raw[2:], "damaged or truncated gzip file"),
        (lambda raw: b"<html>not found</html>" + raw, "must start with 00000801, got 3c68746d"),
    ],
)
def test_a_damaged_file_of_the_user_is_refused(tmp_path: Path, damage: Any, said: str) -> None:
    folder = folder_with(tmp_path, damage(real_labels()))
    with pytest.raises(DataError) as error:
        read_verified(LABELS, labels_into(), folder)
    message = str(error.value)
    assert message.startswith(str(folder / LABELS.name))
    assert said in message
    assert "leave out the option folder" in message
    assert "\n" not in message


def test_a_missing_file_in_the_users_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must hold train-images-idx3-ubyte or .*\.gz, and has neither"):
        load(FashionOptions(folder=tmp_path))


def test_a_damaged_cache_is_mended_and_told(tmp_path: Path) -> None:
    path = PUBLISHED.cache / LABELS.name
    path.parent.mkdir(parents=True)
    path.write_bytes(altered(real_labels()))
    with pytest.raises(DataError, match=r"altered or truncated: .*mlpctl data fetch fashion-mnist"):
        verify_dataset("fashion-mnist", {})
    into = labels_into()
    place, passed_over = read_verified(LABELS, into, None)
    assert place == PUBLISHED.installed / f"{LABELS.name}.gz"
    assert len(passed_over) == 1
    assert passed_over[0].startswith(f"{path}: altered")
    assert path.read_bytes() == real_labels()
    assert read_verified(LABELS, into, None) == (path, [])


def test_a_read_only_cache_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "file"))
    place, _ = read_verified(LABELS, labels_into(), None)
    assert place == PUBLISHED.installed / f"{LABELS.name}.gz"


def test_what_is_nowhere_here_is_fetched_and_read_from_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(PUBLISHED.installed))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("MLPCTL_MIRROR", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("PATH", str(tmp_path))  # no apt
        monkeypatch.setattr(files, "DEBIAN", tmp_path / "no-debian")
        dataset = load(FashionOptions())
        server.shutdown()
        thread.join()
    assert dataset.source == str(PUBLISHED.cache)
    assert sorted(path.name for path in PUBLISHED.cache.iterdir()) == sorted(PUBLISHED.sha256)
    monkeypatch.setenv("MLPCTL_OFFLINE", "1")
    assert load(FashionOptions()).digest == dataset.digest


def test_what_is_nowhere_at_all_is_told_in_few_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLPCTL_OFFLINE", "1")
    monkeypatch.setattr(files, "DEBIAN", tmp_path / "no-debian")
    with pytest.raises(DataError) as error:
        load(FashionOptions())
    assert str(error.value).splitlines() == [
        "fashion-mnist is not on this machine, and no source has it",
        f"  tried: {tmp_path / 'no-debian' / 'fashion-mnist'} (not there), apt and mirrors (not asked: offline)",
        f"  needed: {', '.join(PUBLISHED.sha256)}, each as it is or as .gz",
        f"  copy them to {PUBLISHED.cache}, or type: mlpctl data fetch fashion-mnist --from FOLDER",
    ]
    assert error.value.exit_code == 4


def test_nothing_is_left_behind_in_the_cache(tmp_path: Path) -> None:
    shutil.copy(PUBLISHED.installed / f"{LABELS.name}.gz", tmp_path)
    read_verified(LABELS, labels_into(), None)
    assert [path.name for path in PUBLISHED.cache.iterdir()] == [LABELS.name]
