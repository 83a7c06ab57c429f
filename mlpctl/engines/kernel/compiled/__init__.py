"""Define the functions that numba turns into machine code, and nothing else. Importing it imports numba."""
