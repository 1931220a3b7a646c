"""The names of the objects in the failure store, and what a name says."""

import re
from datetime import UTC, datetime
from typing import Final

FAILED: Final = "failed/"
REJECTED: Final = "rejected/"
ON_FAILURE: Final = "aws/lambda/async/"
"""The prefix that Lambda gives to the objects of its OnFailure destination; it cannot be chosen."""

REJECTED_SUFFIX: Final = "ndjson.gz"

TIME: Final = "%Y%m%dT%H%M%S.%fZ"
_PLACE: Final = re.compile(
    r"/(?P<day>\d{4}/\d\d/\d\d)/((?P<hour>\d\d)/)?(?P<name>(\d{4}-\d\d-\d\dT(?P<of_lambda>\d\d)\.)?[^/]+)$"
)
"""The end of a key of ours (day, hour, name), or of Lambda's (day, name with the time)."""


def read_time(key: str) -> datetime | None:
    """Return the time that a name of ours begins with."""
    try:
        return datetime.strptime(key.rpartition("/")[2].partition("-")[0], TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def find_place(source: str) -> str | None:
    """Return where the rejected events of an object belong, below `rejected/`: by its day, hour and name."""
    found = _PLACE.search(source)
    if found is None:
        return None
    day, hour, of_lambda, name = found.group("day", "hour", "of_lambda", "name")
    return f"{day}/{hour or of_lambda or '00'}/{name.partition('.json')[0]}"
