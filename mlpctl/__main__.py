"""`python -m mlpctl`."""

from mlpctl.cli import main

main()
