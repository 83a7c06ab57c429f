"""Compare mlpctl with its peers: the same workloads in each one's own code, side by side (`make bench`)."""
