"""Check, repair, merge and export results folders, as `mlpctl results` does."""
