"""Which stored objects are meant."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flowlogs.bucket import withheld
from handler.failures import Content, FailureStore, Pending
from parser.errors import EnvelopeError

REQUEST_ID: Final = "by-hand"
"""Stands in names of what the command line writes, where an invocation has its request id."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which stored objects are meant.

    Attributes:
        since, until: when they were stored; None where it does not matter.
        log_group: where their events come from.
        reason: what their reason contains, such as `429`.
        limit: how many at most, the oldest first.
    """

    since: datetime | None
    until: datetime | None
    log_group: str | None
    reason: str | None
    limit: int | None

    def select(self, objects: list[Pending], store: FailureStore) -> Iterator[Pending]:
        """Give the objects that are meant. Objects are read only where their times do not decide.

        One that has to be read and that S3 does not give may be meant: it is given, beside the limit, and
        who reads it says what is the matter.
        """
        found = 0
        for each in objects:
            if found == self.limit:
                return
            if not self._is_in_time(each):
                continue
            try:
                meant = self._says(each, store)
            except withheld.WithheldError:
                yield each
                continue
            if meant:
                found += 1
                yield each

    def _is_in_time(self, each: Pending) -> bool:
        return (self.since is None or each.modified >= self.since) and (
            self.until is None or each.modified < self.until
        )

    def _says(self, each: Pending, store: FailureStore) -> bool:
        if self.log_group is None and self.reason is None:
            return True
        content = withheld.read(store, each.key)
        if content is None or (self.reason is not None and self.reason not in content.reason):
            return False
        return self.log_group is None or self.log_group in _read_log_groups(content)


def _read_log_groups(content: Content) -> set[str]:
    """Return where an object's events come from; Lambda's own records, and others, say it only inside."""
    if content.log_group:
        return {content.log_group}
    try:
        return {each.log_group for each in content.payloads()}
    except EnvelopeError:
        return set()


def read_log_group(content: Content) -> str:
    """Return where an object's events come from, in a word."""
    groups = _read_log_groups(content)
    if len(groups) > 1:
        return "(several)"
    return groups.pop() if groups else "(unreadable)"
