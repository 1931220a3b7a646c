"""Every command that talks to a cluster, before one that refuses, is busy, hangs, or is not to be trusted.

One clear line of each, within the seconds of docs/operations.md, and the right exit status.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import pytest
import trustme

from flowlogs.cluster import connection, indices
from flowlogs.cluster.health import INSIDE, REACH, SIGN
from flowlogs.cluster.people import MAPPED
from handler import delivery, opensearch
from handler.failures import FailureStore
from handler.installing import cluster
from handler.report import Unsettled
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription
from support.commands import BUCKET, Told, run
from support.front import Call, Front, Reply
from support.recorder import Recorder

ROLE: Final = "arn:aws:iam::123456789012:role/Admin"
SESSION: Final = "arn:aws:sts::123456789012:assumed-role/Admin/me"
SSO: Final = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0a1b/me"
ADD: Final = f"dd {ROLE} to AdminPrincipalArn, and update the stack"


def say(why: str, who: str = SESSION) -> Reply:
    return 403, {"Message": f"User: {who} is not authorized to perform: es:ESHttpGet {why}"}


IDENTITY: Final = say("because no identity-based policy allows the es:ESHttpGet action")
RESOURCE: Final = say("because no resource-based policy allows the es:ESHttpGet action")
UNSIGNED: Final = say("because no resource-based policy allows the es:ESHttpGet action", "anonymous")
FINE: Final = (
    f"no permissions for [cluster:monitor/main] and User [name={ROLE}, backend_roles=[{ROLE}], x=null]"
)
SECURITY: Final = (403, {"error": {"type": "security_exception", "reason": FINE}, "status": 403})
EXPIRED: Final = (403, {"message": "The security token included in the request is expired"})

Fault = Callable[[], AbstractContextManager[str]]
"""A cluster with the fault, while it is open; gives its address."""


def answers(reply: Reply) -> Fault:
    @contextmanager
    def answer() -> Iterator[str]:
        with Front(None, lambda _: reply) as front:
            yield front.url

    return answer


@contextmanager
def refuse() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def never_connect() -> Iterator[str]:
    """Leave no place for a further connection: what is sent to open one gets no answer."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"
        for each in waiting:
            each.close()


