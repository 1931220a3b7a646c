"""A server that answers like OpenSearch, and checks and counts what it is sent.

It runs in a process of its own (`python -m benchmarks.sink [MILLISECONDS]`), prints its port,
takes that long for each answer, and serves

    POST /_bulk, /<index>/_bulk   bulk requests, plain or gzipped, with or without filter_path
    GET /counts                   requests, documents, bytes on the wire and bytes inflated
    GET /documents                the documents since the last reset, where RECORD was asked for
    POST /reset?record=1          forget counts and documents; keep documents from now on
"""

import asyncio
import json
import sys
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from isal import isal_zlib

GZIP: Final = 31
ITEM: Final = (
    '{"_index":%s,"_id":%s,"_version":1,"result":"created","_shards":{"total":2,"successful":1,"failed":0},'
    '"_seq_no":%d,"_primary_term":1,"status":201}'
)
"""What OpenSearch says about a document that it has taken."""


@dataclass(slots=True)
class Counts:
    """What has arrived.

    Attributes:
        requests: bulk requests.
        documents: documents in them.
        wire_bytes: bytes of the bodies, as they were sent.
        bytes: bytes of the bodies, inflated.
    """

    requests: int = 0
    documents: int = 0
    wire_bytes: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Sink:
    """What the server keeps."""

    counts: Counts = field(default_factory=Counts)
    documents: list[tuple[str, str, Any]] = field(default_factory=list)
    record: bool = False

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        """Return the reply to a request, as JSON.

        Raises:
            ValueError: the request is not one that OpenSearch would take.
        """
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        if method == "GET" and parts.path == "/counts":
            return json.dumps(asdict(self.counts)).encode()
        if method == "GET" and parts.path == "/documents":
            return json.dumps(self.documents).encode()
        if method == "POST" and parts.path == "/reset":
            self.counts, self.documents, self.record = Counts(), [], "record" in query
            return b"{}"
        if method == "POST" and parts.path.endswith("/_bulk"):
            index = parts.path.removesuffix("/_bulk").strip("/")
            return self._take(index, headers, body, filtered="filter_path" in query)
        raise ValueError(f"nothing at {method} {parts.path}")

    def _take(self, index: str, headers: dict[str, str], body: bytes, *, filtered: bool) -> bytes:
        text = isal_zlib.decompress(body, GZIP) if headers.get("content-encoding") == "gzip" else body
        lines = text.split(b"\n")
        if lines.pop() != b"" or len(lines) % 2:
            raise ValueError("a bulk body is pairs of lines, each with its end")
        self.counts.requests += 1
        self.counts.documents += len(lines) // 2
        self.counts.wire_bytes += len(body)
        self.counts.bytes += len(text)
        if filtered and not self.record:
            items = [b'{"create":{"status":201}}'] * (len(lines) // 2)
        else:
            items = self._read(index, lines, filtered=filtered)
        took = b"" if filtered else b'"took":7,'
        return b'{%s"errors":false,"items":[%s]}' % (took, b",".join(items))

    def _read(self, index: str, lines: list[bytes], *, filtered: bool) -> list[bytes]:
        items = []
        for position in range(0, len(lines), 2):
            ((action, about),) = json.loads(lines[position]).items()
            name, identity = about.get("_index", index), about["_id"]
            if self.record:
                self.documents.append((name, identity, json.loads(lines[position + 1])))
            item = '{"status":201}' if filtered else ITEM % (json.dumps(name), json.dumps(identity), position)
            items.append(f'{{"{action}":{item}}}'.encode())
        return items


async def serve(sink: Sink, delay: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, each after so many seconds, until it is closed."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            first, *rest = head.decode("latin-1").split("\r\n")[:-2]
            method, target, _ = first.split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            await asyncio.sleep(delay)
            status = "200 OK"
            try:
                reply = sink.answer(method, target, headers, body)
            except (ValueError, KeyError, zlib.error) as error:
                status, reply = "400 Bad Request", json.dumps({"error": str(error), "status": 400}).encode()
            start = f"HTTP/1.1 {status}\r\ncontent-type: application/json; charset=UTF-8\r\n"
            if mark := headers.get("x-opaque-id"):
                start += f"X-Opaque-Id: {mark}\r\n"
            writer.write(f"{start}content-length: {len(reply)}\r\n\r\n".encode() + reply)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Serve until standard input is closed."""
    sink = Sink()
    delay = int(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0
    server = await asyncio.start_server(
        lambda reader, writer: serve(sink, delay, reader, writer), "127.0.0.1", 0, limit=2**20
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
