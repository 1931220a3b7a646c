"""The way to OpenSearch, against servers that answer, refuse and stay silent."""

import base64
import gzip
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

import pytest
import trustme
from urllib3.connection import HTTPConnection

from handler import opensearch
from handler.answer import Received
from handler.config import Config
from handler.opensearch import ConnectionFailedError, Send, connect, sender
from parser.bulk import Body, encode
from parser.format import DEFAULT, Formats
from parser.subscription import Event, Subscription
from support.recorder import Answer, Recorder

LINE = "2 123456789010 eni-0a1b 10.0.1.5 10.0.2.9 41230 3306 6 12 1904 1768478400 1768478458 ACCEPT OK"
EVENTS = tuple(Event(str(number), 1_768_478_400_000, LINE) for number in range(3))

Open = Callable[..., Send]


def make_body() -> Body:
    subscription = Subscription(owner="123456789010", log_group="flows", log_stream="eni-all", events=EVENTS)
    (body,) = encode(
        subscription, Formats.from_text(DEFAULT), prefix="cwl", max_bytes=5_000_000, keep_message=True
    )
    return body


@pytest.fixture
def open_sender() -> Iterator[Open]:
    """Give a function that connects to an address; the connections are closed at the end."""
    with ExitStack() as stack:

        def open_it(url: str, **environ: str) -> Send:
            settings = {"OPENSEARCH_URL": url, "OPENSEARCH_AUTH": "none", **environ}
            client = connect(Config.from_environ(settings))
            stack.callback(client.close)
            return sender(client)

        yield open_it


def test_a_body_is_posted_to_its_index_as_it_is(recorder: Recorder, open_sender: Open) -> None:
    body = make_body()

    status, reply = open_sender(recorder.url)(body, 5.0)

    (request,) = recorder.received
    path, _, query = request.target.partition("?")
    assert (request.method, path) == ("POST", "/cwl-2026.01.15/_bulk")
    assert query.split("&") == [
        "filter_path=errors%2Citems.%2A.status%2Citems.%2A.error.type%2Citems.%2A.error.reason",
        "timeout=3s",
    ]
    assert request.body == body.data
    assert gzip.decompress(request.body).count(b"\n") == 6
    assert request.header("content-type") == "application/x-ndjson"
    assert request.header("content-encoding") == "gzip"
    assert request.header("content-length") == str(len(body.data))
    assert request.header("host") == f"127.0.0.1:{recorder.port}"
    assert request.header("accept-encoding") == "identity"
    assert sorted(name for name, _ in request.headers) == [
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-opaque-id",
    ]
    assert (status, json.loads(reply)) == (200, {"errors": False, "items": [{"create": {"status": 201}}] * 3})


@pytest.mark.parametrize("token", ["a\nb", "a\rb", "a\r\nx: y"], ids=["feed", "return", "header"])
def test_a_header_with_a_line_end_is_not_sent(recorder: Recorder, open_sender: Open, token: str) -> None:
    credentials = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S", "AWS_SESSION_TOKEN": token}
    send = open_sender(
        recorder.url,
        OPENSEARCH_AUTH="iam",
        AWS_REGION="eu-central-1",
        AWS_LAMBDA_FUNCTION_NAME="f",
        **credentials,
    )

    with pytest.raises(ValueError, match="a header of the request holds a line end"):
        send(make_body(), 5.0)

    assert recorder.received == []


def test_one_connection_serves_many_requests(recorder: Recorder, open_sender: Open) -> None:
    send = open_sender(recorder.url)

    for _ in range(5):
        send(make_body(), 5.0)

    assert len(recorder.received) == 5
    assert len({request.peer for request in recorder.received}) == 1


def test_a_connection_that_was_closed_in_a_pause_is_opened_again(
    recorder: Recorder, open_sender: Open
) -> None:
    """urllib3 sees that the other side has closed; nothing was sent into the void."""
    send = open_sender(recorder.url)
    send(make_body(), 5.0)
    recorder.close_connections()

    assert send(make_body(), 5.0)[0] == 200
    assert len({request.peer for request in recorder.received}) == 2


def test_nothing_is_sent_before_the_first_body(recorder: Recorder, open_sender: Open) -> None:
    open_sender(recorder.url)

    assert (recorder.received, recorder.connections) == ([], 0)


