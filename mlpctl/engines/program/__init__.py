"""Trials that a program runs in place of a network: any command that prints a score."""
