"""The OpenSearch of this project's folder: what demo, invoke and `make opensearch` use, one at a time."""

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from flowlogs.local import loopback
from flowlogs.local.embedded import Embedded, announce
from flowlogs.local.errors import EmbeddedError
from flowlogs.local.places import choose_cache
from flowlogs.local.releases import DEFAULT_VERSION
from flowlogs.local.turn import take_turn

PORT = 9201
DATA = choose_cache()


@contextlib.contextmanager
def connect_or_start() -> Iterator[str]:
    """Give the URL of an OpenSearch to try things on.

    The one that OPENSEARCH_URL names; else the one that `make opensearch` keeps running; else one on the
    same data, started here and stopped at the end. One process at a time has it: who comes second waits, and
    says so. Raises EmbeddedError when none can be had.
    """
    own = os.environ.get("OPENSEARCH_URL", "").rstrip("/")
    node = _project_node()
    with take_turn(DATA, own or node.url, announce):
        if own or node.answers():
            yield own or node.url
            return
        if loopback.listens(node.port):
            node = Embedded(node.directory)  # the usual port is somebody else's
        with node:
            yield node.url


def serve() -> None:
    """Run the project's OpenSearch in the foreground until Ctrl-C; raise EmbeddedError if it cannot start."""
    node = _project_node()
    signal.signal(signal.SIGTERM, _leave)
    try:
        with contextlib.ExitStack() as running:
            with take_turn(DATA, node.url, announce):  # a demo stops at its end what it has started
                if node.answers():
                    print(f"OpenSearch {node.release.version} is already running at {node.url}")
                    return
                running.enter_context(node)
            print(f"OpenSearch {node.release.version} is running at {node.url}")
            print(f"its data: {node.directory}")
            print("stop it with Ctrl-C; the data stays", flush=True)
            status = node.wait()
            raise EmbeddedError(f"OpenSearch ended by itself, with status {status}; its log: {node.log}")
    except KeyboardInterrupt:
        print("\nstopped")


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _project_node() -> Embedded:
    return Embedded(DATA / DEFAULT_VERSION, port=PORT)
