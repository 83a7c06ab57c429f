"""Build the network as nn.Sequential (d2l 5.2.2)."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from mlpctl.models.constants import BN_EPS, BN_MOMENTUM, SOFTPLUS_THRESHOLD
from mlpctl.models.learner import State
from mlpctl.models.torch_nn import KeyedDropout, Optimized, ProductLinear, SparseLinear, StepFunction

if TYPE_CHECKING:
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": partial(nn.Softplus, threshold=SOFTPLUS_THRESHOLD),
    "identity": nn.Identity,
    "step": StepFunction,
}


def concise(network: "Network", spec: "Spec", state: State, device: str) -> Optimized:
    """Return the learner of the implementation `concise`."""
    return Optimized(sequential(network), network, spec, state, device)


def sequential(network: "Network") -> nn.Sequential:
    """Return the network, a layer each of an affine map, normalization, activation and dropout."""
    return nn.Sequential(*(_layer(network, number) for number in range(len(network.layers))))


def _layer(network: "Network", number: int) -> nn.Sequential:
    layer = network.layers[number]
    affine = ProductLinear if layer.product else SparseLinear
    modules: OrderedDict[str, nn.Module] = OrderedDict(affine=affine(layer.inputs, layer.outputs, bias=layer.bias))
    if layer.batch_norm:
        modules["norm"] = nn.BatchNorm1d(layer.outputs, eps=BN_EPS, momentum=BN_MOMENTUM)
    modules["activation"] = ACTIVATIONS[layer.activation]()
    if layer.dropout:
        modules["dropout"] = KeyedDropout(layer.dropout, number)
    return nn.Sequential(modules)
