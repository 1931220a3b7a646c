"""Property tests try the same examples on every run: a red build can be repeated at the desk."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=150, database=None)
settings.load_profile("repeatable")
