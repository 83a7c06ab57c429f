"""Compiled code is run only where nobody else could have written it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlpctl.engines.kernel import cache, native
from mlpctl.errors import DeviceError

NAME = "epochs-float32-float32"
ANOTHER = 65534
"""User id of nobody."""


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the file of a function in a cache of its own."""
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "cache"))
    cache.kernel_folder.cache_clear()
    path = cache.path_of(NAME)
    cache.write(path, cache.packed("symbol", b"code"))
    yield path
    cache.kernel_folder.cache_clear()


def replaced_by_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


def behind_a_linked_folder(path: Path) -> None:
    folder = path.parent
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


UNSAFE: dict[str, Callable[[Path], object]] = {
    "a file of another user": lambda path: os.chown(path, ANOTHER, -1),
    "a file that others may write": lambda path: path.chmod(0o666),
    "a file that the group may write": lambda path: path.chmod(0o660),
    "a folder of another user": lambda path: os.chown(path.parent, ANOTHER, -1),
    "a folder that others may write": lambda path: path.parent.chmod(0o777),
    "a folder above that others may write": lambda path: path.parent.parent.chmod(0o777),
    "a link": replaced_by_a_link,
    "a linked folder": behind_a_linked_folder,
}


@pytest.mark.parametrize("how", UNSAFE)
def test_what_others_could_have_written_is_not_run(compiled: Path, how: str) -> None:
    if "another user" in how and os.getuid() != 0:
        pytest.skip("only root can give a file away")
    assert cache.unpacked(cache.stored_bytes(compiled)) == ("symbol", b"code")
    UNSAFE[how](compiled)
    with pytest.raises(DeviceError, match="not run"):
        cache.stored_bytes(compiled)


def test_a_shared_root_is_no_danger_and_our_folders_are_ours_alone(compiled: Path) -> None:
    """Whoever moves our folder away and puts another there owns that one."""
    root = compiled.parents[2]
    root.chmod(0o777)
    assert cache.stored_bytes(compiled)
    assert [folder.stat().st_mode & 0o777 for folder in compiled.parents[:2]] == [0o700, 0o700]


def test_the_user_is_told_what_to_do(compiled: Path) -> None:
    compiled.parent.chmod(0o777)
    with pytest.raises(DeviceError, match=r"chmod go-w.*MLPCTL_DATA_DIR"):
        native._loaded(NAME)
