"""Show progress in the terminal while a command runs."""
