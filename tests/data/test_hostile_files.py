"""Files that are damaged or made to do harm: one error with the file's name, never a traceback."""

import gzip
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mlpctl.data import load_dataset
from mlpctl.data.new_inputs import read_inputs
from mlpctl.errors import MlpctlError
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.search.listed import read_list
from mlpctl.spec import make_spec
from mlpctl.store.folder_files import read_json
from mlpctl.store.weights import read_weights

CODES = {2, 4, 5}


def table(path: Path) -> object:
    return load_dataset(make_spec({"dataset": "table", "data": {"path": str(path)}}))


def langid(path: Path) -> object:
    return load_dataset(make_spec({"dataset": "langid", "data": {"path": str(path)}}))


def iris_inputs(path: Path) -> object:
    return read_inputs(load_dataset(make_spec({"dataset": "iris"})), str(path))


def digits_inputs(path: Path) -> object:
    return read_inputs(load_dataset(make_spec({"dataset": "digits"})), str(path))


READERS: dict[str, Callable[[Path], object]] = {
    "a.npz": table, "a.parquet": table, "a.csv": table, "a.tsv": langid, "b.csv": iris_inputs, "b.npy": digits_inputs,
    "b.png": digits_inputs, "a.toml": read_experiment, "a.safetensors": read_weights, "list.csv": read_list,
    "environment.json": read_json,
}  # fmt: skip


def npy(header: str, rest: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + rest


def zipped(compression: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped(X=npy("{}"), y=npy("{}")))
    for place in range(len(content) - 4):
        if bytes(content[place : place + 4]) in (b"PK\x03\x04", b"PK\x01\x02"):
            content[place + (6 if content[place + 2] == 3 else 8)] |= 1
    return bytes(content)


def compressed_in_an_unknown_way() -> bytes:
    content = bytearray(zipped(X=npy("{}"), y=npy("{}")))
    for place in range(len(content) - 4):
        if bytes(content[place : place + 4]) in (b"PK\x03\x04", b"PK\x01\x02"):
            content[place + (8 if content[place + 2] == 3 else 10)] = 97
    return bytes(content)


def claiming(size: int) -> bytes:
    """Return an npz whose directory says that its members are so large."""
    content = bytearray(zipped(X=npy("{}"), y=npy("{}")))
    for place in range(len(content) - 4):
        if content[place : place + 4] == b"PK\x01\x02":
            content[place + 24 : place + 28] = struct.pack("<I", size)
    return bytes(content)


def picture(width: int, height: int) -> bytes:
    """Return a PNG that claims a size; its pixels are not there."""
    stream = io.BytesIO()
    Image.new("L", (1, 1)).save(stream, "PNG")
    content = bytearray(stream.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    return bytes(content)


def tensors(about: dict[str, Any], rest: bytes = b"") -> bytes:
    text = json.dumps(about).encode()
    return struct.pack("<Q", len(text)) + text + rest


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4)}"
NEGATIVE = "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 4)}"
OBJECTS = "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}"

HOSTILE: list[tuple[str, bytes]] = [
    ("a.npz", zipped(X=npy(HUGE), y=npy(HUGE))),
    ("a.npz", zipped(X=npy(NEGATIVE), y=npy(NEGATIVE))),
    ("a.npz", zipped(X=npy(OBJECTS, b"\x80\x04N."), y=npy(OBJECTS))),
    ("a.npz", zipped(X=npy("{" * 5000), y=b"")),
    ("a.npz", zipped(X=npy("__import__('os')"), y=b"")),
    ("a.npz", encrypted()),
    ("a.npz", compressed_in_an_unknown_way()),
    ("a.npz", claiming(2**32 - 2)),
    ("a.npz", b"PK\x05\x06" + bytes(18)),
    ("a.npz", npy(HUGE)),
    ("a.parquet", b"PAR1" + bytes(100) + b"PAR1"),
    ("a.parquet", b"PAR1" + b"\xff" * 64 + struct.pack("<I", 2**31 - 1) + b"PAR1"),
    ("a.csv", b""),
    ("a.csv", b"\x00" * 1000),
    ("a.csv", b"a,target\n" + b'"' + b"x" * 200_000 + b"\n"),
    ("a.csv", b"a" * (2**24 + 10)),
    ("a.csv", b"a,target\n1,\xff\n"),
    ("a.tsv", gzip.compress(b"x" * (2**24 + 10))),
    ("a.tsv", gzip.compress(b"text\tlabel\n" * 1000)[:-20]),
    ("a.tsv", b"\x1f\x8b" + bytes(30)),
    ("a.tsv", lzma.compress(b"text\tlabel\n")[:-8]),
    ("a.tsv", b"\x28\xb5\x2f\xfd" + bytes(20)),
    ("a.tsv", b"text\tlabel\n" + b"x" * (2**24 + 10)),
    ("b.csv", b"sepal length (cm)," + b"x" * 200_000 + b"\n1,2\n"),
    ("b.csv", b"\xff\xfe\x00"),
    ("b.csv", b"a\x00b\n1\n"),
    ("b.npy", npy(HUGE)),
    ("b.npy", npy(OBJECTS, b"\x80\x04cos\nsystem\n.")),
    ("b.npy", b""),
    ("b.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n"),
    ("b.png", picture(20000, 20000)),
    ("b.png", picture(2**31 - 1, 2**31 - 1)),
    ("b.png", picture(8, 8)),
    ("b.png", b"II*\x00" + bytes(50)),
    ("a.toml", b"name = 'a\x00b'"),
    ("a.toml", b"spec = " + b"[" * 5000),
    ("a.toml", b"spec = " + b"{a=" * 5000),
    ("a.toml", b"seeds = " + b"9" * 5000),
    ("a.toml", b"\xff\xfe"),
    ("a.toml", b"[search]\nmethod = 3"),
    ("a.safetensors", b""),
    ("a.safetensors", struct.pack("<Q", 2**63)),
    ("a.safetensors", tensors({"w": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4]}}, bytes(4))),
    ("a.safetensors", tensors({"w": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}, bytes(4))),
    ("a.safetensors", tensors({"w": 3})),
    ("list.csv", b"lr\n" + b'"' + b"1" * 200_000),
    ("list.csv", b"lr\x00\n0.1\n"),
    ("list.csv", b"lr\n0.1,0.2\n"),
    ("environment.json", b"[" * 100_000),
    ("environment.json", b"9" * 5000),
    ("environment.json", b'{"a": 1'),
]  # fmt: skip


