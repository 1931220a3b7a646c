"""Who is asked: each command says so where something else than OpenSearch answers."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
import trustme

from flowlogs.cluster.connection import open_client
from parser.format import DEFAULT
from support.commands import BUCKET, run
from support.front import Front, Reply
from support.recorder import Recorder

NOT_OPENSEARCH: Final = "flowlogs: what answers at OPENSEARCH_URL is not OpenSearch"
ELASTICSEARCH: Final[Reply] = (
    200,
    {"version": {"number": "8.11.0"}, "tagline": "You Know, for Search"},
)
COMMANDS: Final = [
    pytest.param(["demo", "--records", "1000"], id="demo"),
    pytest.param(["report", "--since", "2026-01-15", "--until", "2026-01-16"], id="report"),
    pytest.param(["reparse"], id="reparse"),
    pytest.param(["replay", "--bucket", BUCKET], id="replay"),
    pytest.param(["dashboards", "--import"], id="dashboards"),
]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("reply", "text"),
    [
        pytest.param(ELASTICSEARCH, f"{NOT_OPENSEARCH}, but Elasticsearch 8.11.0", id="another product"),
        pytest.param((200, "<html>It works!</html>"), f"{NOT_OPENSEARCH}: it shows no version", id="website"),
        pytest.param((302, ""), f"{NOT_OPENSEARCH}: it answers 302 and sends elsewhere", id="302"),
    ],
)
def test_a_command_names_what_is_no_opensearch(
    command: list[str], reply: Reply, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Front(None, lambda _: reply) as front:
        monkeypatch.setenv("OPENSEARCH_URL", front.url)
        monkeypatch.setenv("LOG_FORMATS", DEFAULT)
        told = run(*command)
        writes = front.writes

    assert (told.status, told.errors.splitlines()[-1], writes) == (1, text, [])


@pytest.mark.parametrize(
    "reply",
    [
        (503, "OpenSearch Security not initialized."),
        (401, "Unauthorized"),
        (403, {"message": "no"}),
        (500, ""),
    ],
    ids=["503", "401", "403", "500"],
)
def test_who_does_not_say_what_it_is_is_not_refused_for_that(reply: Reply) -> None:
    with Front(None, lambda _: reply) as front:
        config, _ = open_client({"OPENSEARCH_URL": front.url})

    assert config.url == front.url


@contextmanager
def plain(answer: bytes) -> Iterator[str]:
    """Give the https URL of a port on which a server speaks plain text."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", b"This is not an HTTP port"],
    ids=["http", "another protocol"],
)
def test_https_to_a_port_without_tls_is_told_as_that(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_AUTH", "none")
    with plain(answer) as url:
        monkeypatch.setenv("OPENSEARCH_URL", url)
        told = run("report", "--since", "2026-01-15", "--until", "2026-01-16")
        found = run("doctor", "--json")

    assert told.status == found.status == 1
    assert told.errors.startswith(
        "flowlogs: what answers does not speak TLS, is it a port for plain HTTP? [SSL"
    )
    assert found.json[0]["text"].startswith(
        "what answers does not speak TLS, is it a port for plain HTTP? [SSL"
    )
    assert "trusted" not in told.errors + found.output


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    monkeypatch.setenv("OPENSEARCH_AUTH", "none")
    with Recorder(context) as server:
        monkeypatch.setenv("OPENSEARCH_URL", f"https://localhost:{server.port}")
        told = run("report", "--since", "2026-01-15", "--until", "2026-01-16")

    assert told.status == 1
    assert told.errors.startswith(
        "flowlogs: the cluster's certificate is not trusted: [SSL: CERTIFICATE_VERIFY"
    )
