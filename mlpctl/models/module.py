"""Build the network as an nn.Module with a forward pass of its own."""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from mlpctl.models.autograd import ACTIVATIONS
from mlpctl.models.constants import BN_EPS, BN_MOMENTUM
from mlpctl.models.learner import State
from mlpctl.models.torch_nn import KeyedDropout, Optimized, SparseLinear

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.spec import Spec


class DenseLayer(nn.Module):
    """Layer: an affine map, or two whose product is taken; normalization, activation, dropout."""

    def __init__(self, layer: "Layer", number: int) -> None:
        """Make the parts that the layer has."""
        super().__init__()
        self.layer = layer
        self.affine = SparseLinear(layer.inputs, layer.outputs, bias=layer.bias)
        self.second = SparseLinear(layer.inputs, layer.outputs, bias=layer.bias) if layer.product else None
        self.norm = nn.BatchNorm1d(layer.outputs, eps=BN_EPS, momentum=BN_MOMENTUM) if layer.batch_norm else None
        self.dropout = KeyedDropout(layer.dropout, number)

    def forward(self, X: Tensor) -> Tensor:
        """Return the layer's outputs (B, H)."""
        u = self.affine(X)
        if self.second is not None:
            u = u * self.second(X)
        if self.norm is not None:
            u = self.norm(u)
        return self.dropout(ACTIVATIONS[self.layer.activation](u))  # type: ignore[no-any-return]


class Stack(nn.Module):
    """Blocks, one after the other."""

    def __init__(self, network: "Network") -> None:
        """Make the blocks, named by their numbers."""
        super().__init__()
        self.depth = len(network.layers)
        for number, layer in enumerate(network.layers):
            self.add_module(str(number), DenseLayer(layer, number))

    def forward(self, X: Tensor) -> Tensor:
        """Return the outputs (B, C)."""
        for number in range(self.depth):
            X = self.get_submodule(str(number))(X)
        return X


def module(network: "Network", spec: "Spec", state: State, device: str) -> Optimized:
    """Return the learner of the implementation `module`."""
    return Optimized(Stack(network), network, spec, state, device)
