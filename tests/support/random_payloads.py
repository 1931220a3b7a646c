"""Payloads that try a parser: mostly right, often odd, sometimes broken, all from one seed."""

import string
from dataclasses import replace
from random import Random
from typing import Final

from parser.fields import FIELDS, LONG, Field, Kind, find
from parser.format import Format, Formats
from parser.subscription import Event, Subscription

DAY: Final = 86_400_000
UNKNOWN: Final = tuple(find(name) for name in ("new-field", "x", "srcaddr-2"))
ODD_TOKENS: Final = (
    "-", "0", "00", "01", "007", "-0", "-1", "+1", "1_0", "1e3", "1.0", "0x10", " 7", "7\t", "\n", "",
    "٣", "१२३४५६७८९०", "65535", "65536", "99999", "255", "256", "32767", "32768", "127", "128",
    "9223372036854775807", "9223372036854775808", "999999999999999999", "1000000000000000000",
    "253402300799", "99999999999", "100000000000", "1790845257000", "253402300799999", "9999999999999999",
    "0179084525", "1.2.3.4", "1.2.3.04", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4\0", "::", "::1",
    "1::2::3", "fe80::1%eth0", "::ffff:1.2.3.4", "::1.2.3.04", "00001::", "2001:DB8::A",
    "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8:9",
    "ACCEPT", "accept", "REJECT", "OK", "NODATA", "SKIPDATA", "ACCEPT\xa0OK", 'quo"te', "back\\slash", "é",
    "\U0001f600", "\x7f", "\x1f", "\u2028", "\ud800", "\ud800\udc00",
    "%41", "%zz", "%", "%C3%A9", "%FF", "%22", "%2D", "%00",
    "{t0}", "{", "}", "''", "'''", "\\n", "x" * 301, "1" * 5000,
)  # fmt: skip
NAMES: Final = string.ascii_letters + string.digits + "-_./:%"


class RandomPayloads:
    """Draws formats and payloads."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def formats(self) -> Formats:
        """Draw one to three formats of different lengths."""
        random = self._random
        drawn = {}
        for _ in range(random.choice((1, 1, 2, 3))):
            pool = [*FIELDS, *UNKNOWN]
            if random.random() < 0.5:  # like those in use: the first fields of the table, in its order
                fields = tuple(FIELDS[: random.randint(1, len(FIELDS))])
            else:
                fields = tuple(random.sample(pool, random.randint(1, 40)))
            if random.random() < 0.1:  # one is named twice
                again = replace(random.choice(fields), repeated=True)
                place = random.randint(fields.index(replace(again, repeated=False)) + 1, len(fields))
                fields = (*fields[:place], again, *fields[place:])
            drawn[len(fields)] = Format(fields)
        return Formats.of(drawn.values())

    def payload(self, formats: Formats, size: int) -> Subscription:
        """Draw a payload; about every tenth envelope, event and token is odd."""
        random = self._random
        odd = random.random() < 0.1
        start = random.randrange(1_600_000_000, 1_900_000_000) * 1000
        steady = {field: self._token(field) for form in formats.by_length.values() for field in form.fields}
        return Subscription(
            owner=self._text(odd=odd) or "012345678901",
            log_group=self._text(odd=odd) or "vpc-flow-logs",
            log_stream=self._text(odd=odd) or "eni-1-all",
            events=tuple(self._event(formats, start, steady) for _ in range(size)),
        )

    def _event(self, formats: Formats, start: int, steady: dict[Field, str]) -> Event:
        random = self._random
        timestamp = start + random.choice((0, 1, 999, 60_000, random.randrange(DAY)))
        identity = str(random.getrandbits(180)) if random.random() < 0.999 else self._text(odd=True)
        return Event(id=identity[:512] or "x", timestamp=timestamp, message=self._line(formats, steady))

    def _line(self, formats: Formats, steady: dict[Field, str]) -> str:
        random = self._random
        form = random.choice(list(formats.by_length.values()))
        tokens = [steady[field] if random.random() < 0.6 else self._token(field) for field in form.fields]
        fate = random.random()
        if fate < 0.15:
            tokens[random.randrange(len(tokens))] = random.choice(ODD_TOKENS)
        elif fate < 0.18:
            tokens.insert(random.randrange(len(tokens) + 1), random.choice(ODD_TOKENS))
        elif fate < 0.20:
            del tokens[random.randrange(len(tokens))]
        elif fate < 0.22:
            tokens = ["-"] * len(tokens)
        elif fate < 0.24:
            return self._text(odd=True)
        return " ".join(tokens)

    def _token(self, field: Field) -> str:
        random = self._random
        if random.random() < 0.02:
            return "-"
        match field.kind:
            case Kind.INTEGER:
                high = random.choice(
                    (9, 255, field.high, min(field.high, 65_535), min(field.high, LONG // 10))
                )
                return str(random.randint(0, min(high, field.high)))
            case Kind.SECONDS:
                return str(random.randint(1_000_000_000, 2_000_000_000))
            case Kind.ADDRESS:
                host = random.randrange(1024)
                return f"10.0.{host >> 8}.{host & 255}" if random.random() < 0.8 else f"2001:db8::{host:x}"
            case Kind.CHOICE | Kind.TAG:
                return random.choice(field.choices or ("web", "a%20b", "%C3%BCber", "100%25"))
            case _:
                return "".join(random.choices(NAMES, k=random.randint(1, 12)))

    def _text(self, *, odd: bool) -> str:
        random = self._random
        return "".join(random.choices(ODD_TOKENS, k=random.randint(0, 3))) if odd else ""
