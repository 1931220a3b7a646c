"""Flow log formats, and how a line finds its own.

A record does not say which fields it has: `version` is only the highest version among them, and
their order is free ("Flow log records", Amazon VPC User Guide). So formats are configured. Several
flow logs may write to one log group, even to one log stream; their lines are told apart by their
number of tokens.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from parser.errors import FormatError, RecordError, quote
from parser.fields import FIELDS, Field, find

DEFAULT: Final = " ".join(f"${{{field.name}}}" for field in FIELDS if field.version == "2")
"""The default format of VPC flow logs, which is what a flow log has that names no format."""

TRANSIT_GATEWAY_DEFAULT: Final = (
    "${version} ${resource-type} ${account-id} ${tgw-id} ${tgw-attachment-id} ${tgw-src-vpc-account-id} "
    "${tgw-dst-vpc-account-id} ${tgw-src-vpc-id} ${tgw-dst-vpc-id} ${tgw-src-subnet-id} "
    "${tgw-dst-subnet-id} ${tgw-src-eni} ${tgw-dst-eni} ${tgw-src-az-id} ${tgw-dst-az-id} "
    "${tgw-pair-attachment-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${log-status} ${type} ${packets-lost-no-route} ${packets-lost-blackhole} "
    "${packets-lost-mtu-exceeded} ${packets-lost-ttl-expired} ${tcp-flags} ${region} "
    "${flow-direction} ${pkt-src-aws-service} ${pkt-dst-aws-service}"
)
"""The default format of Transit Gateway flow logs."""

SEPARATOR: Final = ";"
"""Stands between formats where one text holds several."""

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_WRAPPED_NAME: Final = re.compile(r"""["'`\\$%{]*([A-Za-z][A-Za-z0-9_-]*)["'`\\}]*""")
_RESERVED: Final = "parse-error"
"""Would become `parse_error`, the name under which a document says why its line was not parsed."""


@dataclass(frozen=True, slots=True)
class Format:
    """The fields of a line, in their order.

    Attributes:
        fields: at least one. Of a name that stands twice, the first counts.
    """

    fields: tuple[Field, ...]

    def __str__(self) -> str:
        return " ".join(f"${{{field.name}}}" for field in self.fields)

    def __len__(self) -> int:
        return len(self.fields)


def parse_format(text: str) -> Format:
    """Read a format as EC2 writes it (`${version} ${account-id} ...`), or as bare names.

    Raises:
        FormatError: the text is empty, or a name is malformed; names the spot.
    """
    fields: list[Field] = []
    names: set[str] = set()
    for position, token in enumerate(text.split(), start=1):
        name = _read_name(token, position)
        # EC2 is reported to accept such a format, and writes the same value twice.
        fields.append(replace(find(name), repeated=name in names))
        names.add(name)
    if not fields:
        raise FormatError("format is empty: it must name at least one field")
    return Format(tuple(fields))


def _read_name(token: str, position: int) -> str:
    name = token[2:-1] if token.startswith("${") and token.endswith("}") else token
    if name == _RESERVED:
        raise FormatError(f"field {position} of the format: the name {name!r} is reserved for documents")
    if not _NAME.fullmatch(name):
        raise FormatError(
            f"field {position} of the format: {quote(token)} is neither ${{name}} nor a bare name "
            f"of lower-case letters, digits and hyphens{_guess(token)}"
        )
    return name


def _guess(token: str) -> str:
    """Return a hint where names are meant: in quotes, escaped as in a shell, with underscores or commas."""
    found = [_WRAPPED_NAME.fullmatch(part) for part in re.split(r",|(?<=\})(?=\$)", token.rstrip(","))]
    names = [each[1].lower().replace("_", "-") for each in found if each]
    if len(names) < len(found) or not all(_NAME.fullmatch(name) for name in names):
        return ""
    return f"; did you mean '{' '.join(names)}'?"


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats that are active together, told apart by their number of fields.

    Attributes:
        by_length: number of fields -> format. At least one.
    """

    by_length: Mapping[int, Format]

    @classmethod
    def of(cls, formats: Iterable[Format]) -> "Formats":
        """Put formats together.

        Raises:
            FormatError: there is none, or two have the same number of fields: their lines could not
                be told apart.
        """
        by_length: dict[int, Format] = {}
        for each in formats:
            other = by_length.setdefault(len(each), each)
            if other != each:
                raise FormatError(
                    f"two formats have {len(each)} fields each, so that their lines cannot be told "
                    f"apart: '{other}' and '{each}'"
                )
        if not by_length:
            raise FormatError("no format is given")
        return cls(MappingProxyType(dict(sorted(by_length.items()))))

    @classmethod
    def from_text(cls, text: str) -> "Formats":
        """Read one format, or several with `;` between them; an end of `;` is allowed.

        Raises:
            FormatError: see `parse_format` and `of`; with several, says which.
        """
        texts = text.removesuffix(SEPARATOR).split(SEPARATOR)
        if len(texts) == 1:
            return cls.of([parse_format(texts[0])])
        formats: list[Format] = []
        for number, each in enumerate(texts, start=1):
            try:
                formats.append(parse_format(each))
            except FormatError as error:
                raise FormatError(f"format {number} of {len(texts)}: {error}") from error
        return cls.of(formats)

    def __str__(self) -> str:
        return SEPARATOR.join(str(each) for each in self.by_length.values())

    def to_names(self) -> str:
        """Return what `from_text` reads as these formats, as bare names: the shortest text."""
        return SEPARATOR.join(
            " ".join(field.name for field in each.fields) for each in self.by_length.values()
        )

    def select(self, tokens: list[str]) -> Format:
        """Return the format that has as many fields as there are tokens.

        Raises:
            RecordError: there is none; names the first token that is missing or surplus.
        """
        found = self.by_length.get(len(tokens))
        if found is None:
            raise self._mismatch(tokens)
        return found

    def _mismatch(self, tokens: list[str]) -> RecordError:
        count = len(tokens)
        if count == 0:
            return RecordError(None, None, "line is empty")
        nearest = min(self.by_length.values(), key=lambda each: abs(len(each) - count))
        lengths = " or ".join(str(length) for length in self.by_length)
        if count < len(nearest):
            missing = nearest.fields[count].name
            return RecordError(
                missing, None, f"missing: line has {count} of {len(nearest)} tokens (formats have {lengths})"
            )
        last = nearest.fields[-1].name
        return RecordError(
            None,
            tokens[len(nearest)],
            f"is surplus after {last}: line has {count} tokens, not {len(nearest)} (formats have {lengths})",
        )


def known_formats() -> Formats:
    """Return the formats that can be guessed: per version, all fields up to it in the table's order.

    That is the order in which the documentation lists them, and what one gets who selects "all
    fields"; Transit Gateway's default joins them. No two have the same number of fields.
    """
    versions = sorted({int(field.version) for field in FIELDS if field.version.isdigit()})
    formats = [
        Format(tuple(field for field in FIELDS if field.version.isdigit() and int(field.version) <= version))
        for version in versions
    ]
    return Formats.of([*formats, parse_format(TRANSIT_GATEWAY_DEFAULT)])