def refusal(name: str, content: bytes, folder: Path) -> MlpctlError | None:
    """Return the error of reading a file; None where it can be read."""
    path = folder / name
    path.write_bytes(content)
    error = None
    try:
        READERS[name](path)
    except MlpctlError as raised:
        error = raised
    assert path.read_bytes() == content
    if error is not None:
        assert error.exit_code in CODES
        assert str(error).isprintable()  # so it is one line
        assert len(str(error)) < 1100
    return error


@pytest.mark.parametrize(("name", "content"), HOSTILE, ids=lambda value: value if isinstance(value, str) else "")
def test_a_hostile_file_is_refused_in_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    error = refusal(name, content, tmp_path)
    assert error is not None
    assert name in str(error)


def good() -> dict[str, bytes]:
    """Return a small good file for each reader."""
    import pandas as pd
    from safetensors.numpy import save

    X, y = np.arange(24.0).reshape(6, 4), np.array([0, 1, 0, 1, 0, 1])
    stream, parquet, image, array = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(stream, X=X, target=y)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(target=y)
    frame.to_parquet(parquet)
    Image.new("L", (8, 8)).save(image, "PNG")
    np.save(array, np.zeros((1, 64)))
    features = ",".join(load_dataset(make_spec({"dataset": "iris"})).features)
    return {
        "a.npz": stream.getvalue(), "a.parquet": parquet.getvalue(), "a.csv": frame.to_csv(index=False).encode(),
        "a.tsv": b"text\tlabel\none two\ta\nthree\tb\nfour\ta\nfive\tb\n", "b.csv": f"{features}\n1,2,3,4\n".encode(),
        "b.npy": array.getvalue(), "b.png": image.getvalue(), "a.safetensors": save({"w": X}),
        "a.toml": b'name = "a"\nseeds = 2\n[spec]\ndataset = "iris"\n[axes]\nlr = [0.1, 0.2]\n',
        "list.csv": b"lr,hidden_units\n0.1,4\n0.2,\n", "environment.json": b'{"python": "3", "others": {}}',
    }  # fmt: skip


GOOD = good()


@pytest.mark.parametrize("name", [name for name in GOOD if name != "a.npz"])
def test_the_good_files_are_read(name: str, tmp_path: Path) -> None:
    assert refusal(name, GOOD[name], tmp_path) is None


def changed(content: bytes) -> st.SearchStrategy[bytes]:
    """Return a file with bytes overwritten, put in or cut out, or cut short."""
    place = st.integers(0, max(len(content) - 1, 0))

    def edit(draws: list[tuple[int, bytes, int]]) -> bytes:
        edited = content
        for where, more, removed in draws:
            edited = edited[:where] + more + edited[where + removed :]
        return edited

    return st.lists(st.tuples(place, st.binary(max_size=6), st.integers(0, 8)), min_size=1, max_size=4).map(edit)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples."""
    return tmp_path_factory.mktemp("changed")


@pytest.mark.parametrize("name", list(GOOD))
def test_a_changed_file_is_read_or_refused(name: str, place: Path) -> None:
    @settings(
        max_examples=300, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(content=changed(GOOD[name]))
    def check(content: bytes) -> None:
        refusal(name, content, place)

    check()
