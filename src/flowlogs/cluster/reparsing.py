"""Documents of lines that could not be parsed, parsed again and corrected in place."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from opensearchpy import OpenSearch
from opensearchpy.exceptions import OpenSearchException

from flowlogs.cluster.completeness import IncompleteError, demand_answer, judge, readable
from flowlogs.cluster.indices import Indices
from flowlogs.cluster.listing import read_indices
from flowlogs.terminal.progress import shown_progress
from handler.config import Config
from parser.document import PARSE_ERROR, UNPARSED, build, encode_json
from parser.subscription import Event, Subscription

PAGE: Final = 500
"""Documents read at a time."""

SCROLL: Final = "5m"
"""How long the cluster keeps the search open between two pages."""

OK: Final = range(200, 300)
CONFLICT: Final = 409
SAMPLES: Final = 3
"""How many documents are shown before and after."""

LUCKY: Final = 0.1
"""Where fewer than this part of the lines of a format's length have values of its types, those are luck."""


_SHAPES: Final = {
    "account_id": re.compile(r"\d{12}|unknown"),
    "action": re.compile("ACCEPT|REJECT"),
    "flow_direction": re.compile("ingress|egress"),
    "interface_id": re.compile(r"eni-\w+"),
    "log_status": re.compile("OK|NODATA|SKIPDATA"),
    "subnet_id": re.compile(r"subnet-\w+"),
    "vpc_id": re.compile(r"vpc-\w+"),
}
"""Fields whose values can be told, though their type takes any text."""

_LONGEST: Final = 40
"""Characters shown of a value."""


