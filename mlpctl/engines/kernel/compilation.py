"""Compile the kernel: once on a machine, by one process at a time, waited for or in the background.

The process is detached: it has no terminal, and outlives the command that started it. It holds a lock that ends with
it, and writes each function's file in one go, so a killed one leaves nothing that is in the way.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mlpctl.engines.kernel.cache import file_of, kernel_folder, missing, own_folder
from mlpctl.errors import DeviceError, UsageError
from mlpctl.system.files import cache_folder

MODES = ("now", "background", "never")
"""Values of MLPCTL_COMPILE: always wait for the compiler; wait where that is faster than torch; do without."""

COMPILE_SECONDS = 10.0
"""Seconds to compile for a type of inputs, on one core."""

TO_START = 10.0
"""Seconds that a process may take until it holds the lock."""

TRIES = 4
"""Starts without an end, after which a machine is taken to be one that cannot compile."""

BACKGROUND = 10
"""Niceness of a compiler that nobody waits for."""

STARTED, COMPILES = "started", "compiles"
"""Lines of the log: a process was started, and holds the lock."""


def compile_mode() -> str:
    """Return what MLPCTL_COMPILE asks for.

    Raises:
        UsageError: if it is none of MODES.
    """
    mode = os.environ.get("MLPCTL_COMPILE") or "background"
    if mode not in MODES:
        raise UsageError(f"MLPCTL_COMPILE must be one of {', '.join(MODES)}, got '{mode}'")
    return mode


def _is_writable(folder: Path) -> bool:
    return os.access(next(path for path in (folder, *folder.absolute().parents) if path.exists()), os.W_OK)


def is_compiling() -> bool:
    """Return whether a process compiles on this machine, or is about to."""
    from filelock import FileLock, Timeout

    log = _log()
    if log and log[-1] == STARTED and time.time() - _log_file().stat().st_mtime < TO_START:
        return True
    if not lock_file().exists():
        return False
    try:
        with FileLock(lock_file(), timeout=0):
            return False
    except Timeout:
        return True


def compile_seconds_left() -> float:
    """Return about how long the compiler will take that runs or would be started; late ones take a quarter more."""
    spent = 0.0
    if is_compiling():
        with suppress(OSError):
            spent = max(0.0, time.time() - _log_file().stat().st_mtime)
    return max(COMPILE_SECONDS - spent, spent / 4)


def failure(names: Sequence[str]) -> str:
    """Return why one of some functions could not be compiled, in a line; "" if nothing is known against it."""
    for name in names:
        with suppress(OSError):
            return failure_file(name).read_text()
    if not _is_writable(kernel_folder()):
        return f"{kernel_folder()} cannot be written: set MLPCTL_DATA_DIR to a folder that can"
    log = _log()
    said = [line for line in log if line.strip() and line not in (STARTED, COMPILES)]
    if is_compiling() or not (said or log.count(STARTED) >= TRIES):
        return ""
    return said[-1] if said else f"its process ended {TRIES} times before it was done"


def begin(names: Sequence[str], *, nice: int = 0) -> None:
    """Start the process that compiles some functions, if none compiles.

    Args:
        names: of the functions.
        nice: its niceness, see nice(2).

    Raises:
        DeviceError: if the cache cannot be written.
    """
    if is_compiling():
        return
    search = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    command = [sys.executable, "-P", "-m", "mlpctl.engines.kernel.building", str(nice), *names]
    environment = {**os.environ, "PYTHONPATH": search, "MLPCTL_DATA_DIR": str(cache_folder().absolute())}
    try:
        own_folder(_log_file().parent)
        with _log_file().open("a") as log:
            print(STARTED, file=log, flush=True)
            if sys.platform == "win32":
                flags = subprocess.DETACHED_PROCESS
                subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=log, creationflags=flags)
            else:  # the shell ends at once, so that nobody has to wait for its child
                subprocess.run(
                    ["/bin/sh", "-c", '"$@" &', "sh", *command], env=environment, stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=log, cwd="/", start_new_session=True, check=True,
                )  # fmt: skip
    except OSError as error:
        raise DeviceError(_cannot(str(error))) from error


def finish(names: Sequence[str]) -> None:
    """Compile what is missing of some functions and wait for it, also where that has failed before.

    Raises:
        DeviceError: if it fails.
    """
    names = missing(names)
    forget(names)
    while names:
        begin(names)
        time.sleep(0.05)
        if why := failure(names):
            raise DeviceError(_cannot(why))
        names = missing(names)


def _cannot(why: str) -> str:
    return f"the training loop cannot be compiled: {why}; --engine reference trains without it"


def forget(names: Sequence[str]) -> None:
    """Forget what is known against some functions."""
    for path in (*map(failure_file, names), *([] if is_compiling() else [_log_file()])):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def first_time(note: str) -> bool:
    """Return whether a note was never given before on this machine, by this version of the kernel."""
    told = file_of(f"told-{hashlib.sha256(note.encode()).hexdigest()[:12]}", "note")
    try:
        own_folder(told.parent)
        told.open("x").close()
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def lock_file() -> Path:
    """Return the file that the process that compiles has locked."""
    return file_of("compiling", "lock")


def failure_file(name: str) -> Path:
    """Return the file that says why a function could not be compiled."""
    return file_of(name, "failed")


def _log_file() -> Path:
    return file_of("compiling", "log")


def _log() -> list[str]:
    """Return what processes that compiled have left: a line STARTED each, and what ended them."""
    try:
        return _log_file().read_text(errors="replace").splitlines()
    except OSError:
        return []


def done() -> None:
    """Remove what a process has left that came to its end."""
    _log_file().unlink(missing_ok=True)
