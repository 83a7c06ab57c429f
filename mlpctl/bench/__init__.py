"""Measure a machine (`mlpctl bench`): matrix products, memory, training steps."""
