"""Make noise: inputs and targets drawn at random, as in Stanford CS231n's examples of one network in seven ways."""

from pydantic import Field

from mlpctl.data.base import Dataset, Options, Source, digest_of
from mlpctl.rng import normals
from mlpctl.spec import Count, Seed


class NoiseOptions(Options):
    """Options of noise."""

    n: Count = Field(64, description="Examples.")
    inputs: Count = Field(1000, description="Inputs of an example.")
    outputs: Count = Field(10, description="Targets of an example.")
    seed: Seed = Field(0, description="Draws inputs and targets.")


def load(options: NoiseOptions) -> Dataset:
    """Return X (n, inputs) and y (n, outputs), standard normal float64; a larger n continues a smaller one's rows."""
    X = normals(options.seed, "data", options.n * options.inputs).reshape(options.n, -1)
    y = normals(options.seed, "data", options.n * options.outputs, layer=1).reshape(options.n, -1)
    return Dataset(
        name="noise",
        X=X,
        y=y,
        task="regression",
        digest=digest_of("noise 1", options.model_dump_json()),
        source=f"made from seed {options.seed}",
        features=tuple(f"x{i + 1}" for i in range(options.inputs)),
        targets=tuple(f"y{i + 1}" for i in range(options.outputs)),
    )


NOISE = Source(
    name="noise",
    help="Random inputs and random targets: how far can a network learn what has no rule by heart?",
    load=load,
    options=NoiseOptions,
    task="regression",
    defaults={
        "model": "mlp", "scaling": "none", "test_fraction": 0.0, "val_fraction": 0.0, "batch_size": "full",
        "epochs": 500, "lr": 0.01,
    },
)  # fmt: skip
