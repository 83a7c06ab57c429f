"""Draw initial weights, alike for every engine: from (seed, layer) alone, so equal seeds start equal networks."""

import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from mlpctl.errors import UsageError
from mlpctl.models.gates import gate_weights
from mlpctl.models.learner import State
from mlpctl.rng import normals, uniforms
from mlpctl.store.key import split_pin
from mlpctl.store.weights import weights_at

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.spec import Spec


Law = Literal["constant", "uniform", "normal", "orthogonal"]


def initial_weights(network: "Network", spec: "Spec", start: State | None = None) -> State:
    """Return the parameters and running statistics that a trial starts from, of the spec's dtype.

    Names are "LAYER.weight" (inputs, outputs), "LAYER.bias" (outputs,), and with batch normalization
    "LAYER.bn_weight", "LAYER.bn_bias", "LAYER.running_mean", "LAYER.running_var" (outputs,); layers count from 0.
    The second map of a product draws as the layer of that number behind the last one would.

    Sources: xavier: Glorot and Bengio 2010; kaiming: He et al. 2015, with the gain √2 of ReLU; orthogonal: Saxe et
    al. 2014; default: torch.nn.Linear, weights and biases uniform within ±1/√inputs.
    """
    if spec.model == "gate":
        return gate_weights(spec)
    weights = _drawn(network, spec)
    if spec.init_from is not None:
        given = weights_at(spec.init_from) if start is None else start
        for number in transferred_layers(network, given):
            for name in network.layers[number].shapes:
                weights[f"{number}.{name}"] = given[f"{number}.{name}"].astype(spec.dtype)  # a copy: it is trained
    return weights


def by_itself(spec: "Spec") -> bool:
    """Return whether a trial's weights do not follow from a law and random numbers alone, number by number."""
    return spec.init_from is not None or spec.init == "orthogonal" or spec.model == "gate"


def start_key(network: "Network", spec: "Spec") -> Hashable:
    """Return a key of the initial weights: trials with equal keys start from equal weights."""
    own = str(spec.data) if spec.model == "gate" else None
    return network.layers, own, spec.dtype, spec.init, spec.init_scale, spec.init_key, spec.init_from


def transferred_layers(network: "Network", given: Mapping[str, NDArray[Any]]) -> tuple[int, ...]:
    """Return the layers (from 0) for which trained weights have every array in the right shape."""
    return tuple(
        number
        for number, layer in enumerate(network.layers)
        if all(
            f"{number}.{name}" in given and given[f"{number}.{name}"].shape == shape
            for name, shape in layer.shapes.items()
        )
    )


def check_start(network: "Network", spec: "Spec") -> None:
    """Check that a network takes at least one layer of the weights it starts from.

    Raises:
        UsageError: if none fits, with the shapes of both.
        DataError: if the weights cannot be read.
    """
    assert spec.init_from is not None
    given = weights_at(spec.init_from)
    if not transferred_layers(network, given):
        needs = ", ".join(f"{layer.inputs}→{layer.outputs}" for layer in network.layers)
        has = ", ".join("→".join(map(str, array.shape)) for name, array in sorted(given.items()) if array.ndim == 2)
        raise UsageError(
            f"init_from {split_pin(spec.init_from)[0]} fits no layer: the network has layers {needs}, the weights "
            f"{has or 'are none of mlpctl'}; give the same widths, batch_norm and inputs"
        )


def start_note(network: "Network", spec: "Spec") -> str:
    """Return in one line which layers do not start from the trained weights; "" if all do, or none were asked for."""
    if spec.init_from is None:
        return ""
    kept = transferred_layers(network, weights_at(spec.init_from))
    anew = [number for number in range(len(network.layers)) if number not in kept]
    if not anew:
        return ""
    told = ", ".join(
        f"{number + 1} ({network.layers[number].inputs}→{network.layers[number].outputs})" for number in anew
    )
    layers = "layer" if len(anew) == 1 else "layers"
    return (
        f"{layers} {told} of {len(network.layers)} drawn anew: {split_pin(spec.init_from)[0]} has no weights of that "
        "shape there"
    )


def _drawn(network: "Network", spec: "Spec") -> State:
    weights: State = {}
    for number, layer in enumerate(network.layers):
        for stream, (weight, bias) in zip((number, len(network.layers) + number), layer.maps, strict=False):
            weights[f"{number}.{weight}"] = _weight(layer, spec, stream).astype(spec.dtype)
            if bias is not None:
                weights[f"{number}.{bias}"] = _bias(layer, spec, stream).astype(spec.dtype)
        if layer.batch_norm:
            for name, value in (("bn_weight", 1), ("bn_bias", 0), ("running_mean", 0), ("running_var", 1)):
                weights[f"{number}.{name}"] = np.full(layer.outputs, value, dtype=spec.dtype)
    return weights


def law(layer: "Layer", spec: "Spec") -> tuple[Law, float]:
    """Return the law of a layer's weights, and its bound, deviation, gain or value."""
    assert spec.init is not None
    if spec.init == "zeros":
        return "constant", 0.0
    if spec.init == "default":
        return "uniform", 1 / math.sqrt(layer.inputs)
    scale = 1.0 if spec.init_scale is None else spec.init_scale
    rule, _, kind = spec.init.rpartition("_")
    if rule:
        fan = layer.inputs + layer.outputs if rule == "xavier" else layer.inputs
        scale *= math.sqrt((6 if kind == "uniform" else 2) / fan)
    return cast(Law, kind), scale


def _weight(layer: "Layer", spec: "Spec", number: int) -> NDArray[np.float64]:
    shape = (layer.inputs, layer.outputs)
    kind, scale = law(layer, spec)
    if kind == "constant":
        return np.full(shape, scale)
    if kind == "uniform":
        u = uniforms(spec.init_key, "weight", math.prod(shape), layer=number)
        return _within(scale, u).reshape(shape)
    z = normals(spec.init_key, "weight", math.prod(shape), layer=number).reshape(shape)
    return scale * (orthogonal(z) if kind == "orthogonal" else z)


def bias_bound(layer: "Layer", spec: "Spec") -> float:
    """Return the bound of a layer's biases; 0 where they are 0."""
    return 1 / math.sqrt(layer.inputs) if spec.init == "default" else 0.0


def _bias(layer: "Layer", spec: "Spec", number: int) -> NDArray[np.float64]:
    bound = bias_bound(layer, spec)
    if not bound:
        return np.zeros(layer.outputs)
    return _within(bound, uniforms(spec.init_key, "bias", layer.outputs, layer=number))


def _within(bound: float, u: NDArray[np.float64]) -> NDArray[np.float64]:
    return bound * (2.0 * u - 1.0)


def orthogonal(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the orthonormal factor of a normal matrix, its signs fixed so that it is uniform over such matrices."""
    tall = z if z.shape[0] >= z.shape[1] else z.T
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if tall is z else np.ascontiguousarray(q.T)
