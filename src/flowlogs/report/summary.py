"""What a report says in words, before all charts."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from flowlogs.cluster.completeness import show_troubles
from flowlogs.panels.panel import Row
from flowlogs.report.answers import Answers
from flowlogs.terminal.display import format_bytes, format_count

SCAN_PORTS: Final = 10
SCAN_HOSTS: Final = 10
"""A source that is refused on so many ports, or by so many hosts, looks like a scanner."""

SILENT: Final = timedelta(hours=1)
"""A log group whose newest record is older, at the end of the period, has fallen silent: flow logs come
at least every ten minutes, and within another ten."""

SHOWN: Final = 5
UNCHANGED: Final = 0.005


def summarize(answers: Answers, now: datetime) -> list[str]:
    """Return the sentences of the summary.

    Args:
        answers: what the cluster says.
        now: the time; a period that is not over yet is silent only up to now.
    """
    silent = list(_name_silent_groups(answers, min(now, answers.period.until)))
    lacking = list(_name_lacking(answers))
    if not any(row.values[0] for row in answers.panels["health"]):
        there = f"flow log records from {answers.period}"
        found = f"Whether there are {there} is not known." if lacking else f"There are no {there}."
        return [*lacking, found, *silent]
    return [
        *lacking,
        _describe_traffic(answers),
        _compare(answers),
        *_name_new_sources(answers),
        *_name_scanners(answers),
        *_name_what_is_missing(answers),
        *silent,
    ]


def share(rows: list[Row]) -> float | None:
    """Return which part of the flows is rejected; None where there are none."""
    rejected, accepted = (row.values[0] for row in rows)
    return rejected / (rejected + accepted) if rejected + accepted else None


def change(now: float, before: float) -> str:
    """Return a change in words: `12 % more`; empty where there is nothing to compare with."""
    if not before:
        return ""
    ratio = now / before - 1
    if abs(ratio) < UNCHANGED:
        return "about the same"
    if ratio >= 1:
        return f"{now / before:.1f} times as much"
    return f"{abs(ratio):.0%} {'more' if ratio > 0 else 'less'}"


def _describe_traffic(answers: Answers) -> str:
    size, _, flows = answers.panels["traffic"][0].values
    part = share(answers.panels["rejected-share"])
    if part is None:
        rejected = ""
    elif flows == 1:
        rejected = "; it was rejected" if part else "; it was accepted"
    else:
        rejected = f"; {part:.1%} of them were rejected"
    if not size:  # the format has no bytes
        return f"{_count(flows, 'flow')} {'was' if flows == 1 else 'were'} recorded{rejected}."
    return f"{format_bytes(size)} travelled in {_count(flows, 'flow')}{rejected}."


def _compare(answers: Answers) -> str:
    size, _, flows = answers.panels["traffic"][0].values
    size_before, _, flows_before = answers.before["traffic"][0].values
    if not flows_before:
        return f"There is nothing to compare with: no flow was recorded from {answers.period.before}."
    now, before = share(answers.panels["rejected-share"]), share(answers.before["rejected-share"])
    rejected = "" if before is None or now is None else f", and {before:.1%} rejected"
    had = f"{format_bytes(size_before)} in " if size_before else ""
    changes = f"flows: {change(flows, flows_before)}"
    if size and size_before:
        changes = f"bytes: {change(size, size_before)}; {changes}"
    return (
        f"The period before ({answers.period.before}) had {had}{_count(flows_before, 'flow')}{rejected}. "
        f"{changes.capitalize()}."
    )


def _name_new_sources(answers: Answers) -> Iterator[str]:
    if not answers.before["traffic"][0].values[2]:
        return
    new = answers.new_sources
    if not new:
        yield "New talkers: none among the 50 sources with most bytes."
        return
    names = [
        f"{row.keys[0]} ({format_bytes(row.values[0])})" if row.values[0] else str(row.keys[0]) for row in new
    ]
    yield f"New talkers, unseen in the period before: {_list(names)}."


def _name_scanners(answers: Answers) -> Iterator[str]:
    found = [row for row in answers.panels["rejected-sources"] if is_scan(row)]
    names = [
        f"{row.keys[0]} ({format_count(int(row.values[0]))} refused, on {_count(row.values[1], 'port')} "
        f"and {_count(row.values[2], 'host')})"
        for row in sorted(found, key=lambda row: -row.values[1] * row.values[2])
    ]
    yield f"Scan-like sources: {_list(names)}." if names else "Scan-like sources: none."


def is_scan(row: Row) -> bool:
    """Tell whether a source that is refused looks like a scanner."""
    return row.values[1] >= SCAN_PORTS or row.values[2] >= SCAN_HOSTS


def _name_lacking(answers: Answers) -> Iterator[str]:
    if answers.lacking:
        yield (
            f"Not all could be asked: {show_troubles(answers.lacking)}. The numbers lack what is there, and "
            "what is compared or called new may be wrong."
        )


def _name_what_is_missing(answers: Answers) -> Iterator[str]:
    _, _, skipped, broken = answers.panels["health"]
    if skipped.values[0]:
        windows = _count(skipped.values[0], "window")
        interfaces = _count(skipped.values[1], "interface")
        yield f"AWS could not capture {windows} (SKIPDATA) on {interfaces}."
    if broken.values[0]:
        yield f"{_count(broken.values[0], 'line')} could not be parsed; the reasons are below."


def _name_silent_groups(answers: Answers, end: datetime) -> Iterator[str]:
    silent = [(newest, group) for group, newest in answers.newest.items() if end - newest > SILENT]
    several = len({group.account for group in answers.newest}) > 1
    for newest, group in sorted(silent)[:SHOWN]:
        gone = ", and has no record in this period" if newest < answers.period.since else ""
        name = f"{group.name} of account {group.account}" if several else group.name
        yield f"Log group {name} is silent since {newest:%Y-%m-%d %H:%M} UTC{gone}."
    if len(silent) > SHOWN:
        more = len(silent) - SHOWN
        yield f"{_count(more, 'more log group')} {'is' if more == 1 else 'are'} silent."


def _count(number: float, noun: str) -> str:
    return f"{format_count(int(number))} {noun}{'' if number == 1 else 's'}"


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
