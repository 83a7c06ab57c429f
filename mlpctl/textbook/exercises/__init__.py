"""Solve the nine exercises of d2l 5.2: `catalog.py` lists them, `solve.py` runs and answers one."""
