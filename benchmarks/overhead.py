"""What a trial costs beside its arithmetic: search, store and report of progress."""

import subprocess
import sys
import tempfile
import time

OVERHEAD = (
    "import resource, sys; sys.argv = ['mlpctl', 'sweep', '--dataset', 'gates', '--epochs', '1', '-q', "
    "'--select-on', 'train', '--engine', 'kernel', '--jobs', '1', '--axis', 'lr=lin:0.1:1:' + sys.argv[1]]\n"
    "from mlpctl.cli import main\ntry:\n    main()\nfinally:\n"
    "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
)


def overhead(few: int, many: int) -> tuple[float, float]:
    """Return (seconds a further trial costs, MiB that memory grows) between sweeps of few and of many tiny trials."""
    times, peaks = [], []
    for trials in (few, many):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", OVERHEAD, str(trials)], cwd=folder, check=True, capture_output=True, text=True
            )
            times.append(time.perf_counter() - started)
            peaks.append(int(done.stderr.splitlines()[-1]) / 1024)
    return (times[1] - times[0]) / (many - few), peaks[1] - peaks[0]
