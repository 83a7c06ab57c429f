"""The commit of a checkout as git says it, read without running anything."""

import os
import subprocess
from pathlib import Path

import pytest

from mlpctl.system import facts
from mlpctl.system.git import git_state


def git(folder: Path, *words: str) -> str:
    names = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *names, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout of one commit."""
    folder = tmp_path / "checkout"
    (folder / "sub").mkdir(parents=True)
    git(folder, "init", "-q")
    for name in ("a file", "sub/longer name.txt", "ü"):
        (folder / name).write_text("1")
    (folder / "link").symlink_to("a file")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_the_state_of_a_checkout(tmp_path: Path, checkout: Path) -> None:
    assert git_state(tmp_path) is None
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "-q")
    assert git_state(tmp_path / "empty") is None  # before its first commit
    clean = {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}
    assert git_state(checkout) == git_state(checkout / "sub") == clean
    (checkout / "untracked").write_text("1")
    os.utime(checkout / "a file", (1, 1))  # the same content, written since
    assert git_state(checkout) == clean
    (checkout / "a file").write_text("2")  # as long as before
    assert git_state(checkout) == clean | {"dirty": True}


@pytest.mark.parametrize("how", ["removed", "longer"])
def test_a_file_that_is_removed_or_longer_is_a_change(checkout: Path, how: str) -> None:
    file = checkout / "sub" / "longer name.txt"
    file.unlink() if how == "removed" else file.write_text("12")
    state = git_state(checkout)
    assert state is not None
    assert state["dirty"] is True


def test_packed_references_detached_heads_worktrees_and_submodules_are_read(tmp_path: Path, checkout: Path) -> None:
    git(checkout, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    git(tmp_path / "tree", "commit", "-qm", "second", "--allow-empty")
    git(checkout, "submodule", "add", "-q", str(checkout), "module")
    git(checkout, "pack-refs", "--all")
    for folder in (checkout, tmp_path / "tree", checkout / "module"):
        assert git_state(folder) == {"commit": git(folder, "rev-parse", "HEAD"), "dirty": False}
    git(checkout, "checkout", "-q", "--detach", "other")
    assert (git_state(checkout) or {})["commit"] == git(checkout, "rev-parse", "other")


def test_nothing_that_a_checkout_names_is_run(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = checkout.parent / "trap"
    trap.write_text('#!/bin/sh\ntouch "$0.sprung"\ncat\n')
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "filter.f.clean", "filter.f.smudge", "diff.external"):
        git(checkout, "config", name, str(trap))
    (checkout / ".gitattributes").write_text("* filter=f\n")
    (checkout / "a file").write_text("2")
    for folder in (checkout, checkout / "sub"):
        monkeypatch.chdir(folder)
        assert facts.environment()["git"]["dirty"] is True
    assert not trap.with_name("trap.sprung").exists()
    git(checkout, "status")
    assert trap.with_name("trap.sprung").exists()  # the trap is one


@pytest.mark.parametrize("file", [".git/HEAD", ".git/index", ".git/packed-refs", ".git/refs/heads"])
@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"ref: ../../secret\n", b"DIRC\0\0\0\2\xff\xff\xff\xff", None])
def test_a_damaged_checkout_is_no_error(checkout: Path, file: str, content: bytes | None) -> None:
    path = checkout / file
    if path.is_dir():
        path.rename(path.with_name("gone"))
    path.unlink(missing_ok=True)
    if content is None:
        os.mkfifo(path)  # who reads it waits for ever
    else:
        path.write_bytes(content)
    state = git_state(checkout)
    assert state is None or state["dirty"] in (None, False)
