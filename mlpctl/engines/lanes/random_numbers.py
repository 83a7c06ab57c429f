"""Draw the shared random numbers on a device, for many seeds at once: the same words as `mlpctl.rng`."""

import math
from typing import TYPE_CHECKING

import torch

from mlpctl.rng import MASK, Purpose, philox, purpose_number

if TYPE_CHECKING:
    from torch import Tensor

INDEX_BITS = 31
"""A word and a position are one int64 to sort by: 32 bits above 31."""


def place(device: torch.device) -> torch.device:
    """Return where numbers for a device are drawn: there, but for MPS, which has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def words(
    seeds: "Tensor", purpose: Purpose, n: int, *, epoch: "Tensor | int" = 0, layer: int = 0, extra: "Tensor | int" = 0
) -> "Tensor":
    """Return (S, n) random words of 32 bits, a row per seed.

    Args:
        seeds: (S,) int64, where the numbers are drawn.
        purpose: purpose of the numbers.
        n: words per seed.
        epoch: one, or (S,).
        layer: of the network.
        extra: the rest of the counter; a step as a tensor (1,), so that nothing waits for the device.
    """
    block = torch.arange((n + 3) // 4, device=seeds.device)[None, :]  # (1, blocks)
    one = torch.ones_like(seeds)[:, None]  # (S, 1)
    stream = (purpose_number(purpose) << 16) | layer
    by_seed = epoch[:, None] if isinstance(epoch, torch.Tensor) else epoch * one
    key = seeds[:, None]
    four = philox(block * one, by_seed, one * stream, one * extra, key & MASK, (key >> 32) & MASK)
    drawn: Tensor = torch.stack(four, dim=2).reshape(len(seeds), -1)[:, :n]
    return drawn


def uniforms(seeds: "Tensor", purpose: Purpose, n: int, *, layer: int = 0) -> "Tensor":
    """Return (S, n) numbers in [0, 1), float64, to the bit those of `mlpctl.rng.uniforms`."""
    pairs = words(seeds, purpose, 2 * n, layer=layer)
    high, low = pairs[:, 0::2] >> 5, pairs[:, 1::2] >> 6
    return (high.double() * 67108864.0 + low.double()) / 9007199254740992.0


def normals(seeds: "Tensor", purpose: Purpose, n: int, *, layer: int = 0) -> "Tensor":
    """Return (S, n) standard normal numbers, float64, those of `mlpctl.rng.normals` but for rounding."""
    u = uniforms(seeds, purpose, n + n % 2, layer=layer)
    radius = torch.sqrt(-2.0 * torch.log(1.0 - u[:, 0::2]))
    angle = 2.0 * math.pi * u[:, 1::2]
    pairs = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=2)  # (S, n/2, 2)
    return pairs.reshape(len(seeds), -1)[:, :n]


def orders(seeds: "Tensor", epochs: "Tensor", n: int) -> "Tensor":
    """Return (S, n): the order of the training part in an epoch of each seed, as `data.minibatches.order` has it."""
    keys = (words(seeds, "order", n, epoch=epochs) << INDEX_BITS) | torch.arange(n, device=seeds.device)
    return torch.sort(keys, dim=1).values & ((1 << INDEX_BITS) - 1)
