"""Random numbers against published answers and against their own definition."""

import numpy as np
import pytest

from mlpctl.rng import normals, permutation, philox, uniforms, words

KNOWN = [  # the known-answer tests that Random123 ships for philox4x32, 10 rounds
    ((0, 0, 0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 6, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "expected"), KNOWN)
def test_philox_gives_the_published_answers(counter: tuple[int, ...], expected: tuple[int, ...]) -> None:
    arrays = [np.array([number], dtype=np.uint64) for number in counter]
    assert tuple(int(word[0]) for word in philox(*arrays)) == expected


def test_philox_is_the_same_in_signed_torch_integers() -> None:
    import torch

    for counter, expected in KNOWN:
        tensors = [torch.tensor([number], dtype=torch.int64) for number in counter]
        assert tuple(int(word) for word in philox(*tensors)) == expected


def test_shorter_draws_are_prefixes_and_streams_differ() -> None:
    long = words(7, "weight", 1001, layer=2)
    assert (words(7, "weight", 10, layer=2) == long[:10]).all()
    others = [words(8, "weight", 1001, layer=2), words(7, "bias", 1001, layer=2), words(7, "weight", 1001, layer=1)]
    others += [words(7, "weight", 1001, layer=2, epoch=1), words(7, "weight", 1001, layer=2, extra=1)]
    others += [words(7 + 2**32, "weight", 1001, layer=2)]
    for other in others:
        assert (other != long).mean() > 0.99


def test_distributions() -> None:
    from scipy import stats

    u = uniforms(0, "weight", 100_000)
    assert ((u >= 0) & (u < 1)).all()
    assert stats.kstest(u, "uniform").pvalue > 0.001
    assert stats.kstest(normals(0, "weight", 100_001), "norm").pvalue > 0.001


def test_a_permutation_is_one_and_every_position_is_as_likely() -> None:
    for n in (1, 2, 5, 1000):
        assert (np.sort(permutation(3, "order", n)) == np.arange(n)).all()
    firsts = [int(permutation(seed, "order", 4)[0]) for seed in range(4000)]
    counts = np.bincount(firsts, minlength=4)
    assert (abs(counts - 1000) < 130).all()  # 4.7 standard deviations
