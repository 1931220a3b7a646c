"""The formats of a log group, by what EC2 says of the flow logs that write to it."""

from typing import Final

import pytest

from parser.errors import FormatError
from parser.format import DEFAULT, TRANSIT_GATEWAY_DEFAULT, Formats, known_formats
from parser.learnt_formats import LONGEST, FlowLog, learn_formats

GROUP: Final = "/vpc/flow-logs"
SHORT: Final = "${srcaddr} ${dstaddr} ${bytes}"
UNKNOWN: Final = "lines are read by the default format; give LogFormat what they have"
NOBODY: Final = f"no flow log of this account and Region writes to {GROUP}: {UNKNOWN}"
ODD: Final = (
    "fl-1: its format cannot be read, so its lines are not: field 1 of the format: '$$' is neither ${name} "
    "nor a bare name of lower-case letters, digits and hyphens"
)


@pytest.mark.parametrize(
    ("texts", "known", "formats", "warnings"),
    [
        pytest.param([SHORT], "", [SHORT], (), id="one"),
        pytest.param([SHORT, SHORT], "", [SHORT], (), id="two of one format"),
        pytest.param([""], "", [DEFAULT], (), id="one that names none"),
        pytest.param(
            [TRANSIT_GATEWAY_DEFAULT, SHORT, DEFAULT],
            "",
            [SHORT, DEFAULT, TRANSIT_GATEWAY_DEFAULT],
            (),
            id="several",
        ),
        pytest.param([SHORT], DEFAULT, [SHORT, DEFAULT], (), id="one, and one that is known"),
        pytest.param([], SHORT, [SHORT], (), id="none, but one is known"),
        pytest.param([], "", [DEFAULT], (NOBODY,), id="none at all"),
        pytest.param(["$$"], "", [DEFAULT], (ODD, UNKNOWN), id="one that cannot be read"),
        pytest.param(["$$", SHORT], "", [SHORT], (ODD,), id="one that can be read, and one that cannot"),
        pytest.param(["${new-field} ${x}"], "", ["${new-field} ${x}"], (), id="fields that nobody knows"),
    ],
)
def test_all_formats_are_read(
    texts: list[str], known: str, formats: list[str], warnings: tuple[str, ...]
) -> None:
    flow_logs = [FlowLog(f"fl-{number}", text) for number, text in enumerate(texts, start=1)]
    learnt = learn_formats(GROUP, flow_logs, known)

    assert str(learnt.formats) == ";".join(formats)
    assert learnt.warnings == warnings


def test_formats_that_cannot_be_told_apart_are_refused_with_the_names_of_their_flow_logs() -> None:
    with pytest.raises(FormatError) as raised:
        learn_formats(GROUP, [FlowLog("fl-1", "${a} ${b}"), FlowLog("fl-2", "${b} ${a}")])

    assert str(raised.value) == (
        "fl-1 and fl-2 write to /vpc/flow-logs in different formats of 2 fields each, whose lines cannot be "
        "told apart: let one of them write to a log group of its own, or with a field more; or give "
        "LogFormat the one that is to be read"
    )


def test_a_known_format_counts_as_one_of_them() -> None:
    with pytest.raises(
        FormatError, match="LogFormat and fl-1 write to /vpc/flow-logs in different formats of 2"
    ):
        learn_formats(GROUP, [FlowLog("fl-1", "${a} ${b}")], "${b} ${a}")


def test_more_than_fits_is_refused() -> None:
    wide = [FlowLog(f"fl-{number}", " ".join(["${srcaddr}"] * (100 + number))) for number in range(3)]

    with pytest.raises(
        FormatError, match=f"have 2423 characters together, and {LONGEST} fit: give LogFormat"
    ):
        learn_formats(GROUP, wide)


def test_names_alone_are_read_as_the_same_formats() -> None:
    formats = known_formats()

    assert Formats.from_text(formats.to_names()) == formats