@dataclass(slots=True)
class Result:
    """What became of the documents with a parse error.

    Attributes:
        shards: of the indices that were asked; 0 where there is no index.
        before: how many there were.
        parsed: can be parsed now, and are overwritten (in a dry run: would be).
        failing: still cannot be parsed; left as they are.
        changed: were changed or deleted by others in the meantime; left as they are.
        refused: OpenSearch did not take the new document; the old one is as it was.
        after: how many there are now.
        reasons: why lines still cannot be parsed, with how many of each.
        refusals: why documents were refused, with how many of each.
        samples: of those that can be parsed, some lines and what becomes of them.
        unlikely: why the formats cannot be right, so that nothing more was written; else empty.
        unrefreshed: why what was written last may not be counted; else empty.
    """

    shards: int = 0
    before: int = 0
    parsed: int = 0
    failing: int = 0
    changed: int = 0
    refused: int = 0
    after: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)
    unlikely: str = ""
    unrefreshed: str = ""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A document as it shall be, and the one that it takes the place of."""

    hit: dict[str, Any]
    document: bytes

    def encode(self) -> bytes:
        """Return the two lines of a bulk request: done only if nobody has changed the document since."""
        action = {
            "_index": self.hit["_index"],
            "_id": self.hit["_id"],
            "if_seq_no": self.hit["_seq_no"],
            "if_primary_term": self.hit["_primary_term"],
        }
        return encode_json({"index": action}) + b"\n" + self.document + b"\n"


class Reparse:
    """One run over the documents of a time."""

    def __init__(
        self,
        client: OpenSearch,
        config: Config,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        dry_run: bool = False,
    ) -> None:
        """Prepare; nothing is asked yet. The times are those of the events; None where they have no end."""
        self._client = client
        self._config = config
        self._since, self._until = since, until
        self._dry_run = dry_run
        times = {"gte": since, "lt": until}
        bounds = {name: moment.isoformat() for name, moment in times.items() if moment is not None}
        self._query = {
            "bool": {
                "filter": [
                    {"exists": {"field": PARSE_ERROR}},
                    *([{"range": {"@timestamp": bounds}}] if bounds else []),
                ]
            }
        }
        self.result = Result()

    def run(self) -> Result:
        """Handle all documents.

        Raises:
            IncompleteError: an index is closed or red, or does not answer whole: what is not seen is not
                called none.
        """
        indices = read_indices(self._client, self._config.index_prefix).between(self._since, self._until)
        indices.demand_whole()
        self.result.before = self._count(indices)
        if not self.result.shards:
            return self.result
        with shown_progress("parsing again", self.result.before) as advance:
            for part in indices.parts():
                for hits in self._pages(part):
                    if not self._handle(hits):
                        break
                    advance(len(hits))
                if self.result.unlikely:
                    break
        self.result.after = self._count(indices)
        return self.result

    def _count(self, indices: Indices) -> int:
        self.result.unrefreshed = indices.refresh()
        body = {"size": 0, "track_total_hits": True, "query": self._query}
        replies = [part.search(body) for part in indices.parts()]
        self.result.shards = sum(int(each["_shards"]["total"]) for each in replies)
        return sum(int(each["hits"]["total"]["value"]) for each in replies)

    def _pages(self, indices: Indices) -> Iterator[list[dict[str, Any]]]:
        """Read all documents as they were at the start: what is overwritten on the way changes nothing."""
        body = {"query": self._query, "size": PAGE, "sort": ["_doc"], "seq_no_primary_term": True}
        page = indices.search(body, scroll=SCROLL)
        try:
            while page["hits"]["hits"]:
                yield page["hits"]["hits"]
                with readable():
                    page = self._client.scroll(body={"scroll": SCROLL, "scroll_id": page["_scroll_id"]})
                demand_answer(page)
                if lacking := judge(page):
                    raise IncompleteError({name or indices.path: why for name, why in lacking.items()})
        finally:
            # It ends by itself, too. Whatever happened to the search is what people are told.
            with suppress(OpenSearchException):
                self._client.clear_scroll(body={"scroll_id": [page["_scroll_id"]]})

    def _handle(self, hits: list[dict[str, Any]]) -> bool:
        """Handle the documents of a page; return whether the formats may be right, so that one goes on."""
        rebuilt = [(hit, rebuild(hit, self._config)) for hit in hits]
        parsed = [(hit, document) for hit, document in rebuilt if PARSE_ERROR not in document]
        failing = [str(document[PARSE_ERROR]) for _, document in rebuilt if PARSE_ERROR in document]
        self.result.unlikely = doubt([document for _, document in parsed], failing)
        if self.result.unlikely:
            return False
        self.result.failing += len(failing)
        self.result.reasons.update(failing)
        room = SAMPLES - len(self.result.samples)
        self.result.samples += [
            {"_index": hit["_index"], "_id": hit["_id"], "before": hit["_source"], "after": document}
            for hit, document in parsed[:room]
        ]
        if self._dry_run:
            self.result.parsed += len(parsed)
            return True
        for part in self._split([Replacement(hit, encode_json(document)) for hit, document in parsed]):
            self._write(part)
        return True

    def _split(self, replacements: Sequence[Replacement]) -> Iterator[list[Replacement]]:
        """Give them in requests that OpenSearch takes."""
        part: list[Replacement] = []
        size = 0
        for each in replacements:
            length = len(each.encode())
            if part and size + length > self._config.max_bulk_bytes:
                yield part
                part, size = [], 0
            part.append(each)
            size += length
        if part:
            yield part

    def _write(self, part: list[Replacement]) -> None:
        reply = self._client.bulk(body=b"".join(each.encode() for each in part))
        for item in reply["items"]:
            done = item["index"]
            if done["status"] in OK:
                self.result.parsed += 1
            elif done["status"] == CONFLICT:
                self.result.changed += 1
            else:
                self.result.refused += 1
                error = done.get("error", {})
                self.result.refusals[f"{done['status']} {error.get('type')}: {error.get('reason')}"] += 1


def rebuild(hit: dict[str, Any], config: Config) -> dict[str, Any]:
    """Return the document that the forward function would make today of a hit's event.

    Its `@message` stays whatever the configuration says, since a format may be wrong though it fits, and so
    does what others have added. A document that lacks what is needed keeps its parse error.
    """
    source = hit["_source"]
    try:
        event = Event(hit["_id"], _read_milliseconds(source["@timestamp"]), source["@message"])
        subscription = Subscription(
            owner=source["@owner"],
            log_group=source["@log_group"],
            log_stream=source["@log_stream"],
            events=(),
        )
    except (KeyError, ValueError, TypeError) as error:
        return {PARSE_ERROR: f"the document is none of ours: {error!r}"}
    added = {name: value for name, value in source.items() if name not in (PARSE_ERROR, UNPARSED)}
    return added | build(event, subscription, config.formats, keep_message=True)


def doubt(parsed: Sequence[Mapping[str, Any]], failing: Sequence[str]) -> str:
    """Return why the formats cannot be right, though some lines fit; empty where they may be.

    Args:
        parsed: the documents of lines that fit.
        failing: why the other lines do not.
    """
    strange = [found for document in parsed if (found := _find_strange(document))]
    if len(strange) * 2 > len(parsed):
        shown = f"{len(strange)} of {len(parsed)} lines that fit"
        return f"{shown} would have values that no flow log has, such as {strange[0]}"
    typed = sum(" is not " in each for each in failing)
    if parsed and len(parsed) < LUCKY * typed:
        return f"only {len(parsed)} of {len(parsed) + typed} lines of that length have values of its types"
    return ""


def _find_strange(document: Mapping[str, Any]) -> str:
    """Return a field with a value that it never has; empty where there is none."""
    for name, shape in _SHAPES.items():
        if name in document and not shape.fullmatch(str(document[name])):
            return f"{name} {str(document[name])[:_LONGEST]!r}"
    return ""


def _read_milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    whole = moment.replace(microsecond=0, tzinfo=moment.tzinfo or UTC)
    return int(whole.timestamp()) * 1000 + moment.microsecond // 1000
