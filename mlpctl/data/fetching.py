"""Fetch published files into the cache from a folder, apt or mirrors; the sha256 of each is checked.

A source that is not a folder is a process that fills one. It is stopped when it is silent or slow for too long, at a
name server, an address that does not answer, a mirror that sends a byte now and then, or an apt that hangs.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from time import monotonic

from mlpctl.data.files import INSTALLED, Published, gunzipped, keep, offline, sha256_of, stored_files
from mlpctl.errors import DataError

SILENCE_SECONDS = 8.0
"""Seconds that all sources of a dataset together may be silent."""

CREDIT = 3
"""Most time that a sending source can earn, in its parts of PATIENCE: a drip ends within 24 s."""

RATE = 50_000.0
"""Bytes per second that a source must send to lose no time."""

TICK = 0.05
"""Seconds between two looks at what a source has sent."""


def fetch(published: Published, folder: Path | None = None) -> list[str]:
    """Return a line for each file, all of which are in the cache now.

    Args:
        published: the files.
        folder: folder with the files, .gz or not, the only place then; otherwise Debian's folder, then Debian's package
            through apt, then the mirrors.

    Raises:
        DataError: if a file is nowhere, or the cache cannot be written.
    """
    lines: dict[str, str] = {}
    local = folder.expanduser() if folder is not None else published.installed
    tried = [(str(place), _take(published, place, lines, str(place))) for place in (published.cache, local)]
    if folder is None:
        tried += _ask(published, lines)
    if len(lines) < len(published.sha256):
        raise DataError(_not_found(published, folder, tried[1:]))
    return [lines[name] for name in published.sha256]


def _ask(published: Published, lines: dict[str, str]) -> list[tuple[str, str | None]]:
    """Return the sources asked for the files without a line, apt and the mirrors, each with its problem."""
    if offline():
        return [("apt and mirrors", "not asked: offline")]
    tried: list[tuple[str, str | None]] = []
    sources, left = _sources(published), SILENCE_SECONDS
    for number, (name, fill) in enumerate(sources):
        missing = [file for file in published.sha256 if file not in lines]
        if not missing:
            break
        patience = Patience(left / (len(sources) - number))
        with TemporaryDirectory(prefix="mlpctl-") as temporary:
            filled, problem = fill(Path(temporary), missing, patience)
            wrong = _take(published, filled, lines, name)
        tried.append((name, problem or wrong))
        left -= patience.spent
    return tried


Fill = Callable[[Path, list[str], "Patience"], tuple[Path, str | None]]
"""(empty folder, files, seconds) -> (folder of the files in it, problem or None)."""


def _sources(published: Published) -> list[tuple[str, Fill]]:
    """Return the sources beyond this machine by name, in the order in which they are asked."""

    def mirror(address: str) -> Fill:
        def fill(folder: Path, files: list[str], patience: Patience) -> tuple[Path, str | None]:
            script = str(Path(__file__).with_name("download.py"))
            addresses = [f"{address}/{file}.gz" for file in files]
            return folder, patience.run([sys.executable, "-I", "-S", script, *addresses], folder)

        return fill

    def apt(folder: Path, _files: list[str], patience: Patience) -> tuple[Path, str | None]:
        return folder / INSTALLED / published.name, _unpack_package(f"dataset-{published.name}", folder, patience)

    has_apt = all(shutil.which(program) for program in ("apt-get", "dpkg-deb"))
    found: list[tuple[str, Fill]] = [("apt-get", apt)] if has_apt else []
    return found + [(address.split("/")[2], mirror(address)) for address in published.addresses()]


def _unpack_package(package: str, folder: Path, patience: "Patience") -> str | None:
    """Return the problem in downloading a Debian package with apt and unpacking it, None if there is none.

    It is never installed, not even as root: a command that trains must not change the system. Setting a machine up, or
    the user, may install it. Where the system's lists of packages are missing, as in a fresh container, or old, the
    folder gets lists of its own.
    """
    options = ["-q", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=3", "-o", "Acquire::https::Timeout=3"]
    own = ["-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    if patience.run(["apt-get", *options, "download", package], folder):
        patience.run(["apt-get", *options, *own, "update"], folder)  # one list of several may fail: not ours perhaps
        if problem := patience.run(["apt-get", *options, *own, "download", package], folder):
            return problem
    return patience.run(["dpkg-deb", "-x", *map(str, folder.glob(f"{package}_*.deb")), str(folder)], folder)


class Patience:
    """Seconds that one source may take; bytes that arrive add to them."""

    def __init__(self, seconds: float) -> None:
        """Start with all seconds."""
        self.given = self.left = seconds
        self.received = 0

    @property
    def spent(self) -> float:
        """Return the seconds that are used up."""
        return self.given - min(max(0.0, self.left), self.given)

    def wait(self, seconds: float, received: int) -> None:
        """Take off some seconds and add those that the received bytes are worth."""
        self.received += received
        self.left = min(CREDIT * self.given, self.left + received / RATE - seconds)

    def run(self, command: list[str], folder: Path) -> str | None:
        """Return the problem of a command that fills a folder in a few words, None if it succeeded."""
        if self.left <= 0:
            return self._given_up()
        with TemporaryFile() as said:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                env={**os.environ, "LC_ALL": "C"}, process_group=0,
            )  # fmt: skip
            try:
                before, size = monotonic(), _size(folder)
                while process.poll() is None and self.left > 0:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(TICK)
                    now, grown = monotonic(), _size(folder)
                    self.wait(now - before, max(0, grown - size))
                    before, size = now, grown
                if process.returncode is None:
                    return self._given_up()
            finally:
                with suppress(ProcessLookupError, PermissionError):  # nobody is left in it
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            said.seek(0)
            lines = said.read().decode(errors="replace").split("\n")
        return None if process.returncode == 0 else next((line for line in reversed(lines) if line), "failed")

    def _given_up(self) -> str:
        return "too slow" if self.received else "no answer"


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # it was renamed since
            total += path.lstat().st_size
    return total


def _take(published: Published, folder: Path, lines: dict[str, str], source: str) -> str | None:
    """Return the problem of a folder, after its files are kept in the cache with a line each.

    Raises:
        DataError: if the cache cannot be written.
    """
    problems = [] if folder.is_dir() else ["not there"]
    for file in (name for name in published.sha256 if name not in lines):
        found = {path: _hash(path) for path in stored_files(folder, file)}
        right = [path for path, hash_ in found.items() if hash_ == published.sha256[file]]
        if right:
            lines[file] = _keep(right[0], published.cache / file, source)
        else:
            problems += [f"wrong {path.name}: altered or truncated" for path in found] or [f"no {file}"]
    return problems[0] if problems else None


def _hash(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except DataError:  # damaged
        return None


def _keep(path: Path, target: Path, source: str) -> str:
    """Return the line about a file that is copied, gunzipped, to its target."""
    if path == target:
        return f"{target}: already there"
    with path.open("rb") as raw, gunzipped(raw) as stream:
        if not keep(target, iter(lambda: stream.read(1 << 20), b"")):
            raise DataError(f"cannot write {target}: make the folder writable, or set MLPCTL_DATA_DIR to another")
    return f"{target}: from {source}"


def _not_found(published: Published, folder: Path | None, tried: list[tuple[str, str | None]]) -> str:
    """Return the message that no source has the files: sources tried, files needed, command to type next."""
    groups = groupby(tried, key=lambda one: one[1])
    told = [f"{', '.join(name for name, _ in group)} ({problem})" for problem, group in groups]
    command = f"mlpctl data fetch {published.name} --from FOLDER"
    return "\n  ".join([
        f"{published.name} is not on this machine, and no source has it" if folder is None
        else f"{folder} does not have the files of {published.name}",
        f"tried: {', '.join(told)}",
        f"needed: {', '.join(published.sha256)}, each as it is or as .gz",
        f"copy them to {published.cache}, or type: {command}",
    ])  # fmt: skip
