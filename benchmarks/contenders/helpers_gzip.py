"""opensearch-py's helpers.bulk with http_compress=True. It does not validate."""

from collections.abc import Callable
from typing import Any

from benchmarks.contenders import helpers


def prepare(url: str, fields: tuple[str, ...]) -> Callable[[dict[str, Any]], None]:
    """Return what handles an event."""
    return helpers.prepare(url, fields, compress=True)
