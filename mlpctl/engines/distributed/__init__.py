"""Several devices of one machine: a process each, fed by the one driver that alone writes the store."""
