"""A leaf beside the way through the house: what a network costs, how its gradients are, and drawings of it."""
