"""Write the network, the loss, the optimizer and the training loop of a program with torch.nn and torch.optim."""

from typing import TYPE_CHECKING

from mlpctl.export.parts import NORM_NAMES, dropout_of
from mlpctl.models.constants import LEAKY_SLOPE, SOFTPLUS_THRESHOLD

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.runner.trial import Trial

ACTIVATIONS = {
    "relu": "nn.ReLU()",
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
    "leaky_relu": f"nn.LeakyReLU({LEAKY_SLOPE!r})",
    "elu": "nn.ELU()",
    "gelu": "nn.GELU()",
    "silu": "nn.SiLU()",
    "softplus": f"nn.Softplus(threshold={SOFTPLUS_THRESHOLD!r})",
    "step": "Step()",
}

LOSSES = {
    "mse": 'F.mse_loss(z, t, reduction="none")',
    "half_mse": 'F.mse_loss(z, t, reduction="none") / 2',
    "l1": 'F.l1_loss(z, t, reduction="none")',
    "huber": 'F.huber_loss(z, t, reduction="none", delta=DELTA)',
    "bce": 'F.binary_cross_entropy_with_logits(z, t, reduction="none")',
    "perceptron": "torch.clip(-t * z, 0, None)",  # torch's slope of clip at its bound is 1: a step is taken at 0
}

STEP = '''class Step(nn.Module):
    """Step function: 1 where the input is positive, else 0."""

    def forward(self, u):
        return (u > 0).to(u.dtype)
'''

PRODUCT = '''class Product(nn.Module):
    """Product of two affine maps of the same inputs."""

    def __init__(self, inputs, outputs, bias):
        super().__init__()
        self.first = nn.Linear(inputs, outputs, bias=bias)
        self.second = nn.Linear(inputs, outputs, bias=bias)

    def forward(self, X):
        return self.first(X) * self.second(X)
'''

DROPOUT = '''class Dropout(nn.Module):
    """nn.Dropout with a mask that is drawn outside, so that the trial's units are dropped."""

    mask = None

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, a):
        return torch.where(self.mask, a / (1 - self.p), 0.0) if self.training else a
'''

KESLER = '''def loss(z, y):
    """Return max(0, max over other classes c of z_c - z_y) (B,): Kesler's construction."""
    right = F.one_hot(y, z.shape[1]).bool()
    rows = torch.arange(len(z))
    rival = torch.where(right, -torch.inf, z).argmax(dim=1)
    return torch.clip(z[rows, rival] - z[rows, y], 0, None)
'''


def network(trial: "Trial") -> str:
    """Return the section that makes `net` and gives it the initial weights."""
    layers = trial.network.layers
    activations = {layer.activation for layer in layers}
    classes = [STEP] * ("step" in activations) + [PRODUCT] * any(layer.product for layer in layers)
    classes += [DROPOUT] * any(layer.dropout for layer in layers)
    modules: list[str] = []
    copies: list[str] = []
    for n, layer in enumerate(layers, start=1):
        copies += _copies(n, len(modules), layer)
        modules += _modules(layer, dropout_of(n, trial.spec))
    lines = [
        "net = nn.Sequential(",
        *[f"    {module}," for module in modules],
        ").to(torch.float64 if DTYPE is np.float64 else torch.float32)",
        "with torch.no_grad():  # torch keeps weights as (outputs, inputs)",
        *[f"    {line}" for line in copies],
    ]
    return "\n\n".join([*classes, "# The network\n\n" + "\n".join(lines) + "\n"])


def _modules(layer: "Layer", dropout: str = "") -> list[str]:
    kind = "Product" if layer.product else "nn.Linear"
    modules = [f"{kind}({layer.inputs}, {layer.outputs}, bias={layer.bias})"]
    modules += [f"nn.BatchNorm1d({layer.outputs})"] * layer.batch_norm
    modules += [ACTIVATIONS[layer.activation]] if layer.activation != "identity" else []
    return modules + [f"Dropout({dropout})"] * bool(layer.dropout)


def _copies(n: int, place: int, layer: "Layer") -> list[str]:
    """Return the lines that copy the parameters of layer n into the modules from a place on."""
    maps = (("W", "b", ".first"), ("V", "c", ".second")) if layer.product else (("W", "b", ""),)
    copied = []
    for weight, bias, inner in maps:
        copied += [(f"net[{place}]{inner}.weight", f'params["{weight}{n}"].T')]
        copied += [(f"net[{place}]{inner}.bias", f'params["{bias}{n}"]')] * layer.bias
    if layer.batch_norm:
        copied += [
            (f"net[{place + 1}].{theirs.removeprefix('bn_')}", f'params["{ours}{n}"]')
            for theirs, ours in NORM_NAMES.items()
        ]
    return [f"{there}.copy_(torch.from_numpy({array}))" for there, array in copied]


