"""The errors of this package, by who can act on them.

ParserError
├── EnvelopeError   a whole payload cannot be read: nothing in it is known
├── RecordError     one line does not fit its format: the line is kept and marked
└── FormatError     a format text is wrong: whoever configures the parser must act
"""

SHOWN_CHARACTERS = 80
"""How much of a refused value an error's text repeats; the attribute holds all of it."""


class ParserError(ValueError):
    """The base of all errors that this package raises."""


class EnvelopeError(ParserError):
    """A payload is not what a CloudWatch Logs subscription delivers; the text says which part."""


class FormatError(ParserError):
    """A flow log format, or a set of them, cannot be used; the text names the spot."""


class RecordError(ParserError):
    """A flow log record does not say what its format promises.

    Attributes:
        field: AWS's name of the field, or None where the line as a whole is at fault.
        value: the text that was refused, whole; None where a field is missing.
        reason: what is wrong with it, in words.
    """

    def __init__(self, field: str | None, value: str | None, reason: str) -> None:
        self.field = field
        self.value = value
        self.reason = reason
        super().__init__(self._text())

    def _text(self) -> str:
        text = self.reason if self.value is None else f"{quote(self.value)} {self.reason}"
        return text if self.field is None else f"{self.field}: {text}"


def quote(value: str) -> str:
    """Return `value` in quotes, on one line, shortened where it is long."""
    shown = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
    return ascii(shown) if not shown.isprintable() else f"'{shown}'"
