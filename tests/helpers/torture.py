"""Commands that are killed, and sweeps on a full disk: run again, they end with what an undisturbed one leaves.

The suite runs a few of them; `make torture` (`python -m tests.helpers.torture`) fifty, ten and forty.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlpctl.store.maintenance.check import check_contents
from mlpctl.store.results import load

TIMES = ["seconds", "group_seconds", "started", "jobs", "environment", "folder"]
"""Columns of trials.csv that differ from run to run; of epochs.csv it is the first."""

EXPERIMENTS: dict[str, tuple[str, ...]] = {
    "grid": (
        "--dataset", "iris", "--axis", "lr=log:1e-3:1:12", "--axis", "hidden_units=4,8,16", "--seeds", "2",
        "--epochs", "30",
    ),
    "failing": (
        "--dataset", "iris", "--set", "batch_norm=all", "--widths", "6", "--axis", "batch_size=1,8",
        "--axis", "lr=log:1e-3:1e12:20", "--axis", "epochs=2,5,9", "--keep-going",
    ),
    "halving": (
        "--dataset", "wine", "--search", "halving", "--trials", "27", "--axis", "lr=log:1e-4:1", "--epochs", "27",
        "--seeds", "2",
    ),
    "saving": (
        "--dataset", "gates", "--data", "gate=xor", "--hidden-units", "3", "--axis", "lr=lin:0.1:1:60",
        "--epochs", "20", "--select-on", "train", "--save",
    ),
}  # fmt: skip
"""Trials that end well and fail, that share runs, that continue each other, that leave weights."""

SECONDS_OF_A_COMMAND = 1.2
"""About how long a command on a small results folder takes, start included."""

MLPCTL = (sys.executable, "-m", "mlpctl")

DONE = (0, 3)
"""Exit codes of a sweep that came to its end."""


@dataclass(frozen=True)
class Whole:
    """A sweep that nothing happened to.

    Attributes:
        name: of the experiment.
        folder: of its results.
        seconds: that it took.
        rows: of trials.csv.
    """

    name: str
    folder: Path
    seconds: float
    rows: int


def command(name: str, folder: str) -> list[str]:
    """Return the command of an experiment into a results folder."""
    return [*MLPCTL, "sweep", *EXPERIMENTS[name], "-q", "--name", folder]


def sweep(name: str, folder: str, place: Path) -> None:
    """Run an experiment to its end."""
    done = subprocess.run(command(name, folder), cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode in DONE, done.stderr


def undisturbed(name: str, place: Path) -> Whole:
    """Return a sweep that is run to its end."""
    started = time.monotonic()
    sweep(name, f"{name}-whole", place)
    folder = place / "results" / f"{name}-whole"
    return Whole(name, folder, time.monotonic() - started, rows_of(folder))


def rows_of(folder: Path) -> int:
    """Return the number of whole lines of trials.csv but for the first."""
    path = folder / "trials.csv"
    return max(path.read_bytes().count(b"\n") - 1, 0) if path.is_file() else 0


def killed(whole: Whole, place: Path, seed: int) -> None:
    """Kill a sweep up to three times, at moments that a seed draws; finish it, and check that nothing is seen of it.

    A moment is a number of rows in the store, or, to meet the start too, a time. Now and then the last row is torn.
    """
    draw = random.Random(f"{whole.name} {seed}")
    folder = place / "results" / f"{whole.name}-killed-{seed}"
    for _ in range(draw.randint(1, 3)):
        late, seconds = int(draw.uniform(-0.3, 1.0) * whole.rows), draw.uniform(0.0, whole.seconds)
        process = subprocess.Popen(
            command(whole.name, folder.name), cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        started = time.monotonic()
        while process.poll() is None:
            if (time.monotonic() - started > seconds) if late < 0 else (rows_of(folder) > late):
                break
            time.sleep(0.001)
        process.kill()
        process.wait()
        if draw.random() < 0.3 and rows_of(folder):
            trials = folder / "trials.csv"
            os.truncate(trials, trials.stat().st_size - draw.randint(1, 100))
    sweep(whole.name, folder.name, place)
    check_same(whole.folder, folder)


def full_disk(whole: Whole, place: Path, seed: int) -> None:
    """Run a sweep with room for a part of its files alone, drawn by a seed; finish it with more, and check the same.

    A limit on the size of a file cuts a write short as a full disk does.
    """
    draw = random.Random(f"{whole.name} {seed}")
    folder = place / "results" / f"{whole.name}-full-{seed}"
    largest = max(path.stat().st_size for path in whole.folder.iterdir() if path.is_file())
    room = draw.randint(0, largest - 1)
    done = subprocess.run(
        command(whole.name, folder.name), cwd=place, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )  # fmt: skip
    assert done.returncode == 4, (room, done.returncode, done.stderr)
    assert done.stderr.splitlines()[-1].startswith("error: cannot write"), done.stderr
    sweep(whole.name, folder.name, place)
    check_same(whole.folder, folder)


def merged_while_killed(whole: Whole, place: Path, seed: int) -> None:
    """Kill a merge of two parts of a sweep; merged again, they are the whole."""
    parts = [place / "results" / f"{whole.name}-{number}-of-2" for number in (1, 2)]
    for number, part in enumerate(parts, start=1):
        if not part.exists():
            shard = [*command(whole.name, whole.name), "--shard", f"{number}/2"]
            assert subprocess.run(shard, cwd=place, capture_output=True, check=False).returncode in DONE
    out = place / "results" / f"{whole.name}-merged-{seed}"
    kill_and_repeat(["results", "merge", *map(str, parts), "--output", str(out)], place, seed)
    check_same(whole.folder, out)


def repaired_while_killed(whole: Whole, place: Path, seed: int) -> None:
    """Kill a repair of a damaged folder; repaired again, the same sweep finishes it."""
    draw = random.Random(f"{whole.name} {seed}")
    folder = place / "results" / f"{whole.name}-repaired-{seed}"
    shutil.copytree(whole.folder, folder)
    for name in ("trials.csv", "epochs.csv"):
        lines = (folder / name).read_bytes().splitlines(keepends=True)
        for number in draw.sample(range(1, len(lines)), 5):
            place_in_line = draw.randrange(len(lines[number]) - 1)
            damaged = bytearray(lines[number])
            damaged[place_in_line] ^= 1 << draw.randrange(7)
            lines[number] = bytes(damaged).replace(b"\n", b"") + b"\n"
        (folder / name).write_bytes(b"".join(lines))
    kill_and_repeat(["results", "repair", str(folder)], place, seed)
    assert not check_contents(folder).problems
    sweep(whole.name, folder.name, place)
    check_same(whole.folder, folder)


def exported_while_killed(whole: Whole, place: Path, seed: int) -> None:
    """Kill an export; each file is whole or is not there, and the folder is as it was."""
    out = place / f"{whole.name}-exported-{seed}"
    before = {path.name: path.read_bytes() for path in whole.folder.iterdir() if path.is_file()}
    arguments = ["results", "export", str(whole.folder), "--output", str(out), "--format", "parquet"]
    kill_and_repeat(arguments, place, seed, lambda: [pd.read_parquet(path) for path in out.glob("*.parquet")])
    assert len(pd.read_parquet(out / "trials.parquet")) == whole.rows
    assert {path.name: path.read_bytes() for path in whole.folder.iterdir() if path.is_file()} == before


def page_while_killed(whole: Whole, place: Path, seed: int) -> None:
    """Kill a report that writes a page over an older one; the page is the old or the new one, whole."""
    page = place / f"{whole.name}-{seed}.html"
    page.write_text("old</html>\n")

    def is_whole() -> None:
        assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")

    kill_and_repeat(["report", str(whole.folder), "--html", str(page)], place, seed, is_whole)
    assert "old" not in page.read_text(encoding="utf-8")[:10]
    assert not [path for path in place.iterdir() if path.name.startswith(".")]


def kill_and_repeat(
    arguments: Sequence[str], place: Path, seed: int, look: Callable[[], object] = lambda: None
) -> None:
    """Run a command three times, killed twice at moments that a seed draws, then to its end.

    Args:
        arguments: of mlpctl.
        place: working folder.
        seed: of the moments.
        look: called after each run, to see that what is there is whole.
    """
    draw = random.Random(f"{arguments} {seed}")
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "mlpctl", *arguments],
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.1, SECONDS_OF_A_COMMAND))
        process.kill()
        process.wait()
        look()
    done = subprocess.run([*MLPCTL, *arguments], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    look()


MAINTENANCE = (merged_while_killed, repaired_while_killed, exported_while_killed, page_while_killed)


def check_same(whole: Path, other: Path) -> None:
    """Check that a results folder has the tables of another, each row once, and nothing damaged or left over."""
    for kind, keys in (("trials", ["key"]), ("epochs", ["key", "epoch"])):
        tables = [getattr(load(folder), kind).sort_values(keys, ignore_index=True) for folder in (whole, other)]
        pd.testing.assert_frame_equal(*(table.drop(columns=TIMES, errors="ignore") for table in tables))
    found = check_contents(other)
    assert not found.problems, found.problems
    assert not found.replaced
    weights = [sorted(path.name for path in folder.glob("weights/*")) for folder in (whole, other)]
    assert weights[0] == weights[1]


def main(kills: int = 50, full: int = 10, commands: int = 40) -> None:
    """Run as many sweeps of either kind."""
    names: Sequence[str] = list(EXPERIMENTS)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        wholes = [undisturbed(name, place) for name in names]
        for what, count, torment in (("killed", kills, killed), ("on a full disk", full, full_disk)):
            for seed in range(count):
                torment(wholes[seed % len(wholes)], place, seed)
                print(f"{seed + 1} of {count} sweeps {what}: nothing lost, nothing twice", flush=True)
        grids = [whole for whole in wholes if whole.name != "halving"]  # which has no shards
        for seed in range(commands):
            torment = MAINTENANCE[seed % len(MAINTENANCE)]
            torment(grids[seed // len(MAINTENANCE) % len(grids)], place, seed)
            print(f"{seed + 1} of {commands} other commands killed: {torment.__name__}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
