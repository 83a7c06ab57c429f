"""Write the network, the loss, the optimizer and the training loop of a program in NumPy, every formula written out.

Where a formula is one function of `mlpctl.models.numpy`, the program has that function's own text.
"""

from typing import TYPE_CHECKING

from mlpctl.export.parts import dropout_of
from mlpctl.export.source import source_of
from mlpctl.models import numpy as reference
from mlpctl.models.constants import BN_EPS, BN_MOMENTUM, LEAKY_SLOPE

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.runner.trial import Trial
    from mlpctl.spec import Spec

GELU = '''erf = np.vectorize(math.erf, otypes=[float])  # the error function, which NumPy lacks


def gelu(u):
    """Return u Φ(u), Φ the distribution function of the standard normal; its derivative is Φ(u) + u φ(u)."""
    cdf = (0.5 * (1 + erf(u / math.sqrt(2)))).astype(u.dtype)
    return u * cdf, cdf + u * np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
'''

LOSSES = {
    "mse": ("e = z - t", "e**2", "2 * e"),
    "half_mse": ("e = z - t", "e**2 / 2", "e"),
    "l1": ("e = z - t", "np.abs(e)", "np.sign(e)"),
    "huber": (
        "e = z - t  # a parabola near 0, a line beyond DELTA",
        "np.where(np.abs(e) < DELTA, e**2 / 2, DELTA * (np.abs(e) - DELTA / 2))",
        "np.clip(e, -DELTA, DELTA)",
    ),
    "bce": (
        "# -t log σ(z) - (1 - t) log(1 - σ(z)) is log(1 + exp(z)) - t z",
        "np.logaddexp(z, np.zeros_like(z)) - t * z",
        "1 / (1 + np.exp(-z)) - t",
    ),
    "perceptron": (
        "# the delta rule: a step where the sign is wrong, and at 0",
        "np.maximum(-t * z, 0)",
        "np.where(t * z <= 0, -t, 0.0)",
    ),
}
"""Loss -> a line before, the loss of each output z for its target t, and the slope."""


def activations(network: "Network") -> str:
    """Return the activations that a network has, each with its derivative."""
    names = dict.fromkeys(layer.activation for layer in network.layers)
    head = f"LEAKY_SLOPE = {LEAKY_SLOPE!r}\n\n\n" if "leaky_relu" in names else ""
    plain = [reference.ACTIVATIONS[name] for name in names if name not in ("identity", "step", "gelu")]
    parts = [head + source_of(*plain)] if plain else []
    if "gelu" in names:
        parts.append(GELU)
    return "\n\n".join(parts)


def batch_norm(trial: "Trial") -> str:
    """Return the functions of batch normalization; "" without it."""
    if not any(layer.batch_norm for layer in trial.network.layers):
        return ""
    head = (
        "# Batch normalization (Ioffe and Szegedy 2015): mean 0 and variance 1 over the minibatch.\n"
        f"BN_EPS, BN_MOMENTUM = {BN_EPS!r}, {BN_MOMENTUM!r}\n"
    )
    if not trial.spec.epochs:
        return head
    return head + "\n\n" + source_of(reference.normalize, reference.normalize_backward)


def dropout(spec: "Spec") -> str:
    """Return the function of dropout; "" without it."""
    return source_of(reference.dropped) if spec.dropout and spec.epochs else ""


def loss(network: "Network") -> str:
    """Return the function of the loss and its gradient."""
    is_kesler = network.loss == "perceptron" and network.n_outputs > 1
    name = "multiclass_perceptron" if is_kesler else "cross_entropy" if network.loss == "nll" else network.loss
    if network.loss in ("cross_entropy", "nll") or is_kesler:
        function = reference.multiclass_perceptron if is_kesler else reference.cross_entropy
        return (
            source_of(reference.one_hot, function)
            + f"\n\nloss_and_gradient = {name}  # of outputs z (B, C) and classes y (B,)\n"
        )
    before, value, slope = LOSSES[network.loss]
    lines = [
        "def loss_and_gradient(z, y):",
        f'    """Return the losses {name} (B,) of outputs z (B, C), and their gradients (B, C)."""',
    ]
    if network.n_classes:
        low, high = network.target_values
        right = "y[:, None] == 1" if network.n_outputs == 1 else "one_hot(y, z.shape[1])"
        lines += [f"    t = np.where({right}, {high!r}, {low!r}).astype(z.dtype)  # the class as a number"]
    else:
        lines += ["    t = y"]
    lines += [
        f"    {before}",
        f"    return ({value}).mean(axis=1), ({slope}) / z.shape[1]",
    ]
    text = "\n".join(lines) + "\n"
    needs_one_hot = network.n_classes and network.n_outputs > 1
    text = f"{source_of(reference.one_hot)}\n\n{text}" if needs_one_hot else text
    return f"DELTA = {network.huber_delta!r}\n\n\n{text}" if network.loss == "huber" else text


