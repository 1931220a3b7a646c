"""`flowlogs reparse`: lines that could not be parsed, parsed again with today's formats, in place."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from opensearchpy import OpenSearch
from rich.console import Console
from rich.text import Text

from flowlogs.cluster.deployment import Deployment, open_cluster
from flowlogs.terminal.display import count_of, format_count, make_console, plain_table
from flowlogs.terminal.exits import INCOMPLETE, explained
from flowlogs.terminal.options import EventSince, EventUntil, Json, Stack, in_utc
from flowlogs.terminal.progress import shown_progress
from handler.config import Config
from parser.document import PARSE_ERROR, build, encode_json
from parser.subscription import Event, Subscription

PAGE: Final = 500
"""Documents read at a time."""

SCROLL: Final = "5m"
"""How long the cluster keeps the search open between two pages."""

OK: Final = range(200, 300)
CONFLICT: Final = 409
REASONS: Final = 10
"""How many reasons are shown of lines that still cannot be parsed."""


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


def reparse_command(
    *,
    stack: Stack = None,
    since: EventSince = None,
    until: EventUntil = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be, change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Parse lines again that could not be parsed, and correct their documents.

    A line that fits none of LOG_FORMATS is indexed with its text and a
    parse_error. After LOG_FORMATS is corrected, this reads such documents
    back, parses them with today's formats and overwrites them in place,
    under the same _id in the same index. The formats are those of the
    function of --stack, or LOG_FORMATS where it is set here. What still
    cannot be parsed, or what somebody else changes meanwhile, is left.

    Exit status 1 says that documents with a parse error are there.

    [bold]Examples[/bold]

    flowlogs reparse --dry-run --stack flowlogs

    flowlogs reparse --since 2026-11-22 --until 2026-11-24
    """
    with explained():
        deployment = Deployment().complete(stack)
        config, client = open_cluster(deployment, stack, exact=True)
        reparse = Reparse(client, config, in_utc(since), in_utc(until), dry_run=dry_run)
        result = reparse.run()
    if as_json:
        print(json.dumps({"dry_run": dry_run, **to_json(result)}, indent=2))
    elif not result.shards:
        indices = name_indices(config)
        print(f"there is no open index {indices}: nothing to parse again (INDEX_PREFIX names others)")
    else:
        _print(make_console(), result, dry_run=dry_run)
    if result.after:
        raise typer.Exit(INCOMPLETE)


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
        """Handle all documents."""
        self.result.before = self._count()
        if not self.result.shards:
            return self.result
        with shown_progress("parsing again", self.result.before) as advance:
            for hits in self._pages():
                self._handle(hits)
                advance(len(hits))
        self.result.after = self._count()
        return self.result

    def _count(self) -> int:
        indices = name_indices(self._config)
        self._client.indices.refresh(index=indices, params={"ignore_unavailable": "true"})
        reply = self._client.count(index=indices, body={"query": self._query})
        self.result.shards = int(reply["_shards"]["total"])
        return int(reply["count"])

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        """Read all documents as they were at the start: what is overwritten on the way changes nothing."""
        body = {"query": self._query, "size": PAGE, "sort": ["_doc"], "seq_no_primary_term": True}
        page = self._client.search(index=name_indices(self._config), body=body, params={"scroll": SCROLL})
        try:
            while page["hits"]["hits"]:
                yield page["hits"]["hits"]
                page = self._client.scroll(body={"scroll": SCROLL, "scroll_id": page["_scroll_id"]})
        finally:
            if "_scroll_id" in page:  # not where the last index has just been deleted
                self._client.clear_scroll(body={"scroll_id": [page["_scroll_id"]]})

    def _handle(self, hits: list[dict[str, Any]]) -> None:
        replacements: list[Replacement] = []
        for hit in hits:
            document = rebuild(hit, self._config)
            if PARSE_ERROR in document:
                self.result.failing += 1
                self.result.reasons[str(document[PARSE_ERROR])] += 1
            else:
                replacements.append(Replacement(hit, encode_json(document)))
        if self._dry_run:
            self.result.parsed += len(replacements)
            return
        for part in self._split(replacements):
            self._write(part)

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


def name_indices(config: Config) -> str:
    """Return the name of all indices that a configuration means."""
    return f"{config.index_prefix}-*"


def rebuild(hit: dict[str, Any], config: Config) -> dict[str, Any]:
    """Return the document that the forward function would make today of a hit's event.

    A document that lacks what is needed for that keeps its parse error.
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
    return dict(build(event, subscription, config.formats, keep_message=config.keep_message))


def _read_milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    whole = moment.replace(microsecond=0, tzinfo=moment.tzinfo or UTC)
    return int(whole.timestamp()) * 1000 + moment.microsecond // 1000


def to_json(result: Result) -> dict[str, Any]:
    """Return a result as JSON; its counters as objects."""
    return {
        name: dict(getattr(result, name)) if name in ("reasons", "refusals") else getattr(result, name)
        for name in Result.__slots__
    }


def _print(console: Console, result: Result, *, dry_run: bool) -> None:
    verb = "can be parsed now" if dry_run else "parsed and overwritten"
    console.print(f"{count_of(result.before, 'document')} had a parse error")
    console.print(f"{format_count(result.parsed)} {verb}")
    console.print(f"{format_count(result.failing)} still cannot be parsed, left as before")
    if result.changed:
        changed = count_of(result.changed, "document", "was", "were")
        console.print(f"{changed} changed by somebody else meanwhile: run it again")
    if result.refused:
        refused = count_of(result.refused, "document", "was", "were")
        console.print(f"{refused} refused by OpenSearch, left as before:")
    for title, counts in (("why refused", result.refusals), ("why not", result.reasons)):
        if counts:
            table = plain_table("documents", title, right=["documents"])
            for reason, number in counts.most_common(REASONS):
                table.add_row(format_count(number), Text(reason))  # not markup: reasons have brackets
            console.print(table)
    console.print(f"{count_of(result.after, 'document', 'has', 'have')} a parse error now")
