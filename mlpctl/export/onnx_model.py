"""Write a trained network as an ONNX model: raw inputs in, probabilities and class or numbers out."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.prepare import fill_values, fitted_scaling, prepare
from mlpctl.errors import UsageError
from mlpctl.models.constants import BN_EPS, LEAKY_SLOPE

if TYPE_CHECKING:
    from mlpctl.models.network import Layer
    from mlpctl.runner.trial import Trial
    from mlpctl.store.weights import Weights

OPSET, IR_VERSION = 20, 10
"""Version of the operators, the first that has Gelu, and of the file format that runtimes of the same year read."""

OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}), "sigmoid": ("Sigmoid", {}), "tanh": ("Tanh", {}), "elu": ("Elu", {}), "gelu": ("Gelu", {}),
    "softplus": ("Softplus", {}), "leaky_relu": ("LeakyRelu", {"alpha": LEAKY_SLOPE}),
}  # fmt: skip
"""Activations that are one operator."""


def onnx_model(trial: "Trial", weights: "Weights") -> bytes:
    """Return the content of an ONNX file of a trial's network.

    Its input `inputs` (N, D) is as the dataset has it, before scaling: pixels from 0 to 255, counts of words, a table's
    columns with 0 and 1 for each word. Its outputs are `probabilities` (N, K) and `class` (N,); `scores` (N, C) and
    `class` where the loss knows no probabilities; or `predictions` (N, M) in the targets' own units. Names of inputs
    and classes are in its metadata.

    Args:
        trial: that was trained.
        weights: trained weights and running statistics by name.

    Raises:
        UsageError: where onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise UsageError("--to onnx needs onnx: pip install 'mlpctl[onnx]'") from None
    graph = _Graph(np.dtype(trial.spec.dtype))
    x = _scaled(graph, trial)
    for number, layer in enumerate(trial.network.layers):
        x = _layer(graph, x, layer, {name: weights[f"{number}.{name}"] for name in layer.shapes})
    outputs = _outputs(graph, x, trial)
    number_type = onnx.helper.np_dtype_to_tensor_dtype(graph.dtype)
    types = {"class": (onnx.TensorProto.INT64, ["N"])}
    values = onnx.helper.make_tensor_value_info
    told = [values(name, *types.get(name, (number_type, ["N", width]))) for name, width in outputs]
    inputs = values("inputs", number_type, ["N", trial.dataset.X.shape[1]])
    model = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, "mlpctl", [inputs], told, graph.constants),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mlpctl",
    )
    dataset = trial.dataset
    about = {"trial": trial.key, "dataset": dataset.name, "features": "\n".join(dataset.features)}
    about |= {"classes": "\n".join(dataset.classes), "targets": "\n".join(dataset.targets)}
    onnx.helper.set_model_props(model, {name: text for name, text in about.items() if text})
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


class _Graph:
    """Nodes and constants of a model; names are drawn as they are needed."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        """Add an array, and return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def number(self, values: Any) -> str:
        """Add numbers of the model's type, and return their name."""
        return self.constant(np.asarray(values, self.dtype))

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        from onnx import helper

        output = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output


def _scaled(graph: _Graph, trial: "Trial") -> str:
    """Add what the training did to the inputs: filled, chosen and scaled by what the training part has."""
    dataset, x = trial.dataset, "inputs"
    train = prepare(dataset, trial.spec).parts["train"]
    if dataset.impute:
        x = graph.add("Where", graph.add("IsNaN", x), graph.number(fill_values(dataset, train)), x)
    assert trial.spec.scaling is not None
    kept, low, spread = fitted_scaling(dataset, trial.spec.scaling, train)
    if len(kept) < dataset.X.shape[1]:
        x = graph.add("Gather", x, graph.constant(kept), axis=1)
    if trial.spec.scaling == "none":
        return x
    return graph.add("Div", graph.add("Sub", x, graph.number(low)), graph.number(spread))


def _layer(graph: _Graph, x: str, layer: "Layer", own: dict[str, NDArray[Any]]) -> str:
    """Add a layer as it is after training: without dropout, normalized by its running statistics."""
    maps = [
        graph.add("Gemm", x, graph.number(own[weight]), *([graph.number(own[bias])] if bias else []))
        for weight, bias in layer.maps
    ]
    x = graph.add("Mul", *maps) if layer.product else maps[0]
    if layer.batch_norm:
        statistics = ("bn_weight", "bn_bias", "running_mean", "running_var")
        x = graph.add("BatchNormalization", x, *(graph.number(own[name]) for name in statistics), epsilon=BN_EPS)
    match layer.activation:
        case "identity":
            return x
        case "silu":
            return graph.add("Mul", x, graph.add("Sigmoid", x))
        case "step":
            return graph.add("Where", graph.add("Greater", x, graph.number(0)), graph.number(1), graph.number(0))
        case name:
            operator, attributes = OPERATORS[name]
            return graph.add(operator, x, **attributes)


def _outputs(graph: _Graph, x: str, trial: "Trial") -> list[tuple[str, int]]:
    """Add what is told of the outputs (N, C) of the last layer, and return the name and the width of each."""
    network = trial.network
    if not network.n_classes:
        if network.target_spread:
            x = graph.add("Mul", x, graph.number(network.target_spread))
            x = graph.add("Add", x, graph.number(network.target_mean))
        graph.add("Identity", x, name="predictions")
        return [("predictions", network.n_outputs)]
    if network.n_outputs == 1:
        is_one = graph.add("Greater", x, graph.number(network.threshold))
        graph.add("Squeeze", graph.add("Cast", is_one, to=7), graph.constant(np.array([1])), name="class")
    else:
        graph.add("ArgMax", x, axis=1, keepdims=0, name="class")
    if network.loss in ("cross_entropy", "nll"):
        graph.add("Softmax", x, axis=1, name="probabilities")
    elif network.loss == "bce" and network.n_outputs > 1:
        graph.add("Sigmoid", x, name="probabilities")
    elif network.loss == "bce":
        one = graph.add("Sigmoid", x)
        graph.add("Concat", graph.add("Sub", graph.number(1), one), one, axis=1, name="probabilities")
    else:
        graph.add("Identity", x, name="scores")
        return [("scores", network.n_outputs), ("class", 1)]
    return [("probabilities", max(network.n_outputs, 2)), ("class", 1)]
