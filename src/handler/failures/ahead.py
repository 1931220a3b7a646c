"""Objects of the failure store in their order, some of them read before they are asked for."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from handler.failures.client import is_of_s3
from handler.failures.content import Content, Pending
from handler.failures.store import FailureStore

READERS: Final = 8
"""Objects that are read at once. S3 answers in some 25 ms, so eight give 320 objects a second; what an object
costs of the processor allows for fewer. The client has ten connections."""

DEPTH: Final = 64
"""Objects that are read before they are asked for: what eight readers get while a request takes 200 ms."""

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of such objects together; a larger one is read when nothing else is."""

Read = Callable[[], Content | None]
"""Returns what an object holds; None where it is gone. Raises what reading it raised."""


class ReadAhead:
    """A queue of objects; a context manager.

    Attributes:
        depth: how many are read before they are asked for.
        broken_off: why the objects end before their time, where S3 did not list the others; else empty.
    """

    def __init__(
        self, store: FailureStore, objects: Iterable[Pending], may_read: Callable[[Pending], bool]
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            store: where they are.
            objects: which, in which order.
            may_read: whether an object may be read before it is asked for.
        """
        self._store = store
        self._objects = iter(objects)
        self._may_read = may_read
        self._queue: deque[tuple[Pending, Future[Content | None] | None]] = deque()
        self._size = 0
        self._pool = ThreadPoolExecutor(READERS)
        self.depth = 1
        self.broken_off = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def peek(self) -> Pending | None:
        """Return the next object; None behind the last."""
        self._fill()
        return self._queue[0][0] if self._queue else None

    def take(self) -> tuple[Pending, Read]:
        """Return the next object, of which there must be one, and what reads it."""
        self._fill()
        pending, future = self._queue.popleft()
        self._size -= pending.size
        return pending, future.result if future else lambda: self._store.read(pending.key)

    def rest(self) -> Iterator[Pending]:
        """Yield the objects that have not been taken, and read none of them."""
        for queued, future in self._queue:
            if future:
                future.cancel()
            yield queued
        while (pending := self._find_next()) is not None:
            yield pending

    def _fill(self) -> None:
        while len(self._queue) < self.depth and (not self._queue or self._size < MOST_BYTES):
            if (pending := self._find_next()) is None:
                return
            future = self._pool.submit(self._store.read, pending.key) if self._may_read(pending) else None
            self._queue.append((pending, future))
            self._size += pending.size

    def _find_next(self) -> Pending | None:
        """Return the next object; None behind the last, and where S3 does not list those behind it."""
        try:
            return next(self._objects, None)
        except Exception as error:
            if not is_of_s3(error):
                raise
            self.broken_off = str(error)
            return None
