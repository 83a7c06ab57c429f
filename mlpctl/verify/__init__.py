"""Check published figures, and reproduce stored trials: `mlpctl verify`."""