HTML = b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
ERROR = b'{"error":{"type":"security_exception","reason":"no permissions"},"status":403}'


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b'{"errors":true,"items":[{"create":{"status":429}}]}'),
        Answer(200, b""),
        Answer(200, b'{"errors":fal'),
        Answer(200, b"\xff\xfe\x00\x80 no text", "application/octet-stream"),
        Answer(200, b'{"items":[{"create":{"status":400,"error":{"reason":"\xf0\x9f\x9b\x92"}}}]}'),
        Answer(201, b"{}"),
        Answer(301, b"moved", "text/plain"),
        Answer(302, HTML, "text/html"),
        Answer(400, b'{"error":"no handler found","status":400}'),
        Answer(401, b"Unauthorized", "text/plain"),
        Answer(403, ERROR),
        Answer(403, b'{"Message":"Request throttled due to too many requests"}'),
        Answer(404, b""),
        Answer(406, b'{"error":"Content-Type header [text/plain] is not supported"}'),
        Answer(413, b""),
        Answer(429, b'{"error":{"type":"circuit_breaking_exception"},"status":429}'),
        Answer(500, b"\x00" * 10_000, "application/octet-stream"),
        Answer(502, "<h1>Passerelle indisponible: \xe9tat</h1>".encode("latin-1"), "text/html"),
        Answer(503, HTML, "text/html"),
        Answer(504, b"\xff\xfe\xfd", "application/json"),
    ],
    ids=lambda answer: f"{answer.status} {answer.content_type.partition(';')[0]} {len(answer.body)} bytes",
)
def test_every_answer_is_returned_as_it_came(recorder: Recorder, open_sender: Open, answer: Answer) -> None:
    recorder.answers.append(answer)

    assert open_sender(recorder.url)(make_body(), 5.0) == (answer.status, answer.body)
    assert len(recorder.received) == 1


def test_a_refused_connection_is_no_timeout(open_sender: Open) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: refused

        with pytest.raises(ConnectionFailedError) as caught:
            open_sender(f"http://127.0.0.1:{taken.getsockname()[1]}")(make_body(), 5.0)

    assert (caught.value.kind, caught.value.broken) == ("connection", True)
    assert "Connection refused" in str(caught.value)


