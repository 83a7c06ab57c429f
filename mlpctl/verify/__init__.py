"""Published figures beside ours: what `mlpctl verify` judges."""
