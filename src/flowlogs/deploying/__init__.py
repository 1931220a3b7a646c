"""The door: what a deployment asks, checks, shows, plans and leaves behind."""