def loss(network: "Network") -> str:
    """Return the function of the loss."""
    if network.loss == "perceptron" and network.n_outputs > 1:
        return KESLER
    lines = ["def loss(z, y):", f'    """Return the loss {network.loss} (B,) of outputs z (B, C)."""']
    if network.loss == "cross_entropy":
        return "\n".join([*lines, '    return F.cross_entropy(z, y, reduction="none")']) + "\n"
    if network.loss == "nll":
        return "\n".join([*lines, '    return F.nll_loss(F.log_softmax(z, dim=1), y, reduction="none")']) + "\n"
    if network.n_classes:
        low, high = network.target_values
        right = "y[:, None] == 1" if network.n_outputs == 1 else "F.one_hot(y, z.shape[1]) == 1"
        lines += [f"    t = torch.where({right}, {high!r}, {low!r}).to(z.dtype)  # the class as a number"]
    else:
        lines += ["    t = y"]
    text = "\n".join([*lines, f"    return ({LOSSES[network.loss]}).mean(dim=1)"]) + "\n"
    return f"DELTA = {network.huber_delta!r}\n\n\n{text}" if network.loss == "huber" else text


def optimizer(trial: "Trial") -> str:
    """Return the section that makes `optimizer`."""
    spec = trial.spec
    parts = []
    if not spec.decay_biases:
        parts += [
            "weights = [p for p in net.parameters() if p.ndim == 2]",
            "others = [p for p in net.parameters() if p.ndim != 2]  # biases do not decay",
        ]
    groups = (
        "net.parameters()" if spec.decay_biases else '[{"params": weights}, {"params": others, "weight_decay": 0.0}]'
    )
    given = [groups, "lr=LR"]
    given += ["weight_decay=WEIGHT_DECAY"] if spec.weight_decay or spec.optimizer == "adamw" else []
    kind = {"momentum": "SGD", "nesterov": "SGD", "sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}.get(
        str(spec.optimizer), {"rmsprop": "RMSprop", "adagrad": "Adagrad"}.get(str(spec.optimizer), "")
    )
    if spec.momentum:
        given += ["momentum=MOMENTUM", *["nesterov=True"] * (spec.optimizer == "nesterov")]
    given += ["betas=(BETA1, BETA2)"] * (spec.betas is not None)
    given += ["alpha=ALPHA"] * (spec.alpha is not None)
    given += ["eps=EPS"] * (spec.eps is not None)
    text = "\n".join([*parts, f"optimizer = torch.optim.{kind}({', '.join(given)})"]) + "\n"
    if any(layer.idle_bias for layer in trial.network.layers):
        idle, place = [], 0
        for layer in trial.network.layers:
            idle += [f"net[{place}].bias"] * layer.idle_bias
            place += len(_modules(layer))
        text += (
            "\n# A bias before a normalization changes nothing. Its gradient is 0; the rounding that a sum\n"
            f"# leaves there, Adam would scale up to a full step.\nidle_biases = [{', '.join(idle)}]\n"
        )
    return text


def _backward(trial: "Trial") -> list[str]:
    """Return the lines that differentiate the mean or the sum of the losses, where a rare class may count more."""
    reduction = trial.spec.reduction
    if not trial.network.class_weights:
        return [f"losses.{reduction}().backward()"]
    return [
        "w = torch.tensor(CLASS_WEIGHTS, dtype=z.dtype)[y[rows]]",
        f"((w * losses).sum(){' / w.sum()' if reduction == 'mean' else ''}).backward()",
    ]


def training_step(trial: "Trial") -> list[str]:
    """Return the lines of a step; they leave the losses (B,) and the outputs z (B, C) of the minibatch."""
    spec = trial.spec
    lines = ["net.train()"]
    if spec.lr_schedule != "constant":
        lines += [
            "for group in optimizer.param_groups:",
            '    group["lr"] = learning_rate(epoch, step)',
        ]
    if spec.dropout:
        lines += [
            "for (layer, width), module in zip(WIDTHS.items(), dropouts):",
            "    module.mask = torch.from_numpy(dropout_mask(epoch, step, layer, (len(rows), width)))",
        ]
    lines += [
        "z = net(X[rows])",
        "losses = loss(z, y[rows])",
        "optimizer.zero_grad()",
        *_backward(trial),
    ]
    if any(layer.idle_bias for layer in trial.network.layers):
        lines += ["for bias in idle_biases:", "    bias.grad.zero_()"]
    if spec.l1:
        lines += [
            "for weight in net.parameters():  # the subgradient of L1 * |w|",
            "    if weight.ndim == 2:",
            "        weight.grad += L1 * torch.sign(weight.detach())",
        ]
    return [*lines, "optimizer.step()"]


def sections(trial: "Trial") -> list[str]:
    """Return the sections between the initial weights and the scores."""
    tensors = "X, y = torch.from_numpy(X), torch.from_numpy(y)\n"
    dropouts = ""
    if trial.spec.dropout and trial.spec.epochs:
        dropouts = "dropouts = [module for module in net if isinstance(module, Dropout)]\n"
    made = network(trial) + (f"{dropouts}" if dropouts else "")
    return [tensors, made, loss(trial.network), *([optimizer(trial)] if trial.spec.epochs else [])]
