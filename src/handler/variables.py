"""What the variables of the functions' environment may hold: each is checked, and says what is allowed.

Every function here raises ValueError for what cannot be used.
"""

import ipaddress
import re
import ssl
from typing import Final
from urllib.parse import SplitResult, urlsplit

MEBIBYTE: Final = 1024 * 1024
SMALLEST_BULK_BYTES: Final = 64 * 1024
LARGEST_BULK_BYTES: Final = 9 * MEBIBYTE
"""Small instance types of Amazon OpenSearch Service refuse requests above 10 MiB, uncompressed."""

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1", "host.docker.internal"})
"""Hosts to which a request may travel without TLS: this machine, also as a container names it."""

AUTO: Final = "auto"
"""Of INDEX_REPLICAS: one copy where there is a second node."""

SERVICES: Final = ("es", "aoss")

LONGEST_RETENTION: Final = 3650
"""Days, as in the template."""

SHORTEST_STREAM: Final = 24
LONGEST_STREAM: Final = 8760
"""Hours that a Kinesis stream can keep its records."""

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


def read_url(text: str, *, unsigned: bool) -> str:
    """Return the address of OpenSearch, without a path. `unsigned`: nobody signs in."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must start with https:// and a host name")
    if "@" in parts.netloc:
        raise ValueError(
            "it must not hold a user name or password; use OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("it must end after the host and port")
    if not _is_host(parts.hostname):
        raise ValueError("a host name has letters, digits, '-' and '.' only")
    if not _has_usable_port(parts):
        raise ValueError("the port must be a number from 1 to 65535")
    local = parts.hostname in LOCAL_HOSTS
    if parts.scheme == "http" and not local:
        raise ValueError("without TLS only this machine may be addressed; use https://")
    if unsigned and not local:
        raise ValueError("OPENSEARCH_AUTH=none is for this machine only; use iam or basic")
    return f"{parts.scheme}://{parts.netloc}"


def _is_host(name: str) -> bool:
    if ":" not in name:
        return _HOST.fullmatch(name) is not None
    try:
        ipaddress.IPv6Address(name)
    except ValueError:
        return False
    return True


def _has_usable_port(parts: SplitResult) -> bool:
    if parts.netloc.endswith(":"):
        return False
    try:
        return parts.port != 0
    except ValueError:
        return False


def read_service(text: str, *, signed: bool) -> str:
    """Return the name of the service that requests are signed for. `signed`: they are."""
    if text not in SERVICES:
        raise ValueError(f"allowed are {', '.join(SERVICES)}")
    if text == "aoss" and not signed:
        raise ValueError("a serverless collection takes signed requests only; use OPENSEARCH_AUTH=iam")
    return text


def read_region(text: str) -> str:
    """Return the name of a Region."""
    if not _REGION.fullmatch(text):
        raise ValueError("it must be the name of a Region, such as eu-central-1")
    return text


def read_ca_bundle(text: str) -> str:
    """Return the path of a file with certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except ssl.SSLError as error:
        raise ValueError("the file holds no certificates that can be read (PEM)") from error
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from error
    return text


def read_prefix(text: str) -> str:
    """Return the first part of index names."""
    if not _PREFIX.fullmatch(text):
        raise ValueError("allowed are lower-case letters, digits, '-' and '_', with a letter or digit first")
    return text


def read_bulk_bytes(text: str) -> int:
    """Return the largest body, in bytes."""
    if not text.isascii() or not text.isdigit():
        raise ValueError("it must be a whole number of bytes")
    number = int(text)
    if not SMALLEST_BULK_BYTES <= number <= LARGEST_BULK_BYTES:
        raise ValueError(f"allowed are {SMALLEST_BULK_BYTES} to {LARGEST_BULK_BYTES} bytes")
    return number


def read_days(text: str) -> int:
    """Return the days that indices are kept, 0 for ever."""
    if not text.isascii() or not text.isdigit():
        raise ValueError("it must be a whole number of days, 0 for ever")
    if len(text) > len(str(LONGEST_RETENTION)) or int(text) > LONGEST_RETENTION:
        raise ValueError(f"allowed are 0 to {LONGEST_RETENTION} days, 0 for ever")
    return int(text)


def read_shards(text: str) -> int:
    """Return the number of primary shards."""
    return _read_number(text, 1, 100)


def read_replicas(text: str) -> int | None:
    """Return the number of copies; None for one where there is a second node."""
    return None if text == AUTO else _read_number(text, 0, 10)


def read_hours(text: str) -> int:
    """Return the hours that a stream keeps its records."""
    return _read_number(text, SHORTEST_STREAM, LONGEST_STREAM)


def _read_number(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ValueError(f"allowed are whole numbers from {least} to {most}")
    return int(text)
