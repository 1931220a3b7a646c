"""Property tests try the same examples on every run: a red build can be repeated at the desk.

Fifty examples of each law in an everyday run; EXAMPLES says otherwise, as `make test-long` does.
"""

import os

from hypothesis import settings

EXAMPLES = int(os.environ.get("EXAMPLES", "50"))

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=EXAMPLES, database=None)
settings.load_profile("repeatable")
