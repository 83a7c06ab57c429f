"""Estimate the time that is left of a sweep, and write times."""

from mlpctl.runner.callbacks.progress import Progress


def seconds_left(progress: Progress, seconds: float) -> float | None:
    """Return how long the rest takes at the rate so far; None before the first trial."""
    if not progress.trained:
        return None
    return seconds / progress.trained * max(progress.total - progress.over, 0)


def clock(seconds: float) -> str:
    """Return seconds as 1:02:03, or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
