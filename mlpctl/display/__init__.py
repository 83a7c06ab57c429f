"""Show results: text and tables for terminals, the style of figures."""
