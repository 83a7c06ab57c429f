"""Step 4: from a spec to a network of dense layers, and its twins in torch."""

from mlpctl.models.network import Layer, Network, build
from mlpctl.models.resolution import resolve

__all__ = ["Layer", "Network", "build", "resolve"]
