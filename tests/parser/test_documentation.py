"""Every example line of the AWS documentation, with the record that a person reads in it."""

import json
from pathlib import Path
from typing import TypedDict

import pytest

from parser.format import Formats
from parser.record import Value, parse


class Example(TypedDict):
    """Lines of one format, from one place of the documentation."""

    source: str
    format: str
    lines: list[str]


DATA = Path(__file__).parents[1] / "data"
EXAMPLES: list[Example] = json.loads((DATA / "documentation_lines.json").read_text(encoding="utf-8"))
RECORDS: dict[str, list[dict[str, Value]]] = json.loads(
    (DATA / "documentation_records.json").read_text(encoding="utf-8")
)


def test_each_example_has_its_expected_records() -> None:
    assert EXAMPLES
    assert {each["source"]: len(each["lines"]) for each in EXAMPLES} == {
        source: len(records) for source, records in RECORDS.items()
    }
    assert all(each["lines"] for each in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=[each["source"].rpartition(": ")[2] for each in EXAMPLES])
def test_an_example_of_the_documentation_is_read_as_it_explains(example: Example) -> None:
    formats = Formats.from_text(example["format"])

    records = [parse(line, formats) for line in example["lines"]]

    assert records == RECORDS[example["source"]]
    assert [list(record) for record in records] == [list(each) for each in RECORDS[example["source"]]]
