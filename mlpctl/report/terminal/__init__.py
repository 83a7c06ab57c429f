"""Draw plots as text in a terminal."""
