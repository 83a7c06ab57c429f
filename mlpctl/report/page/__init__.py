"""The page of `mlpctl report --html` and `--serve`: first its data, then its look (`look/`: HTML, CSS, JavaScript)."""
