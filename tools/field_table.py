"""The documentation's table of fields, written from the field table itself.

Run as a program (`make docs`), it renews the table in docs/fields.md.
"""

import sys
from pathlib import Path
from typing import Final

from parser.fields import FIELDS, Field, Kind
from tools.marked import renew

NAME: Final = "table"


def render_table() -> str:
    """Return the table of all fields in Markdown."""
    rows = [
        "| field | since | in a document | type in the index | accepted | meaning |",
        "|---|---|---|---|---|---|",
        *(_render_row(field) for field in FIELDS),
    ]
    return "\n".join(rows)


def replace_table(page: str) -> str:
    """Return the page with its table renewed. Raises ValueError where the page has no place for it."""
    return renew(page, NAME, render_table())


def _render_row(field: Field) -> str:
    version = "Transit Gateway" if field.version == "6T" else f"v{field.version}"
    cells = (
        f"`{field.name}`",
        version,
        f"`{field.document_name}`",
        field.opensearch,
        _render_accepted(field),
        field.meaning,
    )
    return f"| {' | '.join(cells)} |"


def _render_accepted(field: Field) -> str:
    match field.kind:
        case Kind.INTEGER:
            return f"0 to {field.high:,}"
        case Kind.CHOICE:
            return ", ".join(field.choices)
        case Kind.ADDRESS:
            return "IPv4, IPv6, no zone"
        case Kind.SECONDS:
            return "seconds; milliseconds are divided"
        case Kind.TAG:
            return "text, percent-decoded once"
        case Kind.TEXT:
            return "any text"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(replace_table(page.read_text()))
