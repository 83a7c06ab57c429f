"""Turn a spec into a network: open fields resolved, layers described, implementations to train it."""

from mlpctl.models.build import build_network
from mlpctl.models.network import Layer, Network
from mlpctl.models.resolution import resolve

__all__ = ["Layer", "Network", "build_network", "resolve"]
