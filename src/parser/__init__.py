"""Computes: what CloudWatch Logs delivers becomes what OpenSearch indexes.

This package does nothing else: it opens no socket and no file, and reads neither
the clock nor the environment. It is given bytes and returns values, so every rule in it can be
tried with a table, and the forward function, a replay and the command line read a line alike.
"""
