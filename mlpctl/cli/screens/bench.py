"""Show the progress of a benchmark, and end it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

from mlpctl.bench.sampling import Measurement
from mlpctl.errors import Interrupted


@contextmanager
def sampling_progress(what: str, max_seconds: float | None, quiet: bool) -> Iterator[Callable[[Measurement], None]]:
    """Yield what a sampling tells how far it is: a line on stderr that changes, on a terminal alone."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    with console.status(f"{what}: warming up") as status:

        def note(measured: Measurement) -> None:
            groups = list(measured.groups.values())
            rounds, open_ = sum(len(group.rounds) for group in groups), sum(not group.decided for group in groups)
            of = "" if max_seconds is None else f" of at most {max_seconds:.0f}"
            status.update(f"{what}: {rounds} rounds, {open_} of {len(groups)} groups open, "
                          f"{measured.seconds:.0f}{of} s; Ctrl-C keeps what there is")  # fmt: skip

        yield note


def print_notes(notes: Sequence[str], quiet: bool) -> None:
    """Say on stderr what people should know of results that machines read."""
    console = Console(stderr=True, highlight=False)
    for note in () if quiet else notes:
        console.print(note, markup=False, soft_wrap=True)


def end(measured: Measurement) -> None:
    """Say that a benchmark was interrupted, after its results were written.

    Raises:
        Interrupted: if it was.
    """
    if measured.interrupted:
        least = min((len(samples.times()) for samples in measured.groups.values()), default=0)
        raise Interrupted(f"interrupted; what was measured is written, {least} runs of each workload at least")
