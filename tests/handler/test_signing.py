"""Signatures: those that botocore makes, over what is really sent, each time anew."""

import datetime as dt
import hashlib
import hmac
import importlib
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, unquote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from requests_aws4auth import AWS4Auth

from handler.config import Config, ConfigError
from handler.opensearch import Send, connect, sender
from handler.signing import Signature, sign_with
from parser.bulk import Body
from parser.compression import compress
from support.recorder import Received, Recorder

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "IQoJb3JpZ2luX2VjE//=="
REGION = "eu-central-1"
BODY = compress(b'{"create":{"_id":"1"}}\n{"srcaddr":"10.0.0.1"}\n')
# As opensearch-py's urlencode writes commas and stars.
QUERY = "filter_path=errors%2Citems.%2A.status%2Citems.%2A.error.type&timeout=3s"

DOMAIN = "https://search-flows-1a2b.eu-central-1.es.amazonaws.com"


def make_signer(service: str = "es", token: str | None = None) -> Signature:
    return sign_with(AWS4Auth(KEY, SECRET, REGION, service, session_token=token))


def sign_by_botocore(
    url: str, host: str, body: bytes | None, stamp: str, service: str, token: str | None
) -> dict[str, str]:
    """Return what botocore's Authorization header says of a request with the same signed headers."""
    request = AWSRequest(method="POST", url=url, data=body, headers={"Host": host, "X-Amz-Date": stamp})
    request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body or b"").hexdigest()
    if token is not None:
        request.headers["X-Amz-Security-Token"] = token
    request.context["timestamp"] = stamp
    auth = SigV4Auth(BotocoreCredentials(KEY, SECRET, token), service, REGION)
    return {
        "Credential": auth.scope(request),
        "SignedHeaders": auth.signed_headers(auth.headers_to_sign(request)),
        "Signature": auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request),
    }


def read_authorization(header: str) -> dict[str, str]:
    assert header.startswith("AWS4-HMAC-SHA256 ")
    return dict(re.findall(r"(\w+)=([^, ]+)", header))


@pytest.mark.parametrize("service", ["es", "aoss"])
@pytest.mark.parametrize("token", [None, TOKEN], ids=["no session", "session"])
@pytest.mark.parametrize(
    ("url", "host"),
    [
        (f"{DOMAIN}/cwl-2026.01.15/_bulk", "search-flows-1a2b.eu-central-1.es.amazonaws.com"),
        (
            f"{DOMAIN}:443/cwl-2026.01.15/_bulk?{QUERY}",
            "search-flows-1a2b.eu-central-1.es.amazonaws.com",
        ),
        (
            f"{DOMAIN}:9243/cwl-2026.01.15/_bulk?{QUERY}",
            "search-flows-1a2b.eu-central-1.es.amazonaws.com:9243",
        ),
        ("http://127.0.0.1:80/cwl-2026.01.15/_bulk", "127.0.0.1"),
        ("http://127.0.0.1:443/cwl-2026.01.15/_bulk", "127.0.0.1:443"),
        ("https://[::1]:443/cwl-2026.01.15/_bulk", "[::1]"),
        ("https://[::1]:9200/cwl-2026.01.15/_bulk", "[::1]:9200"),
        (f"{DOMAIN}:443/_dashboards/api/saved_objects/_find?b=2&a=1&empty=", DOMAIN.removeprefix("https://")),
        (f"{DOMAIN}:443/", DOMAIN.removeprefix("https://")),
    ],
    ids=[
        "path with dots",
        "query",
        "port",
        "80",
        "443 without TLS",
        "IPv6",
        "IPv6 and port",
        "order",
        "root",
    ],
)
@pytest.mark.parametrize("body", [BODY, None], ids=["body", "no body"])
def test_a_signature_is_the_one_that_botocore_makes(
    url: str, host: str, body: bytes | None, token: str | None, service: str
) -> None:
    signed = make_signer(service, token)("POST", url, body)

    expected = sign_by_botocore(url, host, body, signed["x-amz-date"], service, token)
    assert read_authorization(signed["Authorization"]) == expected
    assert signed["x-amz-content-sha256"] == hashlib.sha256(body or b"").hexdigest()
    assert signed.get("x-amz-security-token") == token


def test_what_serverless_demands_is_signed() -> None:
    signed = make_signer("aoss", TOKEN)("POST", f"{DOMAIN}:443/cwl-2026.01.15/_bulk", BODY)

    assert read_authorization(signed["Authorization"])["SignedHeaders"].split(";") == [
        "host",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    ]


def set_clock(monkeypatch: pytest.MonkeyPatch, moment: dt.datetime) -> None:
    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Clock":
            return cls.fromtimestamp(moment.timestamp(), tz)

    shim = SimpleNamespace(datetime=Clock, timezone=dt.timezone, date=dt.date)
    monkeypatch.setattr(importlib.import_module("requests_aws4auth.aws4auth"), "datetime", shim)


def test_each_request_is_signed_anew_even_over_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    sign = make_signer()
    url, host = f"{DOMAIN}:443/cwl-2026.01.15/_bulk", DOMAIN.removeprefix("https://")
    stamps = []
    for second in (0, 1, 2):
        moment = dt.datetime(2026, 1, 15, 23, 59, 58, tzinfo=dt.UTC) + dt.timedelta(seconds=second)
        set_clock(monkeypatch, moment)
        signed = sign("POST", url, BODY)
        stamps.append(signed["x-amz-date"])
        expected = sign_by_botocore(url, host, BODY, signed["x-amz-date"], "es", None)
        assert read_authorization(signed["Authorization"]) == expected

    assert stamps == ["20260115T235958Z", "20260115T235959Z", "20260116T000000Z"]


