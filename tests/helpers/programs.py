"""Run exported programs where neither mlpctl nor another framework can be imported, and read their curves."""

import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from mlpctl.engines.reference import ENGINE
from mlpctl.export.formats import Framework
from mlpctl.runner.trial import Trial

Curve = list[tuple[int, dict[str, float]]]
"""Epoch and scores by column."""

FORBIDDEN: dict[Framework, tuple[str, ...]] = {"numpy": ("mlpctl", "scipy", "torch"), "pytorch": ("mlpctl", "scipy")}

RUNNER = """
import contextlib, io, json, runpy, sys
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None  # an import of it fails
printed = []
for path in sys.argv[2:]:
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        runpy.run_path(path, run_name="__main__")
    printed.append(stream.getvalue())
print(json.dumps(printed))
"""


def curves_printed(framework: Framework, paths: Iterable[Path]) -> list[Curve]:
    """Return the curve that each program prints, all run in one fresh process."""
    command = [sys.executable, "-I", "-c", RUNNER, json.dumps(FORBIDDEN[framework]), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [[_epoch(line) for line in text.splitlines()] for text in json.loads(done.stdout)]


def _epoch(line: str) -> tuple[int, dict[str, float]]:
    _, epoch, *cells = line.split()
    return int(epoch), dict(zip(cells[::2], map(float, cells[1::2]), strict=True))


@cache
def curve_trained(trial: Trial) -> Curve:
    """Return the curve of a trial as the reference engine trains it."""
    session = ENGINE.open("cpu", 1, 1)
    assert trial.spec.epochs is not None
    events = list(session.advance([trial.work(test_at=frozenset({trial.spec.epochs}))]))
    session.close()
    return [(event.epoch, event.scores) for event in events]
