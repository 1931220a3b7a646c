"""Speed and memory, measured against the ways in which people do this today."""
