"""Made flow logs: a day of a network that does not exist, and the truth about it."""
