"""Draw what PyTorch's tutorial on a bag of words draws after `torch.manual_seed(1)`, in its order.

`python -m mlpctl.textbook.bow_tutorial` writes the initial weights that `experiments/langid.toml` starts from.
Source: PyTorch tutorials, "Deep Learning with PyTorch". Its numbers hold for the CPU generator of torch 2.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

WORDS, LABELS = 26, 2

DRAWS = {
    "affine map of 5 inputs to 3 outputs, of 2 examples": "affine",
    "ReLU of 2 x 2 draws": "relu",
    "softmax of 5 draws": "softmax",
    "sum of that softmax": "sum",
    "log softmax of 5 draws": "log_softmax",
}
"""Fact by name -> name in `tutorial_draws`."""


@cache
def tutorial_draws() -> "dict[str, Tensor]":
    """Return the numbers that the tutorial prints before it trains, and the weights that it trains from.

    The generator of the caller goes on where it was.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        affine, inputs = torch.nn.Linear(5, 3), torch.randn(2, 5)
        square, vector = torch.randn(2, 2), torch.randn(5)
        bag = torch.nn.Linear(WORDS, LABELS)
    with torch.no_grad():
        return {
            "affine": affine(inputs),
            "relu": torch.relu(square),
            "softmax": torch.softmax(vector, dim=0),
            "sum": torch.softmax(vector, dim=0).sum(),
            "log_softmax": torch.log_softmax(vector, dim=0),
            "weight": bag.weight.detach().T.contiguous(),  # (words, labels), as mlpctl has it
            "bias": bag.bias.detach(),
        }


def draw(name: str) -> "NDArray[np.float64]":
    """Return the numbers of a fact of the tutorial (1, numbers), row by row as it prints them."""
    numbers: NDArray[np.float64] = tutorial_draws()[DRAWS[name]].double().numpy()
    return numbers.reshape(1, -1)


def write_initial_weights(path: Path) -> None:
    """Write the initial weights of the tutorial's network."""
    from safetensors.torch import save

    from mlpctl.system.files import replace_file

    drawn = tutorial_draws()
    replace_file(path, save({"0.weight": drawn["weight"], "0.bias": drawn["bias"]}))


if __name__ == "__main__":
    from mlpctl.runner.shipped_experiments import experiments_folder

    write_initial_weights(experiments_folder() / "langid.safetensors")