@contextmanager
def never_answer() -> Iterator[str]:
    """Take each connection, read what comes, and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"  # the kernel takes them


@contextmanager
def answer_slowly() -> Iterator[str]:
    """Say what it is, and nothing more."""
    over = threading.Event()

    def answer(call: Call) -> Reply:
        if call.path != "/":
            over.wait(60)
        return 200, {"version": {"distribution": "opensearch", "number": "3.8.0"}}

    with Front(None, answer) as front:
        yield front.url
        over.set()


@contextmanager
def be_unknown() -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with Recorder(context) as server:
        yield f"https://127.0.0.1:{server.port}"


FAULTS: Final = [
    pytest.param(answers((401, "Unauthorized")), "401 Unauthorized", "heck OPENSEARCH_AUTH", id="401"),
    pytest.param(answers(IDENTITY), "no identity-based policy", f"llow {ROLE} es:ESHttpGet", id="403 of IAM"),
    pytest.param(answers(RESOURCE), "no resource-based policy", ADD, id="403 of the access policy"),
    pytest.param(answers(UNSIGNED), "User: anonymous", "takes signed requests only", id="403 unsigned"),
    pytest.param(answers(SECURITY), "no permissions for", ADD, id="403 of the security"),
    pytest.param(answers((429, "slow down")), "429 slow down", "he cluster is too busy", id="429"),
    pytest.param(answers((503, "no")), "503 no", "t is starting, or lacks nodes", id="503"),
    pytest.param(refuse, "Connection refused", "othing listens there", id="nothing listens"),
    pytest.param(never_connect, "timed out", "heck the VPC, its security groups", id="a hanging connect"),
    pytest.param(never_answer, "timed out", "takes connections and answers nothing", id="no answer at all"),
    pytest.param(answer_slowly, "timed out", "takes connections and answers nothing", id="one answer only"),
    pytest.param(be_unknown, "is not trusted", "CERTIFICATE_VERIFY_FAILED", id="unknown certificate"),
]  # fmt: skip
DAY: Final = ("--since", "2026-01-15", "--until", "2026-01-16")
COMMANDS: Final = {
    "doctor": ["doctor"],
    "verify": ["verify", "--day", "2026-01-15", "--bucket", BUCKET],
    "replay": ["replay", "--bucket", BUCKET, "--accept-unparsed"],
    "reparse": ["reparse", "--dry-run", *DAY],
    "report": ["report", *DAY],
    "dashboards": ["dashboards", "--import"],
    "demo": ["demo", "--records", "1000"],
}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a fraction of a second where people wait seconds: how many is in the table of the document."""
    monkeypatch.setattr(connection, "FIRST_SECONDS", 0.3)
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(opensearch, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(opensearch, "READ_SECONDS", 0.3)
    monkeypatch.setattr(indices, "SECONDS", 0.3)
    monkeypatch.setattr(delivery, "QUICK_SECONDS", 0.3)
    monkeypatch.setattr(delivery, "FIRST_DELAY", 0.01)


def keep_event() -> None:
    """Let an event wait in the bucket, so that there is something to replay."""
    event = Event("1".zfill(56), 1768478400000, "2 a")
    waiting = Subscription(owner="123456789010", log_group="/vpc/a", log_stream="eni-all", events=(event,))
    verdict = Verdict(Outcome.RETRY, 0, "timeout", "no answer")
    FailureStore(BUCKET, "x").keep([(waiting, [Unsettled("cwl", event, verdict)])])


def ask(name: str, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    monkeypatch.setenv("OPENSEARCH_URL", url)
    monkeypatch.setenv("LOG_FORMATS", "${version}")
    monkeypatch.chdir(tmp_path)
    if url.startswith("https"):
        monkeypatch.setenv("OPENSEARCH_AUTH", "iam")
    if name == "replay":
        keep_event()
    return run(*COMMANDS[name])


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(("fault", "said", "advice"), FAULTS)
def test_a_command_says_in_one_line_what_is_wrong_and_what_helps(
    name: str, fault: Fault, said: str, advice: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started = time.monotonic()
    with fault() as url:
        told = ask(name, url, monkeypatch, tmp_path)

    assert told.status == 1
    assert time.monotonic() - started < 60  # only a hang reaches it
    text = " ".join((told.output + told.errors).split())
    lines = [line for line in told.errors.splitlines() if not line.startswith(("{", "  "))]
    if name not in ("doctor", "verify"):  # these say it among what else they found
        assert len([line for line in lines if said in line and advice in line]) == 1, lines
    assert said in text
    assert advice in text
    told_to_people = "\n".join([told.output, *lines])  # all but the log, which is for machines
    assert not re.search(r"Traceback|unexpected|HTTPS?Connection|urllib3|object at 0x", told_to_people)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("reply", "by"),
    [
        pytest.param(IDENTITY, f"IAM refuses {SESSION}", id="IAM"),
        pytest.param(RESOURCE, f"the domain's access policy refuses {SESSION}", id="the access policy"),
        pytest.param(UNSIGNED, "the domain's access policy refuses anonymous", id="not signed"),
        pytest.param(
            SECURITY,
            "the cluster's security (fine-grained access control) refuses arn:aws:iam::",
            id="the security",
        ),
        pytest.param(EXPIRED, "the check of the signature refuses whoever asks", id="the signature"),
        pytest.param((401, "Unauthorized"), "401 Unauthorized", id="the password"),
    ],
)
def test_doctor_says_nothing_of_a_cluster_is_ok_that_refuses_and_lists_what_was_not_asked(
    reply: Reply, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Front(None, lambda _: reply) as front:
        monkeypatch.setenv("OPENSEARCH_URL", front.url)
        told = run("doctor", "--json")

    found = {each["name"]: each for each in told.json}
    assert told.status == 1
    assert found[SIGN]["state"] == "problem"
    assert found[SIGN]["text"].startswith(by)
    # Without a stack there is nobody of whom a cluster that lets its questions in could be asked.
    assert {found[name]["state"] for name in (REACH, *INSIDE) if name != MAPPED} == {"unknown"}


@pytest.mark.usefixtures("account")
def test_the_role_of_a_session_of_identity_center_is_named_with_its_path_or_how_to_find_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reply = say("because no resource-based policy allows the es:ESHttpGet action", SSO)
    with Front(None, lambda _: reply) as front:
        monkeypatch.setenv("OPENSEARCH_URL", front.url)
        told = run("reparse", "--dry-run", *DAY)

    arn = "arn:aws:iam::123456789012:role/AWSReservedSSO_Admin_0a1b"
    assert f"dd {arn} to AdminPrincipalArn" in told.errors
    assert "aws iam get-role --role-name AWSReservedSSO_Admin_0a1b --query Role.Arn" in told.errors


def test_the_seconds_of_the_document_are_those_of_the_code(project: Path) -> None:
    text = (project / "docs/operations.md").read_text(encoding="utf-8")
    form = (
        r"^\| (nothing listens.*?|a connection is.*?|the first.*?|any other.*?|a search does.*?) \| (\w+) \|"
    )
    rows = dict(re.findall(form, text, re.MULTILINE))
    assert rows == {
        "nothing listens there": "none",
        "a connection is not made": f"{_DEFAULTS['connect']:.0f}",
        "the first answer does not come": f"{_DEFAULTS['first']:.0f}",
        "any other answer does not come": f"{_DEFAULTS['read']:.0f}",
        "a search does not end": f"{_DEFAULTS['search']:.0f}",
    }


_DEFAULTS: Final = {
    "connect": cluster.CONNECT_SECONDS,
    "first": connection.FIRST_SECONDS,
    "read": opensearch.READ_SECONDS,
    "search": indices.SECONDS,
}
