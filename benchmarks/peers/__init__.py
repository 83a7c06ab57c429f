"""One script a contestant: `python -m benchmarks.peers.NAME WORK` prints what it measured as a line of JSON."""

import json
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.works import WORKS, Work


def run(contest: Callable[[Work, str], dict[str, Any]]) -> None:
    """Run a contestant on the work that the command line names, and print the result."""
    work, variant = WORKS[sys.argv[1]], sys.argv[2] if len(sys.argv) > 2 else ""
    print(json.dumps(contest(work, variant)))
