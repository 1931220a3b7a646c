"""CloudFormation's custom resources: what it asks for, and the answer that it waits for.

Without an answer a stack hangs until the resource's timeout, so there is always one, and only one.
"""

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from urllib3.util import Retry, Timeout

PHYSICAL_ID: Final = "flowlogs-setup"
"""Never another one: a change of it would make CloudFormation delete what it replaced."""

LONGEST_REASON: Final = 900
LONGEST_VALUE: Final = 300
LONGEST_WARNINGS: Final = 900
LARGEST_ANSWER: Final = 4096
"""Bytes; CloudFormation reads no more. The others: characters."""

FORMATS: Final = "LogFormats"
WARNINGS: Final = "Warnings"
"""Attributes that the template reads: an answer that has them keeps them, whatever else is too long."""

_LONGEST: Final = {FORMATS: LARGEST_ANSWER, WARNINGS: LONGEST_WARNINGS}

ANSWER_SECONDS: Final = 3.0
ANSWER_TRIES: Final = 3


HTTPS: Final = 443
WAY_TRIES: Final = 3
WAY_SECONDS: Final = 5.0
WAY_PAUSE: Final = 2.0
"""Tries of a connection to S3, seconds for each, and between two."""

NO_WAY: Final = (
    "the setup cannot tell CloudFormation anything, for S3 is not reached: give FunctionSubnetIds a gateway "
    "endpoint of S3 or a NAT gateway, and let port 443 out of FunctionSecurityGroupIds"
)


class NoWayError(Exception):
    """S3, which passes the answer on, is not reached, so nothing was begun."""


CREATE: Final = "Create"
UPDATE: Final = "Update"
DELETE: Final = "Delete"


class Status(Enum):
    """What it is answered."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of CloudFormation.

    Attributes:
        kind: `Create`, `Update` or `Delete`.
        url: where the answer goes; who has it can answer, so it is not logged.
        identity: what the answer must repeat.
        properties: of the resource, as the template has them.
    """

    kind: str
    url: str = field(repr=False)
    identity: dict[str, str]
    properties: dict[str, Any]

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> "Request":
        """Read the event of an invocation.

        Raises:
            ValueError: it does not come from CloudFormation, so that nobody waits for an answer.
        """
        if not event.get("ResponseURL"):
            raise ValueError("not a request of CloudFormation: there is no ResponseURL")
        names = ("StackId", "RequestId", "LogicalResourceId")
        return cls(
            kind=event.get("RequestType", ""),
            url=event["ResponseURL"],
            identity={name: event.get(name, "") for name in names}
            | {"PhysicalResourceId": event.get("PhysicalResourceId") or PHYSICAL_ID},
            properties=event.get("ResourceProperties") or {},
        )


class Responder:
    """Answers one request, once."""

    def __init__(self, request: Request) -> None:
        """Prepare; nothing is sent yet."""
        self._request = request
        self._lock = threading.Lock()
        self._answered = False

    def demand_way(self) -> None:
        """Make sure that the answer will arrive, before anything is done.

        Raises:
            NoWayError: it would not: the address is S3's, to which a VPC may have no way.
        """
        parts = urlsplit(self._request.url)
        address = (parts.hostname or "", parts.port or HTTPS)
        for again in range(WAY_TRIES - 1, -1, -1):
            try:
                socket.create_connection(address, timeout=WAY_SECONDS).close()
            except OSError as error:
                if not again:
                    raise NoWayError(f"{NO_WAY} ({address[0]}: {error})") from error
                time.sleep(WAY_PAUSE)
            else:
                return

    def answer(self, status: Status, reason: str, data: dict[str, str] | None = None) -> bool:
        """Send the answer, unless one was sent; return whether this was it.

        Args:
            status: whether all went well.
            reason: for the person who looks at the stack.
            data: what `Fn::GetAtt` gives.

        Raises:
            urllib3.exceptions.HTTPError: it could not be sent.
        """
        with self._lock:
            if self._answered:
                return False
            _put(self._request.url, encode_answer(self._request, status, reason, data or {}))
            self._answered = True
        return True


def encode_answer(request: Request, status: Status, reason: str, data: dict[str, str]) -> bytes:
    """Return the body of an answer, short enough for CloudFormation."""
    answer: dict[str, Any] = {
        "Status": status.value,
        "Reason": reason[:LONGEST_REASON],
        **request.identity,
        "NoEcho": False,
        "Data": {name: value[: _LONGEST.get(name, LONGEST_VALUE)] for name, value in data.items()},
    }
    body = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
    if len(body) > LARGEST_ANSWER:
        answer["Data"] = {name: _plain(data[name]) for name in (FORMATS, WARNINGS) if name in data}
        body = json.dumps(_fit(answer, _plain(reason))).encode()
    return body


def _fit(answer: dict[str, Any], reason: str) -> dict[str, Any]:
    """Return an answer of one byte a character, and of its warnings and its reason what there is room for."""
    warnings = answer["Data"].get(WARNINGS, "")
    bare = {**answer, "Reason": "", "Data": {**answer["Data"], WARNINGS: ""}}
    room = LARGEST_ANSWER - len(json.dumps(bare))
    kept = warnings[: min(LONGEST_WARNINGS, room // 2)]
    bare["Reason"] = reason[: min(LONGEST_REASON, room - len(kept))]
    bare["Data"] |= {WARNINGS: kept}
    return bare


def _plain(text: str) -> str:
    """Return a text of which each character is one byte of JSON."""
    quoted = text.replace('"', "'").replace("\\", "/")
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in quoted)


def _put(url: str, body: bytes) -> None:
    # Any content type but the one that was signed, none, would be refused.
    headers = {"content-type": "", "content-length": str(len(body))}
    again = Retry(
        ANSWER_TRIES - 1, backoff_factor=0.5, status_forcelist=range(500, 600), allowed_methods=None
    )
    with urllib3.PoolManager() as pool:
        reply = pool.request(
            "PUT", url, body=body, headers=headers, timeout=Timeout(total=ANSWER_SECONDS), retries=again
        )
    if reply.status != HTTPStatus.OK:
        raise urllib3.exceptions.HTTPError(f"CloudFormation's address answered {reply.status}")
