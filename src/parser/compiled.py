r"""The fast path: for each format a plan, made once, by which the rows of many events are made together.

What a line means is said in `parser.record`, what is indexed for it in `parser.document`. Here the same
rows are made without the values and dictionaries in between, and without a loop over the lines: all
lines are split at once, each field is looked at as a column, and all rows are joined at once.

    lines     "10.0.0.1 840 ACCEPT OK", "10.0.0.2 97 REJECT OK"
    columns   ["10.0.0.1", "10.0.0.2"], ["840", "97"], ["ACCEPT", "REJECT"], ["OK", "OK"]
    pieces    ... '"srcaddr":"', "10.0.0.1", '","bytes":', "840", ",", '"action":"ACCEPT",', ...

It rests on four observations:

1. What is valid needs no conversion: a whole number in plain digits is the same text in JSON. So a column
   holds nothing else if it stays the same when it is read as JSON and written again.
2. Fields that name things (interface, VPC, action, ...) repeat. A memo holds the finished piece of JSON
   for each of their texts; the readable definition makes it the first time.
3. Each token of an accepted line is ASCII that JSON does not escape: digits, an address, or a
   text that was looked at when it came into its memo. So the line as a whole is that, too.
4. What does not fit is rare. Such a line (a NODATA record, a wrong number, a quote) is taken out and
   rendered alone: from the pieces of its tokens, or by the definition.

A property test holds rows and counts equal to the readable definition, byte for byte.
"""

from collections.abc import Callable, Sequence
from operator import is_

from parser.columns import MARKED, PLAIN, STATUS, Mark, choose_column, fits, is_steady, render_token, stamps
from parser.document import PARSE_ERROR, build, encode_json
from parser.format import Format, Formats
from parser.record import ABSENT
from parser.subscription import Event, Subscription


class Rows:
    """Makes rows of a bulk body: for each event an action and a document, two lines of JSON."""

    def __init__(self, formats: Formats, *, keep_message: bool) -> None:
        """Plan the formats; `keep_message` is that of `parser.document.build`."""
        self.formats = formats
        self.keep_message = keep_message
        self._plans = {
            length: _Plan(each, keep_message=keep_message)
            for length, each in formats.by_length.items()
            if length > 1
        }

    def render(self, events: Sequence[Event], subscription: Subscription) -> tuple[bytes, dict[int, Mark]]:
        """Return the rows of the events, and by position what is to be counted of each.

        Args:
            events: at least one.
            subscription: the payload that they came in.
        """
        metadata = _render_metadata(subscription)
        marks: dict[int, Mark] = {}

        def render_alone(position: int) -> str:
            event = events[position]
            plan = self._plans.get(_count_tokens(event)) if metadata else None
            pieces = plan.render_pieces(event, metadata) if plan else None
            row, mark = pieces or self._define_row(event, subscription)
            if mark:
                marks[position] = mark
            return row

        def render_together(chosen: Sequence[Event], positions: Sequence[int]) -> str | None:
            plan = self._plans.get(_count_tokens(chosen[0])) if metadata else None
            return plan.render(chosen, positions, metadata, render_alone) if plan else None

        rows = render_together(events, range(len(events)))
        if rows is None:  # not all have the same number of tokens
            by_position: dict[int, str] = {}
            for positions in _group_by_length(events):
                text = render_together([events[position] for position in positions], positions)
                each = map(render_alone, positions) if text is None else divide(text)
                by_position.update(zip(positions, each, strict=True))
            rows = "".join([by_position[position] for position in range(len(events))])
        return rows.encode(), marks

    def _define_row(self, event: Event, subscription: Subscription) -> tuple[str, Mark | None]:
        """Render an event by the readable definition."""
        document = build(event, subscription, self.formats, keep_message=self.keep_message)
        row = encode_json({"create": {"_id": event.id}}) + b"\n" + encode_json(document) + b"\n"
        mark: Mark | None = MARKED.get(str(document.get("log_status")))
        return row.decode(), "unparsed" if PARSE_ERROR in document else mark


def divide(rows: str) -> list[str]:
    """Return each row of a text of rows."""
    lines = rows.split("\n")
    return [f"{action}\n{document}\n" for action, document in zip(lines[:-1:2], lines[1::2], strict=True)]