def forward(trial: "Trial") -> str:
    """Return the function of the forward pass."""
    spec, layers = trial.spec, trial.network.layers
    lines = [
        "def forward(X, masks=None, training=False):",
        '    """Return the outputs (B, C), and what the backward pass needs; masks are what dropout keeps by layer."""',
        "    kept = {}",
        "    a = X  # (B, D)",
    ]
    for n, layer in enumerate(layers, start=1):
        b, c = (f' + params["{name}{n}"]' if layer.bias else "" for name in "bc")
        lines += ["", f"    # layer {n}: {layer.inputs} inputs, {layer.outputs} units", f'    kept["X{n}"] = a']
        if layer.product:  # of two affine maps
            lines += [
                f'    kept["first{n}"] = a @ params["W{n}"]{b}',
                f'    kept["second{n}"] = a @ params["V{n}"]{c}',
                f'    u = kept["first{n}"] * kept["second{n}"]',
            ]
        else:
            lines += [f'    u = a @ params["W{n}"]{b}']
        if layer.batch_norm:
            evaluated = f'(u - params["mean{n}"]) / np.sqrt(params["var{n}"] + BN_EPS)'
            if spec.epochs:
                lines += [
                    "    if training:",
                    f'        u_hat, kept["inverse_sd{n}"] = normalize(u, params["mean{n}"], params["var{n}"])',
                    "    else:",
                    f"        u_hat = {evaluated}",
                    f'    kept["u_hat{n}"] = u_hat',
                ]
            else:
                lines += [f"    u_hat = {evaluated}"]
            lines += [f'    u = u_hat * params["gamma{n}"] + params["beta{n}"]']
        if layer.activation == "identity":
            lines += ["    a = u"]
        elif layer.activation == "step":
            lines += ["    a = (u > 0).astype(u.dtype)"]
        else:
            lines += [f'    a, kept["slope{n}"] = {layer.activation}(u)']
        if layer.dropout and spec.epochs:
            lines += ["    if training:", f"        a = dropped(a, masks[{n}], {dropout_of(n, spec)})"]
    text = "\n".join([*lines, "    return a, kept"]) + "\n"
    if not spec.dropout or not spec.epochs:
        text = text.replace("masks=None, ", "").replace("; masks are what dropout keeps by layer", "")
    if not spec.epochs or not (spec.dropout or any(layer.batch_norm for layer in layers)):
        text = text.replace(", training=False", "")
    return text


def backward(trial: "Trial") -> str:
    """Return the function of the backward pass."""
    layers = trial.network.layers
    masks = ", masks" if trial.spec.dropout else ""
    lines = [
        f"def backward(g, kept{masks}):",
        '    """Return the gradient of every parameter from the gradient g (B, C) by the outputs: the chain rule."""',
        "    gradients = {}",
    ]
    for n, layer in reversed(list(enumerate(layers, start=1))):
        lines += ["", f"    # layer {n}"]
        lines += _backward_through(n, layer, trial.spec)
    return "\n".join([*lines, "    return gradients"]) + "\n"


def _backward_through(n: int, layer: "Layer", spec: "Spec") -> list[str]:
    lines = []
    if layer.dropout:
        lines += [f"    g = dropped(g, masks[{n}], {dropout_of(n, spec)})"]
    if layer.activation != "identity":
        lines += [f'    g = g * kept["slope{n}"]']
    if layer.batch_norm:
        lines += [
            f'    g, gradients["gamma{n}"], gradients["beta{n}"] = normalize_backward(',
            f'        g, params["gamma{n}"], kept["u_hat{n}"], kept["inverse_sd{n}"]',
            "    )",
        ]
    if layer.product:
        lines += [f'    g, h = g * kept["second{n}"], g * kept["first{n}"]  # by the first map, by the second']
    for weight, bias, by in (("W", "b", "g"), ("V", "c", "h"))[: 1 + layer.product]:
        lines += [f'    gradients["{weight}{n}"] = kept["X{n}"].T @ {by}']
        if layer.idle_bias:
            lines += [f'    gradients["{bias}{n}"] = 0 * params["{bias}{n}"]  # the normalization takes it out again']
        elif layer.bias:
            lines += [f'    gradients["{bias}{n}"] = {by}.sum(axis=0)']
    if n > 1:
        second = f' + h @ params["V{n}"].T' if layer.product else ""
        lines += [f'    g = g @ params["W{n}"].T{second}']
    return lines


