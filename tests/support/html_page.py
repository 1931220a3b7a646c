"""An HTML page as a browser reads it: its elements and tables, without what they look like."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """What a browser would find: elements, and the tables by the id of their section."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.sentences: list[str] = []
        self._section = ""
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self._open.append(tag)
        if tag == "section":
            self._section = str(attributes["id"])
        elif tag == "tr":
            self.tables.setdefault(self._section, []).append([])
        elif tag in {"td", "th"}:
            self.tables[self._section][-1].append("")
        elif tag == "li":
            self.sentences.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "td" in self._open or "th" in self._open:
            self.tables[self._section][-1][-1] += data
        elif "li" in self._open:
            self.sentences[-1] += data
