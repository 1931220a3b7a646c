"""A function that cannot start."""

raise RuntimeError("not today")
