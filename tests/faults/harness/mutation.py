"""What a safeguard is taken away with: code of this process is changed, for good."""

import contextlib
import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from handler.batch import Safe
from parser import bulk


@dataclass(frozen=True)
class Mutation:
    """What is taken away, and the test that must notice: a file, and words of the test's name."""

    apply: Callable[[], None]
    file: str
    words: str


def patch(owner: Any, name: str, value: Any) -> None:
    """Change the code of this process, for good."""
    setattr(owner, name, value)


def change_bodies(change: Callable[[bytes], bytes]) -> None:
    """Change the rows of each body, once it is made."""
    finish = bulk._Builder.finish

    def finish_changed(self: bulk._Builder) -> bulk.Body:
        body = finish(self)
        return replace(body, data=gzip.compress(change(gzip.decompress(body.data))))

    patch(bulk._Builder, "finish", finish_changed)


def succeed_always() -> None:
    """Return success though the store refused."""
    keep = Safe.keep

    def keep_silently(*arguments: Any, **named: Any) -> None:
        with contextlib.suppress(Exception):  # this is the defect
            keep(*arguments, **named)

    patch(Safe, "keep", keep_silently)