class _Plan:
    """How lines of one format become rows."""

    def __init__(self, form: Format, *, keep_message: bool) -> None:
        self._fields = form.fields
        self._keep_message = keep_message
        self._single = [choose_column([field]) for field in form.fields]
        varying = [position for position, field in enumerate(form.fields) if not is_steady(field)]
        self._first_varying = varying[0] if varying else 0
        # The steady fields from here to the end are one column.
        self._tail = min(varying[-1] + 1 if varying else 0, len(form.fields) - 1)
        self._columns = [*self._single[: self._tail], choose_column(form.fields[self._tail :])]

    def render(
        self,
        events: Sequence[Event],
        positions: Sequence[int],
        metadata: str,
        render_alone: Callable[[int], str],
    ) -> str | None:
        """Return the rows of the events; None where one has not the format's number of tokens.

        Args:
            events: at least one.
            positions: theirs, for `render_alone`.
            metadata: the end of each document.
            render_alone: makes the row of the event at a position, which does not fit.
        """
        messages = [event.message for event in events]
        table = self._split(messages)
        if table is None:
            return None
        ids = [event.id for event in events]
        times = [event.timestamp for event in events]
        numbers = list(range(len(events)))
        alone: list[int] = []
        # NODATA records, whose first varying field is absent, are most of what does not fit.
        misfits = _find(ABSENT, table[self._first_varying])
        if not _are_digits("".join(ids)):
            misfits |= {number for number, each in enumerate(ids) if not _are_digits(each)}
        rendered: list[str | list[str]] = []
        while misfits or not rendered:  # twice at the most: what does not fit is taken out, then all fits
            if any(_count_tokens(events[numbers[each]]) != len(self._fields) for each in misfits):
                return None
            for number in sorted(misfits, reverse=True):
                alone.append(numbers.pop(number))
                del times[number]
                for column in (ids, messages, *table):
                    del column[number]
            if not numbers:
                return "".join(map(render_alone, positions))
            rendered, misfits = self._render_columns(table)
        pieces = self._assemble(ids, times, messages, rendered, metadata)
        width = len(pieces) // len(numbers)
        pieces.append("")
        for before, number in reversed([*enumerate(sorted(alone))]):
            behind = (number - before) * width  # the first piece of the row that comes after it
            pieces[behind] = render_alone(positions[number]) + pieces[behind]
        return "".join(pieces)

    def _split(self, messages: list[str]) -> list[list[str]] | None:
        """Return the tokens of each column; None where a line has too few of them."""
        # Lines of one interface begin with the same text, which need not be split again and again.
        begin = messages[0].split(" ", self._first_varying)[: self._first_varying]
        head = "".join([f"{token} " for token in begin])
        rests = [message.removeprefix(head) for message in messages]
        if any(map(is_, rests, messages)):  # one begins otherwise
            begin, rests = [], messages
        try:
            tokens = zip(*[rest.split(" ", self._tail - len(begin)) for rest in rests], strict=True)
            table = [*([token] * len(messages) for token in begin), *map(list, tokens)]
        except ValueError:
            return None
        return table if len(table) == len(self._columns) else None

    def _render_columns(self, table: list[list[str]]) -> tuple[list[str | list[str]], set[int]]:
        """Return what stands in the rows for each column, and the numbers of the lines that do not fit."""
        rendered = []
        misfits: set[int] = set()
        for column, tokens in zip(self._columns, table, strict=True):
            try:
                rendered.append(column.render(tokens))
            except ValueError:
                misfits.update([number for number, token in enumerate(tokens) if not fits(column, token)])
        return rendered, misfits

    def _assemble(
        self,
        ids: list[str],
        times: list[int],
        messages: list[str],
        rendered: list[str | list[str]],
        metadata: str,
    ) -> list[str]:
        """Return the pieces of all rows, as many for each."""
        row: list[str] = []  # of each pair the second is filled in
        filled: list[list[str]] = []
        literal = '{"create":{"_id":"'

        def fill(texts: list[str]) -> None:
            row.extend((literal, ""))
            filled.append(texts)

        fill(ids)
        literal = '"}}\n{'
        for column, text in zip(self._columns, rendered, strict=True):
            if isinstance(text, str):
                literal += text
            else:
                literal += column.before
                fill(text)
                literal = column.behind
        literal += '"@timestamp":"'
        fill([*map(stamps.__getitem__, times)])
        if self._keep_message:
            literal = '","@message":"'
            fill(messages)
        row.append(f'"{metadata}}}\n')
        pieces = row * len(ids)
        for number, texts in enumerate(filled):
            pieces[2 * number + 1 :: len(row)] = texts
        return pieces

    def render_pieces(self, event: Event, metadata: str) -> tuple[str, Mark | None] | None:
        """Render an event whose line is a record that lacks fields; None where it may be no record."""
        line = event.message
        if not _are_digits(event.id) or not PLAIN.fullmatch(line):
            return None
        mark = None
        pieces = []
        try:
            for field, column, token in zip(self._fields, self._single, line.split(" "), strict=True):
                if not token:  # two blanks side by side do not make a field
                    return None
                if token == ABSENT:
                    continue
                pieces.append(render_token(field, column, token))
                if field.name == STATUS and not field.repeated:
                    mark = MARKED.get(token)
        except ValueError:
            return None
        message = f',"@message":"{line}"' if self._keep_message else ""
        text = f'{"".join(pieces)}"@timestamp":"{stamps[event.timestamp]}"{message}{metadata}'
        return f'{{"create":{{"_id":"{event.id}"}}}}\n{{{text}}}\n', mark


def _are_digits(text: str) -> bool:
    return text.isascii() and text.encode().isdigit()  # on a str it takes four times as long


def _find(token: str, tokens: list[str]) -> set[int]:
    """Return where it stands."""
    return {number for number, each in enumerate(tokens) if each == token} if token in tokens else set()


def _count_tokens(event: Event) -> int:
    return event.message.count(" ") + 1


def _group_by_length(events: Sequence[Event]) -> list[list[int]]:
    """Return the positions of the events whose lines have the same number of tokens."""
    groups: dict[int, list[int]] = {}
    for position, event in enumerate(events):
        groups.setdefault(_count_tokens(event), []).append(position)
    return list(groups.values())


def _render_metadata(subscription: Subscription) -> str:
    """Return the end of each document; nothing where its texts are not plain."""
    texts = {
        "@owner": subscription.owner,
        "@log_group": subscription.log_group,
        "@log_stream": subscription.log_stream,
    }
    if not all(PLAIN.fullmatch(text) for text in texts.values()):
        return ""
    return "".join(f',"{name}":"{text}"' for name, text in texts.items())
