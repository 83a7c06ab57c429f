"""Name the constants that all implementations and engines share: torch's defaults, with one exception."""

BN_EPS, BN_MOMENTUM = 1e-5, 0.1
"""Constants of batch normalization. Running statistics move by BN_MOMENTUM per step."""

LEAKY_SLOPE = 0.01
"""Slope of leaky_relu below 0; elu has α = 1."""

HAS_FIRST = ("momentum", "nesterov", "adam", "adamw", "rmsprop")
HAS_SECOND = ("adam", "adamw", "rmsprop", "adagrad")
"""Optimizers with a velocity or first moment, and with a mean or sum of squares, beside every parameter."""

SOFTPLUS_THRESHOLD = 40.0
"""Value of u from which torch's softplus(u) is u: exp(-40) is below float64's rounding of 40; exp(-20) is not."""

STATISTICS = ("running_mean", "running_var")
"""Arrays of batch normalization that follow the data and are not trained."""
