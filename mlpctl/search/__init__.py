"""Search the space of some axes: a search is asked for configurations and told their scores."""
