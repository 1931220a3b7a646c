r"""The fast path: for each format a function, made once, that turns events into rows.

What a line means is said in `parser.record`, what is indexed for it in `parser.document`. Here the same
rows are made without the values and dictionaries in between. For the format
`${interface-id} ${srcaddr} ${bytes} ${action} ${log-status}` the function is, in short:

    def render(events, append, metadata):
        for event in events:
            line = event.message
            t0, t1, t2, t3 = line.split(" ", 3)
            if not ((t1 in addresses or learn(t1)) and (t2 >= "1" or t2 == "0") and t2.isdecimal() and ...):
                return
            append(f'{"create":{"_id":"{event.id}"}}\n{{steady0[t0]},"srcaddr":"{t1}","bytes":{t2}{steady3[t3]}'
                   f',"@timestamp":"{stamps[event.timestamp]}","@message":"{line}"{metadata}}\n')

It rests on four observations:

1. What is valid needs no conversion: a whole number in plain digits is the same text in JSON.
2. Fields that name things (interface, VPC, action, ...) repeat. A memo holds the finished piece of JSON
   for each of their texts; the readable definition makes it the first time. The steady fields at the
   end of a line are one text with one piece.
3. Each token of an accepted line is ASCII that JSON does not escape: digits, an address, or a
   text that was looked at when it came into its memo. So the line as a whole is that, too.
4. What does not fit (a `-` among the numbers, NODATA, a broken line, a quote) ends the function. Its
   caller renders that one event from pieces or by the definition, and goes on behind it.

A property test holds rows and counts equal to the readable definition, byte for byte.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Final, Literal

from parser.document import PARSE_ERROR, build, encode_json, format_time
from parser.fields import SHORT, Field, Kind
from parser.format import Format, Formats
from parser.record import ABSENT, read
from parser.subscription import Event, Subscription

Mark = Literal["unparsed", "NODATA", "SKIPDATA"]
"""What is counted about an event's line."""

Render = Callable[[Iterable[Event], Callable[[str], None], str], None]
"""Append the rows of events, up to the first that does not fit. May raise ValueError at that one."""

LARGEST_MEMO: Final = 1024
LONGEST_TEXT: Final = 300
LARGEST_ADDRESSES: Final = 16_384
"""Bounds of what is remembered: a memo that is full begins anew, a longer text is not kept."""

_STATUS: Final = "log-status"
_MARKED: Final[dict[str, Mark]] = {"NODATA": "NODATA", "SKIPDATA": "SKIPDATA"}
_DIGITS: Final = 10
"""Of a time in seconds, from 2001 to 2286. Ten digits are never milliseconds."""
_PLAIN: Final = re.compile(r"[ !#-\[\]-~]+")
"""ASCII that is the same within a JSON string."""

_SOURCE: Final = """
def render(events, append, metadata):
    head = ""
    for event in events:
        line = rest = event.message
        {find_head}
        [{targets}] = rest.split(" ", {splits})
        if not ({checks}):
            return
        append(
            f'''{{{{"create":{{{{"_id":"{{event.id}}"}}}}}}}}\\n{{{{{pieces}'''
            f''',"@timestamp":"{{stamps[event.timestamp]}}"{message}{{metadata}}}}}}\\n'''
        )
"""

_FIND_HEAD: Final = """
        rest = line.removeprefix(head)
        if rest is line:  # its head is another
            head, start = read_head(line)
            rest = line.removeprefix(head)
"""


class Rows:
    """Makes rows of a bulk body: for each event an action and a document, two lines of JSON."""

    def __init__(self, formats: Formats, *, keep_message: bool) -> None:
        """Compile the formats; `keep_message` is that of `parser.document.build`."""
        self.formats = formats
        self.keep_message = keep_message
        self._compiled = {
            length: _Compiled(each, keep_message=keep_message)
            for length, each in formats.by_length.items()
            if length > 1
        }

    def render(
        self, events: Sequence[Event], subscription: Subscription
    ) -> tuple[list[str], dict[int, Mark]]:
        """Return a row for each event, and by position what is to be counted of it."""
        rows: list[str] = []
        marks: dict[int, Mark] = {}
        metadata = _render_metadata(subscription)
        plain = bool(metadata) and "".join([event.id for event in events]).isdigit()
        while (position := len(rows)) < len(events):
            event = events[position]
            compiled = self._compiled.get(event.message.count(" ") + 1) if plain else None
            if compiled:
                with suppress(ValueError):  # of a memo, or of too few tokens
                    compiled.render(islice(events, position, None), rows.append, metadata)
                if len(rows) > position:
                    continue
            found = compiled.render_pieces(event, metadata) if compiled else None
            row, mark = found or self._define(event, subscription)
            rows.append(row)
            if mark:
                marks[position] = mark
        return rows, marks

    def _define(self, event: Event, subscription: Subscription) -> tuple[str, Mark | None]:
        """Render an event by the readable definition."""
        document = build(event, subscription, self.formats, keep_message=self.keep_message)
        row = encode_json({"create": {"_id": event.id}}) + b"\n" + encode_json(document) + b"\n"
        mark: Mark | None = _MARKED.get(str(document.get("log_status")))
        return row.decode(), "unparsed" if PARSE_ERROR in document else mark


