"""Ports and requests on this machine's loopback address; no proxy ever comes between."""

import contextlib
import http.client
import json
import random
import socket
import ssl
from collections.abc import Mapping
from typing import Any

HOST = "127.0.0.1"
# Below OpenSearch's usual 9200 and 9201, which are left to the nodes that people start.
_LOW_PORTS = range(7000, 9200)


def request(
    port: int,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> tuple[int, Any]:
    """Send one request with a JSON body, bytes as they are, or none; return status and reply.

    The reply is decoded if it is JSON. With tls the connection is encrypted. Raises OSError or
    http.client.HTTPException when nothing answers.
    """
    connection = (
        http.client.HTTPSConnection(HOST, port, timeout=60, context=tls)
        if tls
        else http.client.HTTPConnection(HOST, port, timeout=60)
    )
    with contextlib.closing(connection):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        text = response.read()
        is_json = "json" in response.headers.get("Content-Type", "")
        return response.status, json.loads(text) if is_json and text else text.decode()


def listens(port: int) -> bool:
    """Tell whether something accepts connections on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """Return a port that nothing uses now, chosen by the system."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def free_low_port() -> int:
    """Return a port below 9200 that nothing uses now; raise OSError when there is none."""
    for port in random.SystemRandom().sample(_LOW_PORTS, len(_LOW_PORTS)):
        if not listens(port):
            return port
    raise OSError(f"no port from {_LOW_PORTS[0]} to {_LOW_PORTS[-1]} is free on {HOST}")
