"""Make linreg: synthetic data of a linear regression with known weights, y = X·w + b + noise, as in d2l and Gluon."""

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from mlpctl.data.base import Dataset, Options, Source, digest_of
from mlpctl.rng import normals, uniforms
from mlpctl.spec import Count, Seed, split_list

Finite = Annotated[float, Field(allow_inf_nan=False)]


class LinregOptions(Options):
    """Options of linreg."""

    w: Annotated[tuple[Finite, ...], BeforeValidator(split_list), Field(min_length=1)] = Field(
        (2.0, -3.4), description="True weights, one an input: 2,-3.4."
    )
    b: Finite = Field(4.2, description="True bias.")
    noise: Annotated[Finite, Field(ge=0)] = Field(0.01, description="Standard deviation of the noise on y.")
    n: Count = Field(1000, description="Examples.")
    distribution: Literal["normal", "uniform"] = Field(
        "normal", description="Of the inputs: standard normal, or uniform on [-1, 1)."
    )
    seed: Seed = Field(0, description="Draws inputs and noise.")


def load(options: LinregOptions) -> Dataset:
    """Return X (n, D) float64 and y (n, 1) float64; a larger n continues the rows of a smaller one."""
    n, w = options.n, np.array(options.w)
    size = n * len(w)
    if options.distribution == "normal":
        X = normals(options.seed, "data", size).reshape(n, -1)
    else:
        X = 2.0 * uniforms(options.seed, "data", size).reshape(n, -1) - 1.0
    # A sum over axis 1 and not X @ w: BLAS differs in the last bit between machines, and the digest would too.
    y = (X * w).sum(axis=1) + options.b + options.noise * normals(options.seed, "data", n, layer=1)
    return Dataset(
        name="linreg",
        X=X,
        y=y[:, None],
        task="regression",
        digest=digest_of("linreg 1", options.model_dump_json()),
        source=f"made from seed {options.seed}",
        features=tuple(f"x{i + 1}" for i in range(len(w))),
        targets=("y",),
    )


LINREG = Source(
    name="linreg",
    help="Linear data with known weights and noise: can they be found again?",
    load=load,
    options=LinregOptions,
    task="regression",
    defaults={"model": "linear", "scaling": "none", "batch_size": 10, "epochs": 3, "lr": 0.03},
)
