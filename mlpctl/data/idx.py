"""Read the IDX format of MNIST and Fashion-MNIST: a magic number, big-endian sizes, bytes."""

import hashlib
import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.files import DAMAGED_GZIP

_CHUNK = 1 << 22


@dataclass(frozen=True)
class IdxFile:
    """Published file of unsigned bytes.

    Attributes:
        name: name without .gz.
        shape: shape of the array in it.
        sha256: hash of the whole file, gunzipped.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def header(self) -> bytes:
        """Return the bytes before the array: 0, 0, type 8 (unsigned byte), number of axes, sizes."""
        return struct.pack(f">I{len(self.shape)}I", 0x0800 | len(self.shape), *self.shape)


def read_idx(stream: BinaryIO, file: IdxFile, into: NDArray[np.uint8]) -> str | None:
    """Fill `into` (contiguous, any shape of the right size) and return None, or return what is wrong with the file.

    Raises:
        OSError: as the stream does.
    """
    target = into.data.cast("B")
    try:
        header = stream.read(len(file.header))
        filled = 0
        while filled < len(target) and (n := stream.readinto(target[filled : filled + _CHUNK])):  # type: ignore[attr-defined]
            filled += n
        more = stream.read(1)
    except DAMAGED_GZIP as error:
        return f"damaged or truncated gzip file ({error})"
    if header != file.header:
        return _wrong_header(header, file)
    if filled < len(target) or more:
        size = len(header) + filled
        return f"{'longer than' if more else f'truncated at {size:,} of'} {len(target) + len(header):,} bytes"
    found = hashlib.sha256(header)
    found.update(target)
    if found.hexdigest() != file.sha256:
        return f"altered: sha256 must be {file.sha256}, got {found.hexdigest()}"
    return None


def _wrong_header(header: bytes, file: IdxFile) -> str:
    if len(header) < len(file.header):
        return f"truncated at {len(header)} bytes"
    if header[:4] != file.header[:4]:
        return f"no IDX file of {len(file.shape)} axes: must start with {file.header[:4].hex()}, got {header[:4].hex()}"
    sizes = struct.unpack(f">{len(file.shape)}I", header[4:])
    return f"must hold {'×'.join(map(str, file.shape))} values, got {'×'.join(map(str, sizes))}"
