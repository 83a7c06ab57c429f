"""Compute what the trials show: significance, importance, price."""