def test_a_server_that_never_answers_ends_in_a_timeout(open_sender: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.perf_counter()
        with pytest.raises(ConnectionFailedError) as caught:
            open_sender(f"http://127.0.0.1:{silent.getsockname()[1]}")(make_body(), 0.1)
        seconds = time.perf_counter() - started

    assert (caught.value.kind, caught.value.broken) == ("timeout", False)
    assert "Read timed out" in str(caught.value)
    assert 0.1 <= seconds < 5


def test_body_and_answer_have_one_limit_of_time_together(open_sender: Open) -> None:
    large = replace(make_body(), data=bytes(16 << 20))  # more than the kernel holds

    def read_late(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            time.sleep(1.2)
            while connection.recv(1 << 20):
                pass

    with socket.create_server(("127.0.0.1", 0)) as slow:
        thread = threading.Thread(target=read_late, args=(slow,))
        thread.start()
        started = time.perf_counter()
        with pytest.raises(ConnectionFailedError) as caught:
            open_sender(f"http://127.0.0.1:{slow.getsockname()[1]}")(large, 2.0)
        seconds = time.perf_counter() - started
        thread.join()

    assert caught.value.kind == "timeout"
    assert 2.0 <= seconds < 3.0  # each of them alone may take as long: 3.2


def test_a_server_that_takes_no_connection_ends_in_a_timeout(
    open_sender: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opensearch, "CONNECT_SECONDS", 0.1)
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # more than the queue holds: the kernel drops what comes then
            client = waiting.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(full.getsockname())

        with pytest.raises(ConnectionFailedError) as caught:
            open_sender(f"http://127.0.0.1:{full.getsockname()[1]}")(make_body(), 30.0)

    assert (caught.value.kind, caught.value.broken) == ("timeout", False)
    assert "timed out. (connect timeout=0.1)" in str(caught.value)


def test_a_connection_that_breaks_before_the_answer_is_broken(recorder: Recorder, open_sender: Open) -> None:
    send = open_sender(recorder.url)
    recorder.answers.append(Answer(0))  # closes instead

    with pytest.raises(ConnectionFailedError) as caught:
        send(make_body(), 5.0)

    assert (caught.value.kind, caught.value.broken) == ("connection", True)


def test_an_unknown_host_is_no_timeout(open_sender: Open) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        open_sender("https://search.invalid", OPENSEARCH_AUTH="basic", **USER)(make_body(), 5.0)

    assert caught.value.kind == "connection"


USER = {"OPENSEARCH_USERNAME": "writer", "OPENSEARCH_PASSWORD": "pass:w\u00f6rd"}


def test_basic_authentication_goes_with_each_request(recorder: Recorder, open_sender: Open) -> None:
    send = open_sender(
        recorder.url, **USER | {"OPENSEARCH_AUTH": "basic", "OPENSEARCH_PASSWORD": "pass:word"}
    )

    send(make_body(), 5.0)
    send(make_body(), 5.0)

    expected = "Basic " + base64.b64encode(b"writer:pass:word").decode()
    assert [request.header("authorization") for request in recorder.received] == [expected] * 2


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority that nobody knows."""
    return trustme.CA()


def serve_tls(authority: trustme.CA, name: str) -> Recorder:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return Recorder(context)


def test_a_server_with_an_unknown_certificate_is_refused(open_sender: Open, authority: trustme.CA) -> None:
    with serve_tls(authority, "localhost") as server:
        with pytest.raises(ConnectionFailedError) as caught:
            open_sender(f"https://localhost:{server.port}")(make_body(), 5.0)

        assert (caught.value.kind, caught.value.broken) == ("tls", False)
        assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value)
        assert server.received == []


def test_a_ca_bundle_makes_a_server_known(open_sender: Open, authority: trustme.CA, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)

    with serve_tls(authority, "localhost") as server:
        send = open_sender(f"https://localhost:{server.port}", OPENSEARCH_CA_BUNDLE=str(bundle))

        assert send(make_body(), 5.0)[0] == 200
        assert send(make_body(), 5.0)[0] == 200
        assert len({request.peer for request in server.received}) == 1


def test_a_certificate_for_another_name_is_refused(
    open_sender: Open, authority: trustme.CA, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)

    with serve_tls(authority, "search.example.com") as server:
        send = open_sender(f"https://localhost:{server.port}", OPENSEARCH_CA_BUNDLE=str(bundle))
        with pytest.raises(ConnectionFailedError) as caught:
            send(make_body(), 5.0)

        assert caught.value.kind == "tls"
        assert server.received == []


WITHOUT_NETWORK = """
import socket, sys
def refuse(*_, **__): raise AssertionError("the network was used")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
import handler.forward
from handler.config import Config
from handler.opensearch import connect
connect(Config.from_environ({"OPENSEARCH_URL": "https://search.example.com", "AWS_REGION": "eu-central-1",
                             "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "x"}))
print(sorted({"boto3", "botocore.session"} & set(sys.modules)))
"""


def test_neither_import_nor_connecting_uses_the_network_or_loads_botocore() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_NETWORK], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_several_threads_send_at_once_and_each_gets_its_own_answer(
    recorder: Recorder, open_sender: Open
) -> None:
    recorder.marks = True
    send = open_sender(recorder.url)
    body = make_body()
    with ThreadPoolExecutor(opensearch.CONNECTIONS) as threads:
        answers = list(threads.map(lambda _: send(body, 10.0), range(60)))
    assert [status for status, _ in answers] == [200] * 60
    marks = [each.header("x-opaque-id") for each in recorder.received]
    assert (len(marks), len(set(marks))) == (60, 60)
    assert recorder.connections <= opensearch.CONNECTIONS


def test_a_connection_whose_answers_bear_marks_says_nothing_of_another() -> None:
    marks = opensearch._Marks(lambda _: None)
    one, other = HTTPConnection("127.0.0.1"), HTTPConnection("127.0.0.1")
    marked = Received(200, {opensearch.MARK: "flowlogs-1"}, b"", will_close=False)
    bare = Received(200, {}, b"", will_close=False)
    marks.check(marked, "flowlogs-1", one)
    marks.check(bare, "flowlogs-2", other)
    with pytest.raises(HTTPException, match="without the request's mark"):
        marks.check(bare, "flowlogs-2", one)
    marks.forget(one)
    marks.check(bare, "flowlogs-2", one)
