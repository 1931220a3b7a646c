"""What an error carries and says."""

import pytest

from parser.errors import EnvelopeError, FormatError, ParserError, RecordError, quote


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("srcport", "70000", "srcport: '70000' is wrong"),
        ("srcport", None, "srcport: is wrong"),
        (None, "70000", "'70000' is wrong"),
        (None, None, "is wrong"),
        ("srcport", "", "srcport: '' is wrong"),
    ],
    ids=["field-and-value", "field-alone", "value-alone", "reason-alone", "empty-value"],
)
def test_a_record_error_says_field_value_and_reason(field: str | None, value: str | None, text: str) -> None:
    error = RecordError(field, value, "is wrong")

    assert (error.field, error.value, error.reason) == (field, value, "is wrong")
    assert str(error) == text


def test_a_long_value_is_kept_whole_and_shown_in_part() -> None:
    error = RecordError("srcaddr", "x" * 81, "is wrong")

    assert error.value == "x" * 81
    assert str(error) == f"srcaddr: '{'x' * 80}…' is wrong"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "'plain'"),
        ("x" * 80, f"'{'x' * 80}'"),
        ("Zürich", "'Zürich'"),
        ("\U0001f600", "'\U0001f600'"),
        ("a\nb", r"'a\nb'"),
        ("a\tb", r"'a\tb'"),
        ("a\0b", r"'a\x00b'"),
        ("a\u2028b", r"'a\u2028b'"),
        ("\ud800", r"'\ud800'"),
    ],
    ids=["plain", "80", "umlaut", "emoji", "newline", "tab", "nul", "line-separator", "surrogate"],
)
def test_a_quoted_value_stays_on_one_line_and_can_be_written_as_utf8(value: str, shown: str) -> None:
    assert quote(value) == shown
    assert quote(value).encode()


@pytest.mark.parametrize("kind", [EnvelopeError, RecordError, FormatError])
def test_every_error_is_a_parser_error_and_a_value_error(kind: type[Exception]) -> None:
    assert issubclass(kind, ParserError)
    assert issubclass(kind, ValueError)
