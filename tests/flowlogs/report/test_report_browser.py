"""The report in a real browser: no error in the console, nothing asked of the network, tables that sort."""

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from flowlogs.panels.panel import Row
from flowlogs.report.page import build_page
from flowlogs.report.period import Period
from support.browser import Browser, find_browser
from support.commands import run
from support.logged import Logged
from support.report_answers import SINCE, UNTIL, make_answers

PATH: Final = find_browser()
DESKTOP: Final = (1280, 900)
PHONE: Final = (390, 844)

pytestmark = pytest.mark.skipif(
    PATH is None, reason="no Chromium is here (Debian: apt-get install chromium), so no page can be looked at"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(str(PATH), tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def address(logged: Logged, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a report of the second of the two days."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENSEARCH_URL", logged.node.url)
        told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--output", str(file))
    assert (told.status, told.errors) == (0, "")
    return file.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_report_is_shown_without_a_complaint(
    browser: Browser, address: str, size: tuple[int, int], scheme: str
) -> None:
    browser.open(address, width=size[0], height=size[1], scheme=scheme)

    assert browser.complaints() == []
    assert browser.requested() == [address]
    assert browser.evaluate("document.querySelectorAll('svg').length") > 10
    # Nothing makes the page broader than the window.
    assert browser.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize(
    ("size", "shown", "hidden"),
    [(DESKTOP, "wide", "narrow"), (PHONE, "narrow", "wide")],
    ids=["desktop", "phone"],
)
def test_a_chart_is_shown_in_the_width_that_fits(
    browser: Browser, address: str, size: tuple[int, int], shown: str, hidden: str
) -> None:
    browser.open(address, width=size[0], height=size[1])

    widths = {
        name: browser.evaluate(f"[...document.querySelectorAll('figure.{name}')].map((f) => f.offsetWidth)")
        for name in (shown, hidden)
    }

    assert min(widths[shown]) > 250
    assert max(widths[hidden]) == 0


def test_text_in_charts_has_the_colour_of_the_page(browser: Browser, address: str) -> None:
    """Readable in the light and in the dark: the same colour as the words around it."""
    for scheme, text in (("light", "rgb(27, 31, 36)"), ("dark", "rgb(230, 233, 238)")):
        browser.open(address, scheme=scheme)
        colours = browser.evaluate(
            "[...new Set([...document.querySelectorAll('svg text')].map((t) => getComputedStyle(t).fill))]"
        )
        assert colours == [text]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a report of two years whose numbers are as large as they can get."""
    period = Period(SINCE - dt.timedelta(days=700), SINCE)
    steps = [
        int((period.since + number * period.step).timestamp()) * 1000
        for number in range((period.until - period.since) // period.step)
    ]
    answers = make_answers(
        "/a-log-group-of-a-long-name/" + "x" * 60,
        traffic=[Row((), (2.8e19, 2.8e19, 123_456_789_012))],
        rejects_over_time=[Row((22, step), (2,)) for step in steps],
        bytes_over_time=[Row(("ACCEPT", step), (9e18,)) for step in steps],
        talkers=[Row(("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:7", 443), (2.8e19, 2.8e19, 10**12))] * 20,
        rejected_sources=[Row(("2001:db8:1:2:3:4:5:6",), (10**12, 65_535, 10**9))] * 20,
        ports=[Row((port,), (2.8e19,)) for port in (22, 443)],
    )
    file = tmp_path_factory.mktemp("large") / "report.html"
    page = build_page(
        replace(answers, period=period), cluster="https://" + "x" * 200, index="cwl-*", now=UNTIL
    )
    file.write_text(page, encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("size", [DESKTOP, (900, 900), (821, 900), PHONE, (320, 700)], ids=str)
def test_large_numbers_stay_in_their_place(browser: Browser, large: str, size: tuple[int, int]) -> None:
    browser.open(large, width=size[0], height=size[1])

    assert browser.evaluate("document.documentElement.scrollWidth") <= size[0]
    wider = "(each) => each.scrollWidth > each.clientWidth"
    assert not browser.evaluate(f"[...document.querySelectorAll('.card, section')].some({wider})")
    lines = "(each) => each.getBoundingClientRect().height / parseFloat(getComputedStyle(each).lineHeight)"
    heights = browser.evaluate(f"[...document.querySelectorAll('.card b')].map({lines})")
    assert [round(height) for height in heights] == [1, 1, 1, 1]
    assert browser.evaluate("document.querySelectorAll('.card b')[1].title") == f"about {28 * 10**18:,}"


@pytest.mark.parametrize(("size", "shown"), [(DESKTOP, "wide"), (PHONE, "narrow")], ids=["desktop", "phone"])
def test_the_labels_of_a_long_time_do_not_overlap(
    browser: Browser, large: str, size: tuple[int, int], shown: str
) -> None:
    browser.open(large, width=size[0], height=size[1])

    labels = browser.evaluate(
        f"[...document.querySelectorAll('#rejects-over-time .{shown} .role-axis-label text')]"
        ".filter((each) => each.textContent.includes(' ') && getComputedStyle(each).opacity > 0)"
        ".map((each) => each.getBoundingClientRect()).map((box) => [box.left, box.right])"
    )

    assert len(labels) >= 2
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(sorted(labels))]
    assert min(gaps) >= 4


def column(browser: Browser, table: str, number: int) -> list[str]:
    cells = f"document.querySelectorAll('#{table} td:nth-child({number})')"
    found: list[str] = browser.evaluate(f"[...{cells}].map((cell) => cell.textContent)")
    return found


def click(browser: Browser, table: str, number: int) -> None:
    browser.evaluate(f"document.querySelectorAll('#{table} th button')[{number - 1}].click()")


def test_a_click_sorts_numbers_with_the_largest_first(browser: Browser, address: str) -> None:
    browser.open(address)
    as_made = [int(cell.replace(",", "")) for cell in column(browser, "rejected-sources", 3)]

    click(browser, "rejected-sources", 3)
    down = [int(cell.replace(",", "")) for cell in column(browser, "rejected-sources", 3)]
    click(browser, "rejected-sources", 3)
    up = [int(cell.replace(",", "")) for cell in column(browser, "rejected-sources", 3)]

    assert as_made != down == sorted(as_made, reverse=True)
    assert up == sorted(as_made)
    assert browser.evaluate("document.querySelectorAll('[aria-sort]').length") == 1
    assert browser.complaints() == []


def test_a_click_sorts_bytes_by_their_number_and_not_by_their_text(browser: Browser, address: str) -> None:
    browser.open(address)
    numbers = "[...document.querySelectorAll('#talkers td:nth-child(4)')].map((cell) => +cell.dataset.sort)"

    click(browser, "talkers", 1)
    click(browser, "talkers", 4)

    found = browser.evaluate(numbers)
    assert found == sorted(found, reverse=True)


def test_a_click_sorts_addresses_by_their_numbers(browser: Browser, address: str) -> None:
    browser.open(address)

    click(browser, "rejected-sources", 1)

    found = [cell for cell in column(browser, "rejected-sources", 1) if "." in cell]
    assert len(found) > 5
    assert found == sorted(found, key=lambda cell: [int(part) for part in cell.split(".")])


def test_hostile_text_does_not_run(browser: Browser, tmp_path: Path) -> None:
    """Even were it not escaped: the page's policy names the one script that may run."""
    template = Path(__file__).parents[3] / "src/flowlogs/report/report.html"
    head = template.read_text(encoding="utf-8").split("<title>")[0]
    taken = "document.title = 'taken'"
    page = tmp_path / "page.html"
    page.write_text(
        head.replace("{{ script_hash }}", "A" * 43 + "=")
        + f'</head><body><script>{taken}</script><img src="x" onerror="{taken}">',
        encoding="utf-8",
    )

    browser.open(page.as_uri())

    assert browser.evaluate("document.title") != "taken"
    assert browser.complaints()
