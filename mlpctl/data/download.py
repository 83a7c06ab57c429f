"""Download web addresses into the current folder; `mlpctl.data.fetching` runs this file as a process of its own."""

import sys
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

MOST_BYTES = 1 << 26
"""Bytes of a file; a mirror must not fill the disk."""


def download(address: str) -> None:
    """Write what an address answers to a file of its name, each part as soon as it is there.

    Raises:
        OSError: where it does not answer, or answers too much.
        HTTPException: where what it answers is no HTTP.
    """
    with (
        urlopen(address, timeout=60) as answer,  # who runs this file gives up sooner
        Path(address.rpartition("/")[2]).open("xb", buffering=0) as file,
    ):
        while chunk := answer.read1(1 << 16):
            if file.tell() + len(chunk) > MOST_BYTES:
                raise OSError(f"more than {MOST_BYTES >> 20} MiB")
            file.write(chunk)


if __name__ == "__main__":
    for each in sys.argv[1:]:
        try:
            download(each)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            sys.exit(str(getattr(reason, "strerror", None) or error))
