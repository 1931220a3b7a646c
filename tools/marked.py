"""Parts of a page that are written from the code: between two marks, all else is left as it is."""

from typing import Final

START: Final = "<!-- {name}: written by make docs -->"
END: Final = "<!-- end of {name} -->"


def renew(page: str, name: str, text: str) -> str:
    """Return the page with the part of that name renewed.

    Raises:
        ValueError: the page lacks one of the marks, or has it twice.
    """
    start, end = START.format(name=name), END.format(name=name)
    before, _ = page.split(start)
    _, after = page.split(end)
    return f"{before}{start}\n{text}\n{end}{after}"
