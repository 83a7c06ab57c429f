"""The kernel's compiled code: what numba turns into machine code, and nothing else. Importing it imports numba."""
