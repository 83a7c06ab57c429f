"""Write the sections that the NumPy and the PyTorch program share: random numbers, weights, order, learning rate."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlpctl import rng
from mlpctl.data.minibatches import used_examples
from mlpctl.engines.initial_weights import bias_bound, by_itself, law, orthogonal
from mlpctl.export.source import source_of

if TYPE_CHECKING:
    from mlpctl.models.network import Layer
    from mlpctl.runner.trial import Trial
    from mlpctl.spec import Spec

MAP_NAMES = {"weight": "W", "bias": "b", "second_weight": "V", "second_bias": "c"}
NORM_NAMES = {"bn_weight": "gamma", "bn_bias": "beta", "running_mean": "mean", "running_var": "var"}
SHORT_NAMES = {**MAP_NAMES, **NORM_NAMES}
"""Name of a parameter in a results folder -> its name in a program, which counts layers from 1."""


def name_in_program(stored: str) -> str:
    """Return W1 for 0.weight."""
    number, _, what = stored.partition(".")
    return f"{SHORT_NAMES[what]}{int(number) + 1}"


def random_numbers(trial: "Trial") -> str:
    """Return the counter-based generator, as far as the trial draws from it; "" if it draws nothing."""
    spec = trial.spec
    layers = trial.network.layers
    drawn = not by_itself(spec) or spec.init == "orthogonal"
    kinds = {law(layer, spec)[0] for layer in layers} if drawn and spec.init_from is None else set()
    normal = bool(kinds & {"normal", "orthogonal"})
    uniform = normal or "uniform" in kinds or (bool(kinds) and any(_drawn_bias(layer, spec) for layer in layers))
    functions: list[Callable[..., Any]] = [rng.uniforms] * uniform + [rng.normals] * normal
    functions += [orthogonal] * ("orthogonal" in kinds)
    functions += [rng.permutation] * (spec.epochs != 0 and spec.shuffle)
    if not functions:
        return ""
    return (
        "# Random numbers by a counter (Philox; Salmon, Moraes, Dror and Shaw 2011): each has an address of\n"
        "# seed, purpose, epoch and layer, and can be drawn at any time, alike on every machine.\n"
        f"PURPOSES = {rng.PURPOSES!r}\n"
        f"MASK = 0xFFFFFFFF  # the lower 32 bits\n\n\n"
        + source_of(rng.purpose_number, rng.philox, rng.words, *functions)
    )


def _drawn_bias(layer: "Layer", spec: "Spec") -> bool:
    return layer.bias and bias_bound(layer, spec) > 0


def initial_weights(trial: "Trial") -> str:
    """Return the section that makes `params`: name -> array."""
    spec, layers = trial.spec, trial.network.layers
    lines = ["params = {}  # name and number of the layer -> weights (inputs, outputs) or biases (outputs,)"]
    if spec.init_from is not None:
        lines += [
            "# The training starts from trained weights.",
            'params = {name.removeprefix("start_"): stored[name] for name in stored if name.startswith("start_")}',
        ]
        return "\n".join(lines[1:]) + "\n"
    if spec.model == "gate":
        from mlpctl.models.gates import gate_weights

        lines += ["# Set by hand: a unit says 1 where x·w + b > 0."]
        lines += [f'params["{name_in_program(n)}"] = np.array({a.tolist()!r})' for n, a in gate_weights(spec).items()]
    else:
        lines += [
            f"# Drawn by the rule {spec.init}{'' if spec.init_scale is None else f', scale {spec.init_scale:g}'}."
        ]
        for number, layer in enumerate(layers):
            lines += _drawn(number, layer, len(layers), spec)
    return "\n".join([*lines, "params = {name: value.astype(DTYPE) for name, value in params.items()}"]) + "\n"


def _drawn(number: int, layer: "Layer", n_layers: int, spec: "Spec") -> list[str]:
    lines = []
    kind, scale = law(layer, spec)
    shape = (layer.inputs, layer.outputs)
    size = layer.inputs * layer.outputs
    for stream, (weight, bias) in zip((number, n_layers + number), layer.maps, strict=False):
        call = {
            "constant": f"np.full({shape}, {scale!r})",
            "uniform": f'{scale!r} * (2 * uniforms(INIT_SEED, "weight", {size}, layer={stream}) - 1).reshape{shape}',
            "normal": f'{scale!r} * normals(INIT_SEED, "weight", {size}, layer={stream}).reshape{shape}',
            "orthogonal": f'{scale!r} * orthogonal(normals(INIT_SEED, "weight", {size}, layer={stream})'
            f".reshape{shape})",
        }[kind]
        lines += [f'params["{MAP_NAMES[weight]}{number + 1}"] = {call}']
        if bias is not None:
            drawn = (
                f'{bias_bound(layer, spec)!r} * (2 * uniforms(INIT_SEED, "bias", {layer.outputs}, layer={stream}) - 1)'
            )
            value = drawn if _drawn_bias(layer, spec) else f"np.zeros({layer.outputs})"
            lines += [f'params["{MAP_NAMES[bias]}{number + 1}"] = {value}']
    if layer.batch_norm:
        for name, start in (("gamma", "ones"), ("beta", "zeros"), ("mean", "zeros"), ("var", "ones")):
            lines += [f'params["{name}{number + 1}"] = np.{start}({layer.outputs})']
    return lines


def minibatches(trial: "Trial", n_train: int) -> str:
    """Return the function that yields the rows of each minibatch of an epoch."""
    used = used_examples(trial.spec, n_train)
    cut = "" if used == n_train else f"[:{used}]"
    why = "" if used == n_train else "; one is left out, as a minibatch of one example has no variance"
    rows, how = 'train[permutation(DATA_SEED, "order", len(train), epoch=epoch)]', "an order drawn for the epoch"
    if not trial.spec.shuffle:
        rows, how = "train", "the order of the data"
    return f'''def minibatches(epoch):
    """Yield the rows of each minibatch: the training part in {how}{why}."""
    order = {rows}{cut}
    for start in range(0, len(order), BATCH_SIZE):
        yield order[start : start + BATCH_SIZE]
'''


def learning_rate(spec: "Spec") -> str:
    """Return the function of the learning rate; "" if it is constant."""
    warmup = spec.warmup_epochs or 0.0
    if spec.lr_schedule == "constant":
        return ""
    lines = [
        "def learning_rate(epoch, step):",
        '    """Return the learning rate of a step (from 0) of an epoch (from 1)."""',
    ]
    if warmup or spec.lr_schedule == "cosine":
        lines += ["    t = epoch - 1 + step / STEPS  # epochs done before this step"]
    if warmup:
        lines += [
            f"    if t < {warmup!r}:  # warm-up: a line from 0",
            f"        return LR * min((t + 1 / STEPS) / {warmup!r}, 1.0)",
        ]
    if spec.lr_schedule == "step":
        lines += [f"    return LR * {spec.lr_gamma!r} ** ((epoch - 1) // {spec.lr_step!r})  # drops every few epochs"]
    elif spec.lr_schedule == "cosine":  # half a cosine, from 1 to 0 (Loshchilov and Hutter 2017)
        assert spec.epochs is not None
        span = max(spec.epochs - warmup, 1e-12)
        lines += [
            "    # half a cosine from 1 down to 0 (Loshchilov and Hutter 2017)",
            f"    done = min(max((t - {warmup!r}) / {span!r}, 0.0), 1.0)",
            "    return LR * 0.5 * (1 + math.cos(math.pi * done))",
        ]
    else:
        lines += ["    return LR"]
    return "\n".join(lines) + "\n"


def dropout_of(layer: object, spec: "Spec") -> str:
    """Return how a program names the probability of dropping a unit of a layer."""
    return f"DROPOUT[{layer}]" if isinstance(spec.dropout, tuple) else "DROPOUT"


def dropout_mask(spec: "Spec") -> str:
    """Return the function that draws the units that dropout keeps; "" without dropout."""
    if not spec.dropout or not spec.epochs:
        return ""
    p = dropout_of("layer", spec)
    return f'''def dropout_mask(epoch, step, layer, shape):
    """Return which units (B, H) dropout keeps in a step; layers count from 1."""
    drawn = words(DATA_SEED, "dropout", shape[0] * shape[1], epoch=epoch, layer=layer - 1, extra=step)
    return (drawn >= int({p} * 2**32)).reshape(shape)
'''
