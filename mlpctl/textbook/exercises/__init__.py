"""The nine exercises of d2l 5.2: each runs an experiment and answers in words that follow from its numbers."""
