"""More than one machine: the works of a session as tasks of a Ray cluster (extra `cluster`)."""
