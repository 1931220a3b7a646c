"""The indices of a prefix: which they are, what is wrong with each, and answers of all of them or none.

A cluster that has lost a shard, or whose index is closed, answers with status 200 and numbers that lack
what is there: `_shards {total 2, successful 1, failed 0}`, for an unassigned shard is not a failed one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from opensearchpy import OpenSearch
from opensearchpy.exceptions import (
    AuthorizationException,
    NotFoundError,
    RequestError,
    TransportError,
)

from flowlogs.cluster.completeness import (
    SERVER_SECONDS,
    UNNAMED,
    IncompleteError,
    demand_answer,
    judge,
    read_failures,
    read_reason,
    readable,
    show_troubles,
)
from parser.index_names import name_day

Json = dict[str, Any]

SECONDS: Final = 60
"""How long one search may take."""

_LONGEST: Final = 3_000
"""Characters of names in one path: OpenSearch takes 4,096 in the first line of a request."""

_NEVER: Final = "0000.*"
"""Days that no calendar has, to ask for nothing: an empty path would ask all indices there are."""

_MISSING: Final = re.compile(r"\[([^\[\],]+)\]\[\d+\]")
"""How an index is named in: Search rejected due to missing shards [[cwl-2026.01.12][0]]."""


@dataclass(frozen=True, slots=True)
class DayIndex:
    """One index of the prefix, or what is reached by its name: an alias stands for the indices behind it.

    Attributes:
        name: of the index, or of the alias.
        day: in UTC, as the name says.
        closed: whether it is closed: it is not searched, and nothing is written to it.
        health: `green`, `yellow`, `red`; empty where the cluster does not tell.
        shards: its primary shards.
        active: how many of these have a node.
    """

    name: str
    day: date
    closed: bool = False
    health: str = ""
    shards: int = 0
    active: int = 0

    @property
    def trouble(self) -> str:
        """Why it cannot be asked whole, in words; empty where nothing is known against it."""
        if self.closed:
            return "closed"
        if self.health == "red":
            return f"red: {self.shards - self.active} of its {self.shards} primary shards are on no node"
        return ""


@dataclass(frozen=True, slots=True)
class Indices:
    """The indices of a prefix, or those of some of its days.

    Attributes:
        client: asks the cluster.
        prefix: the first part of their names.
        days: the indices, the oldest first.
        strangers: other indices whose names begin alike, such as copies of a day.
        health_unknown: why the cluster does not tell their health; empty where it does.
    """

    client: OpenSearch
    prefix: str
    days: tuple[DayIndex, ...]
    strangers: tuple[str, ...] = ()
    health_unknown: str = ""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.days)

    @property
    def names(self) -> list[str]:
        """Their names, the oldest first."""
        return [each.name for each in self.days]

    @property
    def troubles(self) -> dict[str, str]:
        """Those that cannot be asked whole -> why."""
        return {each.name: each.trouble for each in self.days if each.trouble}

    @property
    def path(self) -> str:
        """They as the path of a request: their names, or where that is too long the months they are of."""
        if not self.days:
            return f"{self.prefix}-{_NEVER}"
        names = ",".join(self.names)
        if len(names) <= _LONGEST:
            return names
        months = dict.fromkeys(f"{name[:-2]}*" for name in self.names)
        others = (each for each in self.strangers if each[: len(self.names[0]) - 2] + "*" in months)
        return ",".join([*months, *(f"-{each}" for each in others)])

    def between(self, since: datetime | None, until: datetime | None) -> "Indices":
        """Return those that may hold events from `since` until just before `until`; None for no end."""
        last = until and (until - timedelta(microseconds=1)).date()
        days = (
            each
            for each in self.days
            if (since is None or each.day >= since.date()) and (last is None or each.day <= last)
        )
        return replace(self, days=tuple(days))

    def find_missing(self, since: datetime, until: datetime) -> list[str]:
        """Return the names of the days from `since` until just before `until` that have no index."""
        first, last = since.date(), (until - timedelta(microseconds=1)).date()
        there = {each.day for each in self.days}
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [name_day(self.prefix, each) for each in days if each not in there]

    def parts(self) -> Iterator["Indices"]:
        """Give them in parts whose names have room in one path, exactly; nothing where there are none."""
        part: list[DayIndex] = []
        for each in self.days:
            if part and sum(len(one.name) + 1 for one in part) + len(each.name) > _LONGEST:
                yield replace(self, days=tuple(part))
                part = []
            part.append(each)
        if part:
            yield replace(self, days=tuple(part))

    def demand_whole(self) -> None:
        """Refuse to ask where it is known before that the answer would lack something.

        Raises:
            IncompleteError: names the indices.
        """
        if self.troubles:
            raise IncompleteError(self.troubles)

    def refresh(self) -> str:
        """Make visible what was written last; return why that is not so, or nothing.

        What is red is left out: OpenSearch would wait a minute for its shards.
        """
        why = ""
        for part in replace(self, days=tuple(each for each in self.days if not each.trouble)).parts():
            try:
                with readable():
                    reply = self.client.indices.refresh(index=part.path)
                    # Not successful < total: a copy without a node counts as well, and is refreshed later.
                    failures = read_failures(reply["_shards"])
            except (AuthorizationException, NotFoundError, RequestError) as error:
                why = f"what was written last may not be visible yet: {read_reason(error)}"
                continue
            if failures:
                why = f"what was written last may not be visible yet: {show_troubles(failures)}"
        return why

    def search(self, body: Json, **params: object) -> Json:
        """Search all of them.

        Args:
            body: of the search.
            params: of the API, such as `scroll`.

        Raises:
            IncompleteError: an index is closed or red, a shard failed, or the time was over.
            opensearchpy.exceptions.OpenSearchException: there is no answer.
        """
        self.demand_whole()
        reply, troubles = self.search_partly(body, **params)
        if troubles:
            raise IncompleteError(troubles)
        return reply

    def search_partly(self, body: Json, **params: object) -> tuple[Json, dict[str, str]]:
        """Search those that answer; return the answer, and what it lacks: index -> why.

        Raises:
            IncompleteError: none of them answers.
            UnreadableError: what answers does not as OpenSearch does.
            opensearchpy.exceptions.OpenSearchException: there is no answer.
        """
        open_ = replace(self, days=tuple(each for each in self.days if not each.closed))
        body = {"timeout": f"{SERVER_SECONDS}s", **body}
        params = {"request_timeout": SECONDS, **params}
        try:
            with readable():
                reply: Json = self.client.search(index=open_.path, body=body, params=params)
        except TransportError as error:
            raise _translate(open_, error) from error
        demand_answer(reply)
        lacking = judge(reply)
        if UNNAMED in lacking:
            lacking |= _name_lacking(open_, lacking.pop(UNNAMED))
        return reply, self.troubles | lacking

    def count(self, query: Json) -> int:
        """Count the documents of all of them; raises what `search` raises."""
        if not self.days:
            return 0
        # Not _count: it does not say that its time was over.
        body = {"size": 0, "track_total_hits": True, "query": query}
        return int(self.search(body)["hits"]["total"]["value"])


def _name_lacking(indices: Indices, why: str) -> dict[str, str]:
    """Return the indices without whose shards an answer came: OpenSearch names them if it must not."""
    if indices.troubles:
        return indices.troubles
    params = {"request_timeout": SECONDS, "allow_partial_search_results": "false"}
    try:
        indices.client.search(index=indices.path, body={"size": 0}, params=params)
    except TransportError as error:
        return dict.fromkeys(_MISSING.findall(str(error.info)) or indices.names, why)
    return dict.fromkeys(indices.names, why)  # it has come back meanwhile: that answer lacked it all the same


def _translate(indices: Indices, error: TransportError) -> TransportError | IncompleteError:
    """Return what an answer of no shard at all means."""
    if error.status_code != HTTPStatus.SERVICE_UNAVAILABLE or not indices.days:
        return error
    named = _MISSING.findall(str(error.info)) or indices.names
    return IncompleteError(dict.fromkeys(named, "red: a shard of it does not answer") | indices.troubles)
