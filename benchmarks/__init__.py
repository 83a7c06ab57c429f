"""The same work in mlpctl and in its peers' own code, measured side by side: `make bench`."""
