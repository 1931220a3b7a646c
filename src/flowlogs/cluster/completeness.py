"""Whether an answer is of all that was asked, and what lacks where it is not."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from opensearchpy.exceptions import OpenSearchException, SerializationError, TransportError

SERVER_SECONDS: Final = 50
"""How long the cluster itself shall try: its own word that time was over says more than silence."""

UNNAMED: Final = ""
"""In place of an index, where an answer does not say which one lacks."""

UNREADABLE: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What is raised where an answer has another shape than OpenSearch gives it."""

_MOST_NAMED: Final = 5


class UnreadableError(OpenSearchException):
    """Something answers with success, and not as OpenSearch does: a proxy, or another product."""

    def __init__(self, said: str) -> None:
        """Say what is odd in the answer."""
        super().__init__(
            f"what is answered at OPENSEARCH_URL is no answer of OpenSearch: {said}. Is a proxy before it?"
        )


@contextmanager
def readable() -> Iterator[None]:
    """Turn what an answer of another shape raises into a sentence.

    Raises:
        UnreadableError: what is answered is not what OpenSearch answers.
    """
    try:
        yield
    except SerializationError as error:  # a web page, or broken JSON
        raise UnreadableError(str(error.args[0])) from error
    except UNREADABLE as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error


def demand_answer(reply: object) -> None:
    """Refuse what is no answer to a search: it would count as one that found nothing.

    Raises:
        UnreadableError: it lacks what each answer has.
    """
    match reply:
        case {"_shards": {"total": int(), "successful": int()}, "hits": {"hits": list()}}:
            return
    raise UnreadableError("a search has neither hits nor shards")


def read_reason(error: TransportError) -> str:
    """Return the status of a refusal, and why it is one."""
    match error.info:
        case {"error": {"reason": str(reason)}}:
            return f"{error.status_code} {reason}"
    return f"{error.status_code} {error.error}"


class IncompleteError(OpenSearchException):
    """The cluster answered, but not for all that was asked.

    Attributes:
        troubles: index -> why it did not answer.
    """

    def __init__(self, troubles: Mapping[str, str]) -> None:
        """Say which indices lack in the answer, and why."""
        self.troubles = dict(troubles)
        super().__init__(f"OpenSearch does not answer whole: {show_troubles(troubles)}")

    def __str__(self) -> str:
        """Return the sentence; that of the library would begin with a status."""
        return str(self.args[0])


def show_troubles(troubles: Mapping[str, str]) -> str:
    """Return indices and what is wrong with them, such as `cwl-2026.01.12 is closed`."""
    shown = [f"{name} is {trouble}" for name, trouble in sorted(troubles.items())]
    more = [f"and {len(shown) - _MOST_NAMED} more"] if len(shown) > _MOST_NAMED else []
    return ", ".join(shown[:_MOST_NAMED] + more)


def judge(reply: Mapping[str, Any]) -> dict[str, str]:
    """Return what the answer to a search lacks: index -> why; nothing where it is whole.

    The index is empty where the reply does not say which one it was.
    """
    shards = reply.get("_shards", {})
    troubles = read_failures(shards)
    lacking = shards.get("total", 0) - shards.get("successful", 0)
    if lacking and not troubles:
        troubles[UNNAMED] = f"not whole: {lacking} of {shards['total']} shards do not answer"
    if reply.get("timed_out"):
        troubles[UNNAMED] = f"too slow: no whole answer within {SERVER_SECONDS} seconds"
    return troubles


def read_failures(shards: Mapping[str, Any]) -> dict[str, str]:
    """Return the shards that failed, by index -> why, from the `_shards` of an answer."""
    return {
        str(each.get("index")): f"not whole: {each.get('reason', {}).get('reason') or 'a shard failed'}"
        for each in shards.get("failures", ())
    }
