"""What is asked of a cluster: in order, what answers otherwise than OpenSearch, and that nothing changes."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from flowlogs.cluster import days, limits, parts, templates
from flowlogs.cluster.finding import State
from flowlogs.cluster.health import INSIDE, REACH, SIGN
from flowlogs.cluster.people import MAPPED
from flowlogs.local.embedded import Embedded
from support.examined import ALL_WELL, TODAY, TOMORROW, add, all_well, install, look, states
from support.front import Call, Front, Reply


def photograph(node: Embedded) -> Any:  # JSON
    """Return all that a write could change: documents, operations, mappings, templates."""
    node.request("POST", "/_refresh")
    status, statistics = node.request("GET", "/_stats/docs,indexing?level=shards")
    assert status == 200
    shards = {
        name: [
            (shard["docs"], shard["seq_no"], shard["indexing"]["index_total"])
            for copies in each["shards"].values()
            for shard in copies
        ]
        for name, each in statistics["indices"].items()
    }
    others = [
        node.request("GET", path)
        for path in ("/_all", "/_index_template", "/_cluster/settings", "/_all/_search?version=true")
    ]
    for each in others:
        each[1].pop("took", None)
    return json.loads(json.dumps([shards, others]))


def test_on_a_cluster_in_order_all_is_well_and_nothing_is_changed(any_opensearch: Embedded) -> None:
    install(any_opensearch)
    before = photograph(any_opensearch)

    found = look(any_opensearch.url)

    old = any_opensearch.release.version.startswith("1.")
    lacks = (
        "is without full text without positions (match_only_text): @message and @unparsed are text "
        "without frequencies, the nearest that it has"
    )
    assert states(found) == all_well(any_opensearch)
    assert found == {
        REACH: (State.OK, f"{any_opensearch.url}, version {any_opensearch.release.version}"),
        SIGN: (State.OK, "nobody signs in here"),
        parts.ENGINE: (State.SKIPPED, f"OpenSearch {any_opensearch.release.version} {lacks}")
        if old
        else (State.OK, f"OpenSearch {any_opensearch.release.version}"),
        days.WRITE: (State.OK, f"tried on {TODAY}, with a write that is never done"),
        templates.TEMPLATE: (State.OK, "cwl"),
        templates.WINS: (State.OK, "no other template comes first"),
        days.INDEX: (State.OK, TODAY),
        days.AHEAD: (State.OK, "the last day is 2026-01-15"),
        days.WHOLE: (State.OK, f"from {TODAY} to {TODAY}"),
        limits.BLOCKS: (State.OK, "neither for documents nor for new indices"),
        limits.CREATE: (State.OK, f"{TOMORROW} needs 1 of 1000 shards, 1 are there"),
        MAPPED: (State.SKIPPED, "who they are is not known: give --stack"),
        parts.DASHBOARDS: (State.SKIPPED, "the cluster has no OpenSearch Dashboards at /_dashboards"),
    }
    assert photograph(any_opensearch) == before


def test_the_trial_write_is_not_done_even_on_a_document_of_its_name(node: Embedded) -> None:
    node.request("PUT", f"/{TODAY}/_doc/{days.PROBE_ID}?refresh=true", {"mine": True})
    before = photograph(node)

    assert look(node.url)[days.WRITE][0] is State.OK
    assert photograph(node) == before


def test_an_index_that_takes_new_fields_gets_none_by_the_trial(node: Embedded) -> None:
    node.request("DELETE", "/_index_template/cwl")
    add(node, TOMORROW)
    before = photograph(node)

    assert look(node.url)[days.WRITE] == (
        State.OK,
        f"tried on {TODAY} and {TOMORROW}, with a write that is never done",
    )
    assert photograph(node) == before


def test_without_an_index_none_is_made(node: Embedded) -> None:
    node.request("DELETE", "/cwl-*")
    before = photograph(node)

    found = look(node.url)

    assert found[days.WRITE] == (State.SKIPPED, "there is no index yet, and none is made for a trial")
    skipped = dict.fromkeys((days.WRITE, days.INDEX, days.WHOLE), State.SKIPPED)
    assert states(found) == {**ALL_WELL, **skipped}
    assert photograph(node) == before


def test_an_index_of_another_prefix_that_begins_alike_is_none_of_ours(node: Embedded) -> None:
    add(node, "cwl-dev-2026.01.15")
    node.request("PUT", "/cwl-dev-2026.01.15/_settings", {"index.blocks.write": True})
    node.request("POST", "/cwl-dev-2026.01.15/_close")

    assert states(look(node.url)) == ALL_WELL


ELASTICSEARCH: Final = {
    "version": {"number": "8.11.0", "build_flavor": "default"},
    "tagline": "You Know, for Search",
}
NOT_OPENSEARCH: Final = "what answers at OPENSEARCH_URL is not OpenSearch"
DISTRIBUTIONS: Final = {"version": {"number": "1.7.1", "distribution": "easysearch"}}


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        pytest.param(
            (500, "Internal error"),
            "it answers 500 Internal error. Look at the cluster's own log. This is ",
            id="500",
        ),
        pytest.param((302, ""), "it answers 302 and sends elsewhere, as a proxy, a sign-in page", id="302"),
        pytest.param(
            (200, "<html>It works!</html>"), f"{NOT_OPENSEARCH}: it shows no version", id="a website"
        ),
        pytest.param((200, []), f"{NOT_OPENSEARCH}: it shows no version", id="a list"),
        pytest.param((200, None), f"{NOT_OPENSEARCH}: it shows no version", id="null"),
        pytest.param(
            (200, {"version": "2"}), f"{NOT_OPENSEARCH}: it shows no version", id="a text as version"
        ),
        pytest.param(
            (200, {"version": {"number": 2}}), f"{NOT_OPENSEARCH}: it shows no version", id="a number"
        ),
        pytest.param((200, ELASTICSEARCH), f"{NOT_OPENSEARCH}, but Elasticsearch 8.11.0", id="Elasticsearch"),
        pytest.param(
            (200, {"version": {"number": "8.11.0"}}),
            f"{NOT_OPENSEARCH}, but another product, version 8.11.0",
            id="no distribution",
        ),
        pytest.param((200, DISTRIBUTIONS), f"{NOT_OPENSEARCH}, but easysearch 1.7.1", id="another one"),
        pytest.param(
            (404, "Not Found"), "it answers 404 Not Found. It does not know this question", id="404"
        ),
        pytest.param((429, ""), "it answers 429. The cluster is too busy: look at its CPU", id="429"),
        pytest.param(
            (403, {"message": "Request throttled due to too many requests"}),
            "it answers 403 Request throttled due to too many requests. The cluster is too busy",
            id="throttled by Amazon's front end",
        ),
        pytest.param((502, "Bad Gateway"), "it answers 502 Bad Gateway. A proxy before it gets no", id="502"),
        pytest.param(
            (503, "OpenSearch Security not initialized."),
            "it answers 503 OpenSearch Security not initialized. It is starting, or lacks nodes",
            id="503",
        ),
        pytest.param((504, ""), "it answers 504. A proxy before it waits in vain", id="504"),
    ],
)
def test_what_is_no_cluster_in_order_is_one_problem_and_the_rest_is_unknown(reply: Reply, text: str) -> None:
    with Front(None, lambda _: reply) as front:
        found = look(front.url)

    state, said = found.pop(REACH)
    assert (state, said.startswith(text)) == (State.PROBLEM, True), said
    assert set(found.values()) == {(State.UNKNOWN, "the cluster does not answer as one: see above")}
    assert found.keys() == {SIGN, *INSIDE}


def test_in_compatibility_mode_the_cluster_is_taken_for_the_oldest(node: Embedded) -> None:
    root = {"version": {"number": "7.10.2"}, "tagline": "The OpenSearch Project: https://opensearch.org/"}
    with Front(node, lambda call: (200, root) if call.path == "/" else None) as front:
        found = look(front.url)

    assert found[REACH] == (State.OK, f"{front.url}, version 7.10.2")
    assert found[templates.TEMPLATE][0] is State.PROBLEM  # it is that of 3.8


def test_a_cluster_that_is_away_leaves_the_rest_unknown() -> None:
    found = look("http://127.0.0.1:9")

    assert found.pop(REACH) == (
        State.PROBLEM,
        (
            "it does not answer: Connection refused. Nothing listens there: check OPENSEARCH_URL and its "
            "port, and whether it runs. This is OPENSEARCH_URL (http://127.0.0.1:9)"
        ),
    )
    assert set(found.values()) == {(State.UNKNOWN, "the cluster does not answer")}


ROLE: Final = "arn:aws:iam::123456789012:role/Admin"
UNMAPPED: Final = (
    f"no permissions for [indices:admin/resolve/index] and User [name={ROLE}, backend_roles=[{ROLE}]"
)
NOT_ALLOWED: Final = (
    f"User: {ROLE} is not authorized to perform: es:ESHttpGet because no identity-based policy allows the "
    "es:ESHttpGet action"
)


def every(reply: Reply) -> Callable[[Call], Reply | None]:
    """Answer all but the first question so."""
    return lambda call: None if call.path == "/" else reply


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        pytest.param((503, "no"), "it answers 503 no. It is starting, or lacks nodes", id="503"),
        pytest.param((429, "no"), "it answers 429 no. The cluster is too busy", id="429"),
        pytest.param((200, "<html>"), "its answer cannot be read", id="a website"),
        pytest.param((200, "<html>"), "what is answered at OPENSEARCH_URL is no answer", id="listed so"),
        pytest.param((200, []), "its answer cannot be read", id="a list"),
        pytest.param((200, {}), "", id="an empty object"),
        pytest.param((200, {"template": [], "indices": 1, "index_templates": "x"}), "", id="other types"),
        pytest.param((302, ""), "", id="302"),
        pytest.param((500, {"error": None}), "", id="an error without a word"),
    ],
)
def test_what_is_answered_oddly_behind_a_good_first_answer_is_never_ok(
    node: Embedded, reply: Reply, text: str
) -> None:
    with Front(node, every(reply)) as front:
        found = look(front.url)

    assert (found.pop(REACH)[0], found.pop(SIGN)[0]) == (State.OK, State.OK)
    assert found.keys() == set(INSIDE)
    assert found.pop(parts.ENGINE) == (State.OK, "OpenSearch 3.8.0")  # by that first answer
    assert {name: each for name, each in found.items() if each[0] is State.OK} == {}
    assert any(said.startswith(text) for _, said in found.values())


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        pytest.param(
            (403, {"error": {"type": "security_exception", "reason": UNMAPPED}}),
            f"the cluster's security (fine-grained access control) refuses {ROLE}: 403 {UNMAPPED}. "
            f"Add {ROLE} to AdminPrincipalArn, and update the stack (docs/security.md)",
            id="the cluster's security",
        ),
        pytest.param(
            (403, {"Message": NOT_ALLOWED}),
            f"IAM refuses {ROLE}: 403 {NOT_ALLOWED}. No policy of its own allows it: allow {ROLE} "
            "es:ESHttpGet on the domain's ARN followed by /*",
            id="a policy that names the first path only",
        ),
    ],
)
def test_who_gets_the_version_and_nothing_else_is_not_accepted(
    node: Embedded, reply: Reply, text: str
) -> None:
    with Front(node, every(reply)) as front:
        found = look(front.url)

    assert found.pop(REACH)[0] is State.OK
    assert found.pop(SIGN) == (State.PROBLEM, f"it shows its version, and nothing else: {text}")
    assert found.keys() == set(INSIDE)
    assert found.pop(parts.ENGINE)[0] is State.OK  # by that first answer
    assert {each for each, _ in found.values()} == {State.UNKNOWN, State.SKIPPED}


def test_who_may_not_list_indices_and_gets_other_answers_is_accepted(node: Embedded) -> None:
    reply = (403, {"error": {"type": "security_exception", "reason": UNMAPPED}})
    with Front(node, lambda call: reply if call.path.startswith("/_resolve") else None) as front:
        found = look(front.url)

    assert (found[SIGN][0], found[templates.TEMPLATE][0]) == (State.OK, State.OK)
    assert found[days.WRITE][0] is State.UNKNOWN


@pytest.mark.parametrize("name", [each for each in INSIDE if each not in (parts.ENGINE, MAPPED)])
def test_a_look_that_fails_leaves_the_others_as_they_are(
    node: Embedded, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, function = {
        days.WRITE: (days, "try_to_write"),
        templates.TEMPLATE: (templates, "examine_template"),
        templates.WINS: (templates, "examine_next"),
        days.INDEX: (days, "examine_mapping"),
        days.AHEAD: (days, "examine_ahead"),
        days.WHOLE: (days, "examine_whole"),
        limits.BLOCKS: (limits, "examine_blocks"),
        limits.CREATE: (limits, "examine_creation"),
        parts.DASHBOARDS: (parts, "examine_dashboards"),
    }[name]

    def fail(*_: object) -> None:
        raise KeyError("docs")

    monkeypatch.setattr(module, function, fail)
    found = look(node.url)

    assert found[name] == (State.UNKNOWN, "its answer cannot be read: KeyError: 'docs'")
    follow = {templates.TEMPLATE: templates.WINS, limits.BLOCKS: limits.CREATE}.get(name, name)
    assert states(found) == {**ALL_WELL, follow: State.UNKNOWN, name: State.UNKNOWN}


NO_ROLE: Final = {
    "error": {
        "type": "security_exception",
        "reason": "no permissions for [cluster:monitor/main] and User [x]",
    },
    "status": 403,
}
EXPIRED: Final = {"message": "The security token included in the request is expired"}
BASIC: Final = {"OPENSEARCH_AUTH": "basic", "OPENSEARCH_USERNAME": "reader", "OPENSEARCH_PASSWORD": "x"}


@pytest.mark.parametrize(
    ("reply", "reached", "expected", "text"),
    [
        pytest.param(None, State.OK, State.OK, "as reader", id="accepted"),
        pytest.param(
            (403, NO_ROLE),
            State.UNKNOWN,
            State.PROBLEM,
            "the cluster's security (fine-grained access control) refuses reader: 403 no permissions for "
            "[cluster:monitor/main] and User [x]. Map the user reader to a role that may, or sign in as "
            "another (OPENSEARCH_USERNAME)",
            id="accepted, but without a role for this",
        ),
        pytest.param(
            (401, "Unauthorized"),
            State.UNKNOWN,
            State.PROBLEM,
            "401 Unauthorized for reader: check OPENSEARCH_AUTH, and user and password or the role",
            id="401",
        ),
        pytest.param(
            (403, EXPIRED),
            State.UNKNOWN,
            State.PROBLEM,
            "the check of the signature refuses reader: 403 The security token included in the request is "
            "expired. Sign in to AWS again; check AWS_REGION, OPENSEARCH_SERVICE and this machine's clock",
            id="expired",
        ),
    ],
)
def test_whether_it_accepts_who_is_asking(
    node: Embedded, reply: Reply | None, reached: State, expected: State, text: str
) -> None:
    with Front(node, lambda call: reply if call.path == "/" else None) as front:
        found = look(front.url, **BASIC)

    assert (found[REACH][0], found[SIGN]) == (reached, (expected, text))
    if expected is State.PROBLEM and reply != (403, NO_ROLE):  # who is let in may ask other questions
        assert {found[name] for name in INSIDE} == {
            (State.UNKNOWN, "the cluster does not accept who is asking")
        }
    else:
        doubt = {parts.ENGINE: State.UNKNOWN} if reply else {}  # its version may not be read
        assert states(found) == {**ALL_WELL, REACH: reached, SIGN: expected, **doubt}