class _Compiled:
    """One format."""

    def __init__(self, form: Format, *, keep_message: bool) -> None:
        self._fields = form.fields
        self._memos = [_Memo([field]) if _is_steady(field) else None for field in form.fields]
        self._message = ',"@message":"{line}"' if keep_message else ""
        self.render = self._compile()

    def _compile(self) -> Render:
        """Write the function and make it."""
        fields = self._fields
        first = min(_count_steady(fields), len(fields) - 1)
        last = len(fields) - _count_steady(fields[:first:-1])
        names: dict[str, Any] = {"addresses": _addresses, "learn": _learn, "stamps": _stamps}
        names["read_head"] = _head_reader(fields[:first])
        numbers: list[str] = []  # looked at first: a `-` is found there at the least cost
        addresses: list[str] = []
        pieces: list[str] = ["{start}"] if first else []
        for position, field in enumerate(fields[first:last], start=first):
            token = f"t{position}"
            if _is_steady(field):
                names[f"memo{position}"] = _Memo([field], marked=False)
                pieces.append(f"{{memo{position}[{token}]}}")
            else:
                (addresses if field.kind is Kind.ADDRESS else numbers).append(_check(field, token))
                pieces.append(f'{"," if position else ""}"{field.document_name}":{_quote(field, token)}')
        if last < len(fields):
            names[f"memo{last}"] = _Memo(fields[last:], marked=False)
            pieces.append(f"{{memo{last}[t{last}]}}")
        targets = [f"t{position}" for position in range(first, min(last + 1, len(fields)))]
        source = _SOURCE.format(
            find_head=_FIND_HEAD.strip() if first else "",
            targets=", ".join(targets),
            splits=len(targets) - 1 if last < len(fields) else -1,
            checks=" and ".join(["line.isascii()", *numbers, *addresses]),
            pieces="".join(pieces),
            message=self._message,
        )
        exec(source, names)  # noqa: S102  # of names that parser.format has checked
        render: Render = names["render"]
        return render

    def render_pieces(self, event: Event, metadata: str) -> tuple[str, Mark | None] | None:
        """Render an event whose line is a record with absent fields; None where it may be no record."""
        line = event.message
        if not _PLAIN.fullmatch(line):
            return None
        mark = None
        pieces = []
        try:
            for field, memo, token in zip(self._fields, self._memos, line.split(" "), strict=True):
                if token == ABSENT:
                    continue
                pieces.append(_piece(field, token) if memo is None else memo[token])
                if field.name == _STATUS:
                    mark = _MARKED.get(token)
        except ValueError:
            return None
        message = self._message.format(line=line)
        text = f'{"".join(pieces)},"@timestamp":"{_stamps[event.timestamp]}"{message}{metadata}'
        return f'{{"create":{{"_id":"{event.id}"}}}}\n{{{text[1:]}}}\n', mark


def _count_steady(fields: Sequence[Field]) -> int:
    """Return how many fields at the beginning are steady."""
    return next((number for number, field in enumerate(fields) if not _is_steady(field)), len(fields))


def _head_reader(fields: Sequence[Field]) -> Callable[[str], tuple[str, str]]:
    """Return what reads the steady fields at the beginning of a line.

    It returns their text, with the space behind it, and their JSON, without the comma before it, and
    raises ValueError where all are absent.
    """
    memo = _Memo(fields, marked=False)

    def read_head(line: str) -> tuple[str, str]:
        end = 0
        for _ in fields:
            end = line.index(" ", end) + 1
        piece = memo[line[: end - 1]]
        if not piece:
            raise ValueError(line)
        return line[:end], piece[1:]

    return read_head


