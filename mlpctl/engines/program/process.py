"""Run programs so that none outlives this process."""

import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from threading import Lock

GUARD = """
import os, signal, sys
alive = set()
for line in sys.stdin:
    (alive.add if line[0] == "+" else alive.discard)(int(line[1:]))
for pid in alive:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass
"""
"""Program of the guard. Its input ends when the process that holds the other end is gone, however that ended."""


class Guard:
    """Process that kills the programs that are left when this process ends, by whatever signal."""

    def __init__(self) -> None:
        """Start it, out of reach of a Ctrl-C."""
        command = [sys.executable, "-I", "-S", "-c", GUARD]
        self._process = Popen(command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)
        self._writing = Lock()

    def add(self, pid: int) -> None:
        """Guard a program, which leads a process group."""
        self._tell(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """Leave a program that has ended."""
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with self._writing, suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()

    def close(self) -> None:
        """Kill the programs that are left, and end."""
        assert self._process.stdin is not None
        with self._writing, suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


@dataclass
class Program:
    """Program that was started.

    Attributes:
        process: its process.
        guard: kills it if this process is gone.
    """

    process: "Popen[bytes]"
    guard: Guard

    def __post_init__(self) -> None:
        """Ask the system for word of its end, where it gives any."""
        self._end = os.pidfd_open(self.process.pid) if hasattr(os, "pidfd_open") else None

    @property
    def code(self) -> int:
        """Its exit code; below 0 the signal that ended it."""
        return int(self.process.returncode)

    def wait(self, seconds: float) -> bool:
        """Wait for its end, so many seconds at most; return whether it has ended."""
        if self._end is None:
            with suppress(TimeoutExpired):  # looks twenty times a second
                self.process.wait(seconds)
        else:
            poll = select.poll()
            poll.register(self._end, select.POLLIN)
            if poll.poll(ceil(seconds * 1000)):
                self.process.wait()
        if self.process.returncode is None:
            return False
        self.guard.remove(self.process.pid)
        if self._end is not None:
            os.close(self._end)
        return True

    def kill(self) -> None:
        """Kill it and what it has started, and wait for its end."""
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        while not self.wait(1.0):
            pass


def start(words: Sequence[str], output: Path, errors: Path, environment: Mapping[str, str], guard: Guard) -> Program:
    """Start a program.

    Args:
        words: program and arguments, as they are.
        output: file of its standard output.
        errors: file of its standard error.
        environment: variables.
        guard: kills it if this process is gone.

    Raises:
        OSError: if it cannot be started.
        ValueError: for a zero byte in a word.
    """
    with output.open("wb") as out, errors.open("wb") as err:
        process = Popen(words, stdin=DEVNULL, stdout=out, stderr=err, env=environment, start_new_session=True)
    guard.add(process.pid)
    return Program(process, guard)


def ending_of(code: int, errors: Path) -> str:
    """Return how a program failed, in a line: its exit code or signal, and its last words on standard error."""
    told = f"exit code {code}" if code > 0 else f"killed by {_signal_name(-code)}"
    words = last_line(errors)
    return f"{told}: {words}" if words else told


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_line(path: Path, most: int = 400) -> str:
    """Return the last line of a file that is not blank, cut to a number of characters; "" for none."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 16_384))
        lines = [line.strip() for line in stream.read().decode("utf-8", "replace").splitlines()]
    return next((line[:most] for line in reversed(lines) if line), "")
