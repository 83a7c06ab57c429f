"""The fields of Spec as keyword arguments, for type checkers; at run time there is no such module.

Written by `python -m docs.generate`; change Spec, not this file.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

class SpecFields(TypedDict, total=False):
    dataset: str | None
    """Dataset by name. Default: fashion-mnist."""
    data: Mapping[str, Any] | None
    """Options of the dataset, KEY=VALUE; `mlpctl data show NAME` lists them. Default: none."""
    scaling: Literal["none", "unit", "standard"] | None
    """Inputs as they are, in [0, 1], or with mean 0 and variance 1 per feature (training part alone). Default: by dataset."""
    target_scaling: Literal["none", "standard"] | None
    """Numbers to predict as they are, or with mean 0 and variance 1 in training (training part alone); errors are told in their own unit. Default: standard; none for linreg."""
    test_fraction: float | None
    """Share held out for testing, where the dataset has no official test set. Default: 0.25."""
    val_fraction: float | None
    """Share of the training part held out for validation. Default: 0.1; 0 for tiny datasets."""
    folds: int | None
    """Folds of the training part: seed 0 validates on the first, seed 1 on the second, and so on. Default: none."""
    model: str | None
    """Model by name, or a class or function of yours, FILE.py:NAME. Default: by dataset."""
    impl: str | None
    """Which implementation of the reference engine to use; all give the same result. Default: auto."""
    hidden_layers: int | None
    """Number of hidden layers. Default: 1 (mlp)."""
    hidden_units: int | None
    """Units of each hidden layer. Default: 256 (mlp)."""
    widths: Sequence[int] | str | None
    """Units of every hidden layer, 128,64,32: instead of hidden_layers and hidden_units."""
    activation: Literal["relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "silu", "softplus", "identity"] | None
    """Activation of the hidden layers. Default: relu."""
    bias: bool | None
    """Whether affine maps have a bias. Default: true."""
    init: Literal["default", "normal", "uniform", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal", "zeros", "constant"] | None
    """How weights are drawn; biases start at 0, with `default` as torch.nn.Linear draws them. Default: default."""
    init_scale: float | None
    """σ of normal, bound of uniform, value of constant, gain of the others. Default: 0.01, 0.05 (uniform), 0.1 (constant), gain 1."""
    init_from: str | None
    """Trained weights to start from: RESULTS, RESULTS#TRIAL or FILE.safetensors; layers of another shape are drawn anew. Default: none."""
    batch_norm: Sequence[int | Literal["all"]] | str | None
    """Hidden layers with batch normalization before their activation: none, all, or 1,2,3. Default: none."""
    dropout: float | Sequence[float] | str | None
    """Probability that a hidden unit is dropped in training; one for each hidden layer, 0.2,0.5. Default: 0."""
    loss: Literal["cross_entropy", "nll", "mse", "half_mse", "huber", "l1", "bce", "perceptron"] | None
    """Loss. Default: by model and task."""
    class_weight: Literal["balanced"] | None
    """balanced: in the loss that is minimized, a class counts n / (K · its examples), rare ones more; scores count all examples alike. Default: none."""
    reduction: Literal["mean", "sum"] | None
    """Whether a step follows the mean or the sum of the minibatch's losses. Default: mean."""
    huber_delta: float | None
    """Where the Huber loss turns from square to line. Default: 1."""
    optimizer: Literal["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad"] | None
    """Optimizer. Default: sgd."""
    lr: float | None
    """Learning rate. Default: 0.1 (sgd), 0.01 (momentum, nesterov, adagrad), 0.001."""
    momentum: float | None
    """Momentum of the optimizers momentum, nesterov and rmsprop. Default: 0.9; rmsprop 0."""
    betas: Sequence[float] | str | None
    """Decay of Adam's two moments. Default: 0.9,0.999."""
    alpha: float | None
    """Decay of RMSprop's mean square. Default: 0.99."""
    eps: float | None
    """Added to the denominator by the adaptive optimizers. Default: 1e-8; adagrad 1e-10."""
    weight_decay: float | None
    """L2 penalty on weights and biases (decoupled with adamw). Default: 0; adamw 0.01."""
    decay_biases: bool | None
    """Whether weight decay shrinks biases, and scale and shift of batch normalization, too. Default: true."""
    l1: float | None
    """L1 penalty on weights: its gradient l1·sign(w) is added before the optimizer's step. Default: 0."""
    lr_schedule: Literal["constant", "step", "cosine", "warmup"] | None
    """How the learning rate moves: constant, step, cosine to 0, or linear warm-up. Default: constant."""
    lr_step: int | None
    """Epochs between two drops of the step schedule. Default: 10."""
    lr_gamma: float | None
    """Factor of each drop of the step schedule. Default: 0.1."""
    warmup_epochs: float | None
    """Linear warm-up from 0 before the schedule; may be a fraction. Default: 1 (warmup), 0."""
    batch_size: int | Literal["full"] | None
    """Examples of a minibatch, or full. Default: by dataset."""
    shuffle: bool | None
    """Whether each epoch draws another order of the examples, or all take the order of the data. Default: true."""
    epochs: int | None
    """Passes over the training part. Default: by dataset."""
    patience: int | None
    """Epochs without a lower validation loss after which training ends; scores and weights are those of the best epoch. Default: none: all epochs."""
    seed: int | None
    """Draws initial weights, minibatch order and dropout. Default: 0."""
    init_seed: int | None
    """Draws the initial weights. Default: seed."""
    data_seed: int | None
    """Draws the minibatch order and the dropout masks. Default: seed."""
    split_seed: int | Literal["seed"] | None
    """Draws the split into training, validation and test part; `seed` follows the seed. Default: 0."""
    command: str | None
    """Program to run instead of training a network, with {NAME} where the value of an axis or a parameter goes; {seed}, {epochs} and {folder} are known too. Started without a shell. Default: none."""
    params: Mapping[str, Any] | None
    """Parameters of the program, or options of a model of yours, KEY=VALUE. Default: none."""
    maximize: str | None
    """Number of the program's output that is its score; higher is better. Default: accuracy, mse, score, cost or loss, the first that it prints."""
    minimize: str | None
    """Number of the program's output that is its score; lower is better. Default: see maximize."""
    curve_file: str | None
    """CSV file in {folder} to which the program writes a row per epoch. Default: epochs.csv."""
    dtype: Literal["float32", "float64"] | None
    """Floating-point type of weights and arithmetic. Default: float32."""
    device: str | None
    """auto, cpu, cuda (all GPUs), cuda:1, cuda:0,cuda:1 or mps. Default: auto."""
    engine: str | None
    """What trains: auto, or an engine by name. Default: auto."""
