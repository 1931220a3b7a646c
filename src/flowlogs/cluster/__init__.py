"""A cluster and its stack as commands meet them: connection, health, names of what belongs together."""
