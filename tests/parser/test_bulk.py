"""Bodies of bulk requests: their lines, their sizes, their days and their counts."""

import gzip
import json
from typing import Any

import pytest

from parser.bulk import Body, Part, encode
from parser.format import Formats
from parser.subscription import Event, Subscription

FORMATS = Formats.from_text("${srcport} ${log-status}")
MIDNIGHT = 1732320000000
DAY = 86_400_000


def subscription(*events: Event) -> Subscription:
    return Subscription(owner="012345678901", log_group="g", log_stream="s", events=events)


def bodies(*events: Event, max_bytes: int = 5 * 1024 * 1024, keep_message: bool = True) -> list[Body]:
    return list(
        encode(subscription(*events), FORMATS, prefix="cwl", max_bytes=max_bytes, keep_message=keep_message)
    )


def rows(body: Body) -> list[Any]:
    return [json.loads(row) for row in gzip.decompress(body.data).splitlines()]


def flow(number: int, timestamp: int = MIDNIGHT, message: str = "443 OK") -> Event:
    return Event(f"{number:056}", timestamp, message)


SIZE_OF_ONE = len(gzip.decompress(bodies(flow(1))[0].data))


def test_a_body_has_an_action_and_a_document_for_each_event() -> None:
    first, second = Event("340", MIDNIGHT, "443 OK"), Event("341", MIDNIGHT + 1, "70000 OK")

    (body,) = bodies(first, second)

    assert gzip.decompress(body.data) == (
        b'{"create":{"_id":"340"}}\n'
        b'{"srcport":443,"log_status":"OK","@timestamp":"2024-11-23T00:00:00.000Z","@message":"443 OK",'
        b'"@owner":"012345678901","@log_group":"g","@log_stream":"s"}\n'
        b'{"create":{"_id":"341"}}\n'
        b'{"parse_error":"srcport: \'70000\' is above 65535","@timestamp":"2024-11-23T00:00:00.001Z",'
        b'"@message":"70000 OK","@unparsed":"70000 OK",'
        b'"@owner":"012345678901","@log_group":"g","@log_stream":"s"}\n'
    )
    assert body == Body(
        index="cwl-2024.11.23",
        data=body.data,
        size=len(gzip.decompress(body.data)),
        parts=(Part(0, (first, second)),),
        unparsed=1,
        no_data=0,
        skip_data=0,
    )


def test_the_message_of_parsed_lines_can_be_left_out() -> None:
    (body,) = bodies(flow(1), flow(2, message="broken"), keep_message=False)

    assert ["@message" in row for row in rows(body)[1::2]] == [False, True]


def test_a_body_is_one_gzip_member() -> None:
    (body,) = bodies(*map(flow, range(100)))

    assert body.data.startswith(b"\x1f\x8b\x08")
    assert body.data.count(b"\x1f\x8b\x08\x00\x00\x00\x00\x00") == 1


@pytest.mark.parametrize("count", [20, 200, 2000])
def test_short_rows_are_compressed_together(count: int) -> None:
    """Row by row, isal makes half of them."""
    (body,) = bodies(*map(flow, range(count)))

    assert len(body.data) < body.size / 10
    assert len(rows(body)) == 2 * count


def test_no_events_make_no_body() -> None:
    assert bodies() == []


def test_events_are_counted_by_what_their_lines_say() -> None:
    messages = ["443 OK", "- NODATA", "- NODATA", "- SKIPDATA", "broken", "- -", "- OK", "1 NODATA more", ""]

    (body,) = bodies(*(flow(number, message=message) for number, message in enumerate(messages)))

    assert (len(body.events), body.unparsed, body.no_data, body.skip_data) == (9, 3, 2, 1)


def test_a_payload_that_spans_midnight_fills_two_indices() -> None:
    events = [flow(1, MIDNIGHT - 1), flow(2), flow(3, MIDNIGHT - 2), flow(4, MIDNIGHT + DAY - 1)]

    made = bodies(*events)

    assert [(body.index, body.events) for body in made] == [
        ("cwl-2024.11.22", (events[0], events[2])),
        ("cwl-2024.11.23", (events[1], events[3])),
    ]


