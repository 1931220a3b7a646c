"""A payload of the functions' own log ends quietly: a line about it would call for the next payload."""

import pytest

from flowlogs.traffic.day import encode_event
from handler.config import Config
from handler.own_log import TELL_SECONDS, OwnLog
from support.invocation import Invocation
from support.recorder import Recorder

FUNCTIONS, DOMAIN = "/flowlogs/prod/functions", "/flowlogs/prod/domain"
OWN, FOREIGN = "123456789012", "222222222222"
OF_THE_STACK = {
    "AWS_LAMBDA_LOG_GROUP_NAME": FUNCTIONS,
    "OWN_LOG_PREFIX": "/flowlogs/prod/",
    "OWN_ACCOUNT": OWN,
}
LINE = "2 123456789010 eni-0a1b 10.0.1.5 10.0.2.9 41230 3306 6 12 1904 1768478400 1768478458 ACCEPT OK"
COUNTS = [
    *("received", "indexed", "duplicate", "conflicting", "pending", "rejected", "unaccounted", "unparsed"),
    *("no_data", "skip_data", "bulk_requests", "bulk_retries", "bulk_bytes"),
]


def make_event(log_group: str, events: int = 2, owner: str = OWN) -> dict[str, dict[str, str]]:
    rows: list[dict[str, object]] = [
        {"id": f"{number:056d}", "timestamp": 1_768_478_400_000, "message": LINE} for number in range(events)
    ]
    return encode_event(owner, log_group, "eni-0a1b-all", rows)


@pytest.fixture
def invocation(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> Invocation:
    monkeypatch.delenv("FAILURE_BUCKET", raising=False)
    return Invocation(
        monkeypatch, {"OPENSEARCH_URL": recorder.url, "OPENSEARCH_AUTH": "none", **OF_THE_STACK}
    )


@pytest.mark.parametrize("log_group", [FUNCTIONS, DOMAIN, "/flowlogs/prod/"])
def test_nothing_of_the_own_log_is_indexed_and_it_is_told_once(
    invocation: Invocation, recorder: Recorder, log_group: str
) -> None:
    answers = [invocation(make_event(log_group, events)) for events in (2, 3, 5)]

    assert recorder.received == []
    assert answers == [{**dict.fromkeys(COUNTS, 0), "own_log": events} for events in (2, 3, 5)]
    line, metrics = invocation.read_log()
    assert (line["level"], line["message"], line["log_group"], line["own_log"]) == (
        "WARNING",
        "forward.own_log",
        log_group,
        2,
    )
    assert (metrics["EventsOwnLog"], metrics["FunctionName"]) == (2, "forward")
    assert "EventsReceived" not in metrics


def test_an_odd_event_of_the_own_log_is_passed_over_too(invocation: Invocation, recorder: Recorder) -> None:
    rows: list[dict[str, object]] = [{"id": "1", "timestamp": "now", "message": "m"}]

    answer = invocation(encode_event("123456789012", FUNCTIONS, "s", rows))

    assert (answer["own_log"], answer["rejected"], recorder.received) == (1, 0, [])


@pytest.mark.parametrize(
    "log_group", ["/vpc/flow-logs", "/flowlogs/prod", "/flowlogs/prod-2/functions", "/flowlogs/vpc", ""]
)
def test_what_is_not_the_own_log_is_delivered(
    invocation: Invocation, recorder: Recorder, log_group: str
) -> None:
    answer = invocation(make_event(log_group))

    assert (answer["received"], answer["indexed"], len(recorder.received)) == (2, 2, 1)
    assert "own_log" not in answer


@pytest.mark.parametrize("log_group", [FUNCTIONS, DOMAIN, "/flowlogs/prod/vpc"])
def test_what_another_account_sends_from_a_log_group_of_such_a_name_is_delivered(
    invocation: Invocation, recorder: Recorder, log_group: str
) -> None:
    answer = invocation(make_event(log_group, owner=FOREIGN))

    assert (answer["received"], answer["indexed"], len(recorder.received)) == (2, 2, 1)
    assert "own_log" not in answer


GROUP, PREFIX = {"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f"}, {"OWN_LOG_PREFIX": "/flowlogs/prod/"}


@pytest.mark.parametrize(
    ("environ", "own", "foreign"),
    [
        ({}, [], []),
        (GROUP, ["/aws/lambda/f"], ["/aws/lambda/f"]),
        (PREFIX, [], []),
        (GROUP | {"OWN_ACCOUNT": OWN}, ["/aws/lambda/f"], []),
        (PREFIX | {"OWN_ACCOUNT": OWN}, [FUNCTIONS, DOMAIN], []),
    ],
    ids=["nothing", "log-group-alone", "prefix-alone", "log-group-and-account", "prefix-and-account"],
)
def test_the_environment_says_which_log_groups_are_the_own(
    environ: dict[str, str], own: list[str], foreign: list[str]
) -> None:
    config = Config.from_environ({"OPENSEARCH_URL": "http://localhost", "OPENSEARCH_AUTH": "none", **environ})

    groups = ["", "/aws/lambda/f", "/aws/lambda/f2", FUNCTIONS, DOMAIN, "/flowlogs/other/functions"]
    assert [group for group in groups if config.is_own_log(OWN, group)] == own
    assert [group for group in groups if config.is_own_log(FOREIGN, group)] == foreign


def test_what_was_passed_over_in_silence_is_told_after_a_while() -> None:
    now = 1000.0
    own_log = OwnLog(clock=lambda: now)

    def pass_over(seconds: float, events: int) -> int:
        nonlocal now
        now += seconds
        return own_log.pass_over(events)

    assert [pass_over(0, 1), pass_over(1, 2), pass_over(TELL_SECONDS - 2, 4)] == [1, 0, 0]
    assert [pass_over(1, 8), pass_over(0, 16), pass_over(-50, 32)] == [14, 0, 48]
    assert pass_over(TELL_SECONDS, 0) == 0
