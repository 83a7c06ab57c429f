"""`mlpctl bench`: hardware timings that judge themselves."""