class _Memo(dict[str, str]):
    """Text of one or several neighbouring steady fields -> the JSON of them."""

    def __init__(self, fields: Sequence[Field], *, marked: bool = True) -> None:
        """Begin without texts; unless `marked`, texts that are counted (NODATA, SKIPDATA) are refused."""
        super().__init__()
        self._fields = fields
        self._marked = marked

    def __missing__(self, text: str) -> str:
        """Make the piece. Raises ValueError for a text that the caller must look at more closely."""
        pairs = list(zip(self._fields, text.split(" "), strict=True))
        if not _PLAIN.fullmatch(text) or not all(token for _, token in pairs):
            raise ValueError(text)
        if not self._marked and any(field.name == _STATUS and token in _MARKED for field, token in pairs):
            raise ValueError(text)
        piece = "".join([_piece(field, token) for field, token in pairs])
        if len(self) >= LARGEST_MEMO:
            self.clear()
        if len(text) <= LONGEST_TEXT:
            self[text] = piece
        return piece


class _Stamps(dict[int, str]):
    """Milliseconds since the epoch -> the text of `@timestamp`."""

    def __init__(self) -> None:
        super().__init__()
        self._minutes: dict[int, str] = {}

    def __missing__(self, timestamp: int) -> str:
        """Put the text together from that of the minute, which is made seldom, and the rest."""
        if len(self) >= LARGEST_MEMO:
            self.clear()
            self._minutes.clear()
        minute, rest = divmod(timestamp, 60_000)
        start = self._minutes.get(minute)
        if start is None:
            start = self._minutes[minute] = format_time(timestamp - rest).removesuffix("00.000Z")
        end = _SECONDS.get(rest) or f"{rest // 1000:02}.{rest % 1000:03}Z"
        text = self[timestamp] = start + end
        return text


_SECONDS: Final = {second * 1000: f"{second:02}.000Z" for second in range(60)}
"""The end of a time, for each whole second of a minute. Flow logs know no shorter time."""

_stamps: Final = _Stamps()
_addresses: Final[set[str]] = set()


def _learn(text: str) -> bool:
    """Tell whether the text is an address, and remember it if so."""
    try:
        inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):
        return False
    if len(_addresses) >= LARGEST_ADDRESSES:
        _addresses.clear()
    _addresses.add(text)
    return True


def _is_steady(field: Field) -> bool:
    """Whether few texts of the field repeat: names and small numbers; not addresses and counters."""
    return field.kind in (Kind.TEXT, Kind.TAG, Kind.CHOICE) or 0 < field.high <= SHORT


def _check(field: Field, token: str) -> str:
    """Return the expression that is true only where the token stands in JSON as it is."""
    if field.kind is Kind.ADDRESS:
        return f"({token} in addresses or learn({token}))"
    if field.kind is Kind.SECONDS:
        return f'{token} >= "1" and len({token}) == {_DIGITS} and {token}.isdecimal()'
    digits, high = len(str(field.high)), field.high
    fits = f'(len({token}) < {digits} or len({token}) == {digits} and {token} <= "{high}")'
    return f'({token} >= "1" or {token} == "0") and {fits} and {token}.isdecimal()'


def _quote(field: Field, token: str) -> str:
    return f'"{{{token}}}"' if field.kind is Kind.ADDRESS else f"{{{token}}}"


def _piece(field: Field, token: str) -> str:
    """Return a field as JSON, with a comma before it; nothing where it is absent.

    Raises:
        RecordError: the token is not of the field's kind.
    """
    if token == ABSENT:
        return ""
    if field.kind is Kind.SECONDS and len(token) == _DIGITS and token.isdecimal() and token[0] != "0":
        return f',"{field.document_name}":{token}'  # NODATA records have these, and come often enough
    return f',"{field.document_name}":{encode_json(read(field, token)).decode()}'


def _render_metadata(subscription: Subscription) -> str:
    """Return the end of each document; nothing where its texts are not plain."""
    texts = {
        "@owner": subscription.owner,
        "@log_group": subscription.log_group,
        "@log_stream": subscription.log_stream,
    }
    if not all(_PLAIN.fullmatch(text) for text in texts.values()):
        return ""
    return "".join(f',"{name}":"{text}"' for name, text in texts.items())