def update(spec: "Spec") -> str:
    """Return the function of the optimizer's step."""
    lines = [
        "def update(gradients, lr, t):",
        f'    """Change every parameter by step t (from 1) of the optimizer {spec.optimizer}."""',
        "    for name, g in gradients.items():",
    ]
    is_weight = 'name[0] in "WV"'
    if spec.l1:
        lines += [f"        if {is_weight}:  # the subgradient of L1 * |w|"]
        lines += ["            g = g + L1 * np.sign(params[name])"]
    decay, indent = [], "        "
    if spec.weight_decay and spec.optimizer == "adamw":
        decay = ["params[name] *= 1 - lr * WEIGHT_DECAY  # decoupled: Loshchilov and Hutter 2019"]
    elif spec.weight_decay:
        decay = ["g = g + WEIGHT_DECAY * params[name]"]
    if decay and not spec.decay_biases:
        lines, indent = [*lines, f"        if {is_weight}:  # biases do not decay"], "            "
    lines += [indent + line for line in decay]
    body, memories = _step(spec)
    lines += [f"        {line}" for line in body]
    head = "".join(f"{name} = {{name: np.zeros_like(value) for name, value in params.items()}}\n" for name in memories)
    return (f"{head}\n\n" if head else "") + "\n".join(lines) + "\n"


def _step(spec: "Spec") -> tuple[list[str], list[str]]:
    """Return the lines that change params[name] by its gradient g, and the arrays that the optimizer keeps."""
    name = spec.optimizer
    if name == "sgd":
        return ["params[name] -= lr * g"], []
    if name in ("momentum", "nesterov"):
        change = "g + MOMENTUM * velocity[name]" if name == "nesterov" else "velocity[name]"
        why = "  # looks ahead: Nesterov 1983" if name == "nesterov" else "  # Polyak 1964"
        return [
            "velocity[name] = MOMENTUM * velocity[name] + g",
            f"params[name] -= lr * ({change}){why}",
        ], ["velocity"]
    if name in ("adam", "adamw"):
        return [
            "# Averages m of g and v of g², without the bias of their start at 0: Kingma and Ba 2015",
            "m[name] = BETA1 * m[name] + (1 - BETA1) * g",
            "v[name] = BETA2 * v[name] + (1 - BETA2) * g**2",
            "denominator = np.sqrt(v[name]) / (1 - BETA2**t) ** 0.5 + EPS",
            "params[name] -= lr / (1 - BETA1**t) * m[name] / denominator",
        ], ["m", "v"]
    if name == "adagrad":
        return [
            "v[name] += g**2  # the sum of squares: Duchi, Hazan and Singer 2011",
            "params[name] -= lr * g / (np.sqrt(v[name]) + EPS)",
        ], ["v"]
    lines = [
        "v[name] = ALPHA * v[name] + (1 - ALPHA) * g**2  # the moving average of squares: Hinton 2012",
        "change = g / (np.sqrt(v[name]) + EPS)",
    ]
    if not spec.momentum:
        return [*lines, "params[name] -= lr * change"], ["v"]
    return [*lines, "velocity[name] = MOMENTUM * velocity[name] + change", "params[name] -= lr * velocity[name]"], [
        "v",
        "velocity",
    ]


def training_step(trial: "Trial") -> list[str]:
    """Return the lines of a step; they leave the losses (B,) and the outputs z (B, C) of the minibatch."""
    spec, layers = trial.spec, trial.network.layers
    passed = ", masks" if spec.dropout else ""
    lines = (
        ["masks = {layer: dropout_mask(epoch, step, layer, (len(rows), width)) for layer, width in WIDTHS.items()}"]
        if spec.dropout
        else []
    )
    training = ", training=True" if spec.dropout or any(layer.batch_norm for layer in layers) else ""
    mean = " / len(rows)" if spec.reduction == "mean" else ""
    weighted = []
    if trial.network.class_weights:  # a rare class counts more
        weighted = ["w = np.array(CLASS_WEIGHTS, DTYPE)[y[rows]]"]
        mean = " * w[:, None]" + (" / w.sum()" if spec.reduction == "mean" else "")
    return [
        *lines,
        f"z, kept = forward(X[rows]{passed}{training})",
        "losses, g = loss_and_gradient(z, y[rows])",
        *weighted,
        f"update(backward(g{mean}, kept{passed}), lr, t)",
    ]


def sections(trial: "Trial") -> list[str]:
    """Return the sections between the initial weights and the scores."""
    spec = trial.spec
    trained = [backward(trial), update(spec)] if spec.epochs else []
    return [
        activations(trial.network), batch_norm(trial), dropout(spec), loss(trial.network), forward(trial), *trained,
    ]  # fmt: skip
