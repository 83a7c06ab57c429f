"""Draw figures of a report."""
