"""Talks to people: the command line. Never shipped to Lambda."""