def test_each_day_has_an_index_of_its_own() -> None:
    made = bodies(flow(1, 0), flow(2, DAY), flow(3, 253402300799999))

    assert [body.index for body in made] == ["cwl-1970.01.01", "cwl-1970.01.02", "cwl-9999.12.31"]


def test_the_prefix_names_the_indices() -> None:
    (body,) = encode(subscription(flow(1)), FORMATS, prefix="my-flows", max_bytes=100, keep_message=True)

    assert body.index == "my-flows-2024.11.23"


# Bytes allowed, and how many events each body then has: ten events of equal size.
BOUNDS = {
    "all-exactly": (10 * SIZE_OF_ONE, [10]),
    "one-byte-less": (10 * SIZE_OF_ONE - 1, [9, 1]),
    "three-exactly": (3 * SIZE_OF_ONE, [3, 3, 3, 1]),
    "three-and-some": (4 * SIZE_OF_ONE - 1, [3, 3, 3, 1]),
    "one-exactly": (SIZE_OF_ONE, [1] * 10),
    "less-than-one": (SIZE_OF_ONE - 1, [1] * 10),
    "one-byte": (1, [1] * 10),
}


@pytest.mark.parametrize(("max_bytes", "counts"), BOUNDS.values(), ids=BOUNDS)
def test_a_body_is_full_and_never_larger_than_allowed(max_bytes: int, counts: list[int]) -> None:
    events = [flow(number) for number in range(10)]

    made = bodies(*events, max_bytes=max_bytes)

    assert [len(body.events) for body in made] == counts
    assert [event for body in made for event in body.events] == events
    assert [body.size for body in made] == [SIZE_OF_ONE * count for count in counts]
    assert [len(gzip.decompress(body.data)) for body in made] == [body.size for body in made]
    assert all(body.size <= max_bytes or len(body.events) == 1 for body in made)


def test_an_event_larger_than_a_body_travels_alone() -> None:
    huge = flow(2, message="x" * 5000)
    before, after = (flow(0), flow(1)), (flow(3), flow(4))

    made = bodies(*before, huge, *after, max_bytes=2 * SIZE_OF_ONE)

    assert [body.events for body in made] == [before, (huge,), after]
    assert made[1].size > 5000
    assert rows(made[1])[1]["@message"] == huge.message


def test_the_counts_of_a_body_are_its_own() -> None:
    made = bodies(
        flow(1, message="bad"), flow(2, message="- NODATA"), flow(3, message="- SKIPDATA"), max_bytes=1
    )

    assert [(body.unparsed, body.no_data, body.skip_data) for body in made] == [
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
    ]


def test_the_size_counts_bytes_and_not_characters() -> None:
    plain, wide = bodies(flow(1, message="443 abc")), bodies(flow(1, message="443 äöü"))

    assert wide[0].size - plain[0].size == 3 * 3  # each letter stands in @message, @unparsed and parse_error


def test_bodies_are_made_one_at_a_time() -> None:
    stream = encode(subscription(*map(flow, range(3))), FORMATS, prefix="cwl", max_bytes=1, keep_message=True)

    assert next(stream).events == (flow(0),)
    assert next(stream).events == (flow(1),)


TEXTS = {
    "quotes": '"443" OK',
    "backslashes": "\\443\\n OK",
    "control": "".join(map(chr, range(32))),
    "line-ends": "443\r\nOK\n",
    "line-separators": "\u2028\u2029\u0085",
    "non-bmp": "\U0001f600 OK",
    "high-surrogate": "\ud83d OK",
    "low-surrogate": "\ude00 OK",
    "surrogate-and-emoji": "\ude00\U0001f600é",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_is_kept_and_every_row_is_one_line(text: str) -> None:
    events = flow(1), Event(f"id-{text}", MIDNIGHT, text), flow(2)

    (body,) = bodies(*events)

    content = gzip.decompress(body.data)
    lines = content.split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == 6
    assert [json.loads(line)["create"]["_id"] for line in lines[::2]] == [event.id for event in events]
    assert [json.loads(line)["@message"] for line in lines[1::2]] == [event.message for event in events]
    assert content.decode("utf-8")
