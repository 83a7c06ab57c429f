"""mlpctl bench train."""


def train() -> None:
    """Time training steps."""
