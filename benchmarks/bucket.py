"""A server that answers like S3 to a replay: it lists, gives and drops the objects that it was told of.

It runs in a process of its own (`python -m benchmarks.bucket MILLISECONDS`), prints its port, takes that long
for each answer, and serves

    PUT /<bucket>/<key>             keep an object
    GET /<bucket>?list-type=2       a page of its objects
    GET /<bucket>/<key>             an object, or that there is none
    POST /<bucket>?delete           drop objects
"""

import asyncio
import hashlib
import re
import sys
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE: Final = 1_000
TIME: Final = "2026-01-15T12:00:00.000Z"
HTTP_TIME: Final = "Thu, 15 Jan 2026 12:00:00 GMT"
_KEYS: Final = re.compile(rb"<Key>(.*?)</Key>")
_NAMESPACE: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Bucket:
    """What the server keeps."""

    def __init__(self, delay: float) -> None:
        """Begin empty; an answer takes so many seconds."""
        self._delay = delay
        self._objects: dict[str, tuple[bytes, str]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        while line := await reader.readline():
            method, target, _ = line.decode().split(" ")
            headers = {}
            while (header := await reader.readline()).strip():
                name, _, value = header.decode().partition(":")
                headers[name.lower()] = value.strip()
            if headers.get("expect"):
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            if method != "PUT":  # by which it is filled
                await asyncio.sleep(self._delay)
            writer.write(self._answer(method, target, body))
        writer.close()

    def _answer(self, method: str, target: str, body: bytes) -> bytes:
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True)
        key = unquote(parts.path).lstrip("/").partition("/")[2]
        if "delete" in query:
            for each in _KEYS.findall(body):
                self._objects.pop(each.decode(), None)
            return _write(200, f"<DeleteResult {_NAMESPACE}/>".encode())
        if method == "PUT":
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            self._objects[key] = (body, etag)
            return _write(200, b"", ETag=f'"{etag}"')
        if method == "DELETE":
            self._objects.pop(key, None)
            return _write(204, b"")
        if not key:
            return _write(200, self._list(query))
        if key not in self._objects:
            return _write(404, b"<Error><Code>NoSuchKey</Code></Error>")
        data, etag = self._objects[key]
        return _write(200, data, ETag=f'"{etag}"', **{"Last-Modified": HTTP_TIME})

    def _list(self, query: dict[str, list[str]]) -> bytes:
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        keys = sorted(key for key in self._objects if key.startswith(prefix) and key > after)
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{TIME}</LastModified>"
            f"<ETag>&quot;{self._objects[key][1]}&quot;</ETag><Size>{len(self._objects[key][0])}</Size></Contents>"
            for key in keys[:PAGE]
        )
        more = len(keys) > PAGE
        token = f"<NextContinuationToken>{escape(keys[PAGE - 1])}</NextContinuationToken>" if more else ""
        return (
            f"<ListBucketResult {_NAMESPACE}><IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}"
            "</ListBucketResult>"
        ).encode()


def _write(status: int, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} OK", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def main() -> None:
    """Serve until standard input is closed."""
    bucket = Bucket(int(sys.argv[1]) / 1000)
    server = await asyncio.start_server(bucket.serve, "127.0.0.1", 0, limit=2**24)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
