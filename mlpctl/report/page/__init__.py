"""The page of `mlpctl report --html` and `--serve`: first its data, then `assets/` (HTML, CSS, JavaScript)."""
