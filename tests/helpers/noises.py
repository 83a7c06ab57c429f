"""Made-up machines: by which factor each of n runs, one after the other, takes longer than on a quiet one."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Noise = Callable[[int, np.random.Generator], NDArray[np.float64]]


def lognormal(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return what a quiet machine does: each run by itself."""
    return np.exp(0.04 * rng.normal(size=n))


def heavy(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return mostly quiet runs, and far outliers."""
    return np.asarray(np.exp(0.03 * np.abs(rng.standard_t(1.5, size=n)).clip(max=60)))


def switching(n: int, rng: np.random.Generator, stay: float, levels: tuple[float, ...]) -> NDArray[np.float64]:
    """Return a level per run that is kept with probability `stay`, else drawn anew."""
    drawn = np.flatnonzero(np.r_[True, rng.random(n - 1) > stay])
    chosen = rng.choice(levels, size=len(drawn))
    return np.repeat(chosen, np.diff(np.r_[drawn, n]))


def bursts(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return other programs that take half the processor for 20 runs at a time."""
    return lognormal(n, rng) * switching(n, rng, 0.95, (1.0, 1.0, 1.9))


def drifts(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a machine that gets hot: 40 % slower in the end."""
    return lognormal(n, rng) * np.linspace(1.0, 1.4, n)


def steps(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a clock that changes its frequency every 50 runs."""
    return lognormal(n, rng) * switching(n, rng, 0.98, (1.0, 1.15, 1.35))


def walk(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a load that comes and goes slowly."""
    return lognormal(n, rng) * np.exp(np.cumsum(0.01 * rng.normal(size=n)))


def crowded(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return all of it at once."""
    return bursts(n, rng) * steps(n, rng) * (1 + 2.0 * (rng.random(n) < 0.05))


NOISES: tuple[Noise, ...] = (lognormal, heavy, bursts, drifts, steps, walk, crowded)
