"""The page of `mlpctl report --html` and `--serve`: its data (Python), then its look (`look/`: HTML, CSS, JavaScript)."""
