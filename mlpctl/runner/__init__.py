"""Run experiments: find the trials that are missing, train them, write their rows."""