def verify(request: Received, secret: str, service: str = "es") -> None:
    """Do what AWS does with a request: compute the signature from what arrived, and compare."""
    said = read_authorization(request.header("authorization"))
    path, _, query = request.target.partition("?")
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    escaped = sorted(tuple(quote(unquote(text), safe="-_.~") for text in pair) for pair in pairs)
    names = said["SignedHeaders"].split(";")
    assert {"host", "x-amz-date", "x-amz-content-sha256"} <= set(names)
    digest = hashlib.sha256(request.body).hexdigest()
    assert request.header("x-amz-content-sha256") == digest
    canonical = "\n".join(
        [
            request.method,
            quote(path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in escaped),
            *(f"{name}:{' '.join(request.header(name).split())}" for name in names),
            "",
            said["SignedHeaders"],
            digest,
        ]
    )
    stamp = request.header("x-amz-date")
    _, *scope = said["Credential"].split("/")
    assert scope == [stamp[:8], REGION, service, "aws4_request"]
    parts = ["AWS4-HMAC-SHA256", stamp, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()]
    key = f"AWS4{secret}".encode()
    for part in [*scope, "\n".join(parts)]:
        key = hmac.digest(key, part.encode(), "sha256")
    assert said["Signature"] == key.hex()


def make_body(number: int = 1) -> Body:
    rows = b"".join(b'{"create":{"_id":"%d"}}\n{"bytes":%d}\n' % (each, each) for each in range(number))
    return Body("cwl-2026.01.15", compress(rows), len(rows), (), 0, 0, 0)


def make_sender(recorder: Recorder, request: pytest.FixtureRequest, **environ: str) -> Send:
    client = connect(Config.from_environ({"OPENSEARCH_URL": recorder.url, "AWS_REGION": REGION, **environ}))
    request.addfinalizer(client.close)
    return sender(client)


STATIC = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


@pytest.mark.parametrize("service", ["es", "aoss"])
@pytest.mark.parametrize("token", [None, TOKEN], ids=["no session", "session"])
def test_what_arrives_carries_the_signature_of_what_arrives(
    recorder: Recorder, request: pytest.FixtureRequest, service: str, token: str | None
) -> None:
    session = {} if token is None else {"AWS_SESSION_TOKEN": token}
    send = make_sender(recorder, request, OPENSEARCH_SERVICE=service, **STATIC, **session)

    for number in (1, 200):
        assert send(make_body(number), 5.0)[0] == 200

    assert [each.body for each in recorder.received] == [make_body(1).data, make_body(200).data]
    for each in recorder.received:
        assert each.target.startswith("/cwl-2026.01.15/_bulk?filter_path=errors%2Citems.%2A.status%2C")
        assert each.header("host") == f"127.0.0.1:{recorder.port}"
        assert dict(each.headers).get("x-amz-security-token") == token
        assert ("x-amz-security-token" in read_signed_names(each)) is (token is not None)
        verify(each, SECRET, service)


def read_signed_names(request: Received) -> list[str]:
    return read_authorization(request.header("authorization"))["SignedHeaders"].split(";")


def test_the_verification_notices_another_body_query_and_key(
    recorder: Recorder, request: pytest.FixtureRequest
) -> None:
    make_sender(recorder, request, **STATIC)(make_body(), 5.0)
    (sent,) = recorder.received
    other_query = Received(sent.method, sent.target + "&x=1", sent.headers, sent.body, sent.peer)
    other_body = Received(sent.method, sent.target, sent.headers, sent.body + b"\0", sent.peer)

    for changed, secret in ((other_query, SECRET), (other_body, SECRET), (sent, "another")):
        with pytest.raises(AssertionError):
            verify(changed, secret)


RENEWED = """
import json, sys
from pathlib import Path
counter = Path(sys.argv[1])
number = int(counter.read_text()) + 1
counter.write_text(str(number))
print(json.dumps({"Version": 1, "AccessKeyId": f"AKID{number}", "SecretAccessKey": f"secret{number}",
                  "SessionToken": f"token{number}", "Expiration": sys.argv[2]}))
"""


@pytest.mark.parametrize("service", ["es", "aoss"])
def test_renewed_credentials_are_used_at_the_next_request(
    recorder: Recorder,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    service: str,
) -> None:
    """Credentials that are nearly over are asked for again by botocore, each time they are needed."""
    script, counter, profile = tmp_path / "renew.py", tmp_path / "counter", tmp_path / "config"
    script.write_text(RENEWED, encoding="utf-8")
    counter.write_text("0", encoding="utf-8")
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)).isoformat()
    profile.write_text(
        f"[default]\ncredential_process = {sys.executable} {script} {counter} {soon}\n", encoding="utf-8"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profile))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    send = make_sender(recorder, request, OPENSEARCH_SERVICE=service)

    for _ in range(3):
        send(make_body(), 5.0)

    numbers = [each.header("x-amz-security-token").removeprefix("token") for each in recorder.received]
    assert len(set(numbers)) == 3
    assert numbers == sorted(numbers, key=int)
    for number, each in zip(numbers, recorder.received, strict=True):
        assert f"Credential=AKID{number}/" in each.header("authorization")
        assert "x-amz-security-token" in read_signed_names(each)
        verify(each, f"secret{number}", service)


def test_without_any_credentials_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    config = Config.from_environ({"OPENSEARCH_URL": DOMAIN, "AWS_REGION": REGION})

    with pytest.raises(
        ConfigError, match=r"^no AWS credentials are found, and OPENSEARCH_AUTH=iam needs them$"
    ):
        connect(config)
