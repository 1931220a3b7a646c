"""What things cost, in the pages: drawn from the results of the benchmark and the list of prices.

Run as a program (`make docs`), it renews the tables in the pages that are named.
"""

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Final

from flowlogs.pricing.events import (
    FULL_PROCESSOR,
    KEPT_MONTHS,
    LAMBDAS_LINES,
    ON_DEMAND_SHARDS,
    PAYLOAD,
    PROCESSOR,
    REPLAY_MEMORY,
    TRIES_AN_HOUR,
    USUAL_MEMORY,
    WAITING_LINE,
    WAITING_SECONDS,
    WORKING_SECONDS,
    WORKING_SHARE,
    Measured,
    cost_direct,
    cost_disk,
    cost_processor,
    cost_replay,
    cost_stream,
    cost_waiting,
    count_shards,
    estimate,
    estimate_lines,
    find_break_even,
    rate_of_replay,
    read_measured,
)
from flowlogs.pricing.prices import price, read_region, tell_date
from tools.marked import renew

RATES: Final = (50, 100, 200, 500, 1_000, 10_000)
"""Events a second, for which the sources are compared."""

OUTAGES: Final = tuple((hours, rate) for rate in (100, 1_000, 10_000) for hours in (1, 6, 24))
"""Hours of an outage, and events a second meanwhile."""

_WIDTH: Final = 118
_MOST_MINUTES: Final = 100
_LEAST: Final = 0.001
_TEN_CENTS: Final = 0.1
_TEN_DOLLARS: Final = 10
_MILLION: Final = 1_000_000


def tabulate_sources(measured: Measured) -> list[str]:
    """Return the lines of a page: where a stream begins to pay."""
    direct = cost_direct(measured)
    head = "| events a second | subscription | stream, provisioned | stream, on demand |"
    lines = [head, "|---:|---:|---:|---:|"]
    for rate in RATES:
        provisioned, on_demand = (cost_stream(measured, rate, on_demand=each) for each in (False, True))
        shards = count_shards(measured, rate)
        many = f"{shards} shard{'s' if shards > 1 else ''}"
        lines.append(
            f"| {rate:,} | ${direct.total:.4f} | ${provisioned.total:.4f} ({many}) | ${on_demand.total:.4f} |"
        )
    provisioned_from, on_demand_from = (find_break_even(measured, on_demand=each) for each in (False, True))
    node = 1 - measured.node_cpu["batch"] / measured.node_cpu["50"]
    text = (
        f"US dollars for a million events that come {PAYLOAD} a payload: Lambda ({USUAL_MEMORY} MB, "
        "arm64), its "
        f"requests, the functions' own log lines (and {LAMBDAS_LINES} bytes of Lambda's for each "
        "invocation), "
        f"and the stream; list prices of {read_region()}, "
        f"noted {tell_date()} "
        "([prices.toml](../src/flowlogs/pricing/prices.toml)). **A provisioned stream costs less from about "
        f"{provisioned_from:,} events a second on, one on demand from about {on_demand_from:,}.** "
        "Below that it costs "
        f"more, by the hour. Not in these sums: OpenSearch's node spends {node:.0%} less on a "
        "document that comes in "
        f"a full batch than on one in a request of {PAYLOAD}."
    )
    return [*lines, "", *_wrap(text)]


def tabulate_bill(measured: Measured) -> list[str]:
    """Return the lines of a page: what a million records cost, ours and through the console's function."""
    heads = ("ours, 50 a payload", "console's, 50", "ours, 1,000 a payload", "console's, 1,000")
    sizes = ("50", "50", "1000", "1000")
    ours = (True, False, True, False)
    columns = [_list_bill(measured, size, ours=each) for size, each in zip(sizes, ours, strict=True)]
    lines = [f"| a million records, v2 | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for name in columns[0]:
        cells = " | ".join(
            f"${dollars:.4f}" if (dollars := each[name]) is not None else "-" for each in columns
        )
        lines.append(f"| {name} | {cells} |")
    sums = " | ".join(f"**${sum(filter(None, each.values())):.4f}**" for each in columns)
    text = (
        f"US dollars; list prices of {read_region()}, noted {tell_date()} "
        "([prices.toml](../src/flowlogs/pricing/prices.toml)). OpenSearch's processor is reckoned at the "
        f"hour of an {PROCESSOR[0]} divided by its {PROCESSOR[1]} processors, all of it used, its disk at "
        f"gp3 for {KEPT_MONTHS} month, one copy; what a cluster keeps free, and a replica, come on top for "
        f"both alike. Lambda: {USUAL_MEMORY} MB, arm64, an answer within 0.15 s; the console's function, "
        "too, though it needs more memory. What the console's function logs was not measured. CloudWatch "
        "Logs' own price for taking the lines in is the same for both, and not here: "
        f"${measured.line_bytes['v2'] / 1000 * price('vended_logs_gb'):.4f}."
    )
    return [*lines, f"| **in all** | {sums} |", "", *_wrap(text)]


def _list_bill(measured: Measured, size: str, *, ours: bool) -> dict[str, float | None]:
    cpu = measured.forward_cpu if ours else measured.console_cpu
    node = measured.node_cpu if ours else measured.console_node_cpu
    document = measured.document_bytes if ours else measured.console_document_bytes
    return {
        "Lambda: time and requests": estimate(cpu[size], int(size), USUAL_MEMORY),
        "the function's log lines, and Lambda's": estimate_lines(measured.forward_log, int(size))
        if ours
        else None,
        "OpenSearch: processor": cost_processor(node[size]),
        "OpenSearch: disk": cost_disk(document[size]),
    }


def tabulate_outages(measured: Measured) -> list[str]:
    """Return the lines of a page: how long an outage takes to drain, and what that costs."""
    heads = " | ".join(f"objects of {size}: drained in, functions + S3" for size in ("50", "1,000"))
    lines = [f"| outage, events a second | events | {heads} |", "|---|---|---|---|"]
    for hours, rate in OUTAGES:
        events = hours * 3600 * rate
        cells = " | ".join(_describe_replay(measured, size, events) for size in ("50", "1000"))
        lines.append(f"| {hours} h, {rate:,} | {_tell_many(events)} | {cells} |")
    small, large = (round(rate_of_replay(measured, size), -2) for size in ("50", "1000"))
    text = (
        f"They are computed, for a replay function of {REPLAY_MEMORY:,} MB "
        f"({REPLAY_MEMORY / FULL_PROCESSOR:.2f} of a processor) that works {WORKING_SECONDS} seconds of "
        "each five minutes, from the "
        f"processor time that `make bench` measured: {measured.replay_cpu['50']:.0f} µs for an event "
        "from an object of "
        f"50, {measured.replay_cpu['1000']:.0f} µs for one from an object of 1,000, which are "
        f"{small:,.0f} and "
        f"{large:,.0f} events a second while a run works. List prices of {read_region()}, noted "
        f"{tell_date()} "
        "([prices.toml](../src/flowlogs/pricing/prices.toml)): a stored object costs one PUT "
        f"(${price('s3_put') * 1000:.4f} a "
        f"thousand, paid during the outage) and one GET (${price('s3_get') * 1000:.4f}); deleting is free."
    )
    return [*lines, "", *_wrap(text), "", *_wrap(_tell_waiting())]


def _tell_waiting() -> str:
    hour, day = cost_waiting(1, 1), cost_waiting(ON_DEMAND_SHARDS, 12)
    return (
        "**What waiting in a stream costs.** While OpenSearch takes nothing, Lambda hands the first records "
        "of each shard over again and again. It polls a shard once a second; how soon it repeats what was "
        f"left AWS does not say, so {TRIES_AN_HOUR:,} invocations an hour and shard are reckoned, times "
        "`StreamParallelization` where that is more than 1. Each reads the event, sends nothing, and writes "
        f"{WAITING_LINE} bytes, and Lambda some {LAMBDAS_LINES}; {WAITING_SECONDS} s at {USUAL_MEMORY} MB "
        f"are assumed. That is ${hour.total:.4f} an hour and shard (${hour.computing:.4f} for Lambda, "
        f"${hour.lines:.4f} for the lines): for the {ON_DEMAND_SHARDS} shards that a stream on demand "
        "begins with, and the 12 hours after which records of a stream of 24 go to the bucket, "
        f"${day.total:.2f}. The stream's own hours go on. Probes, of which there are six in the first hour "
        "and four in each further one, add less than a cent."
    )


def _describe_replay(measured: Measured, size: str, events: int) -> str:
    seconds = events / rate_of_replay(measured, size) / WORKING_SHARE
    computing, storing = cost_replay(measured, size, events)
    return f"{_tell_time(seconds)}, {_tell_dollars(computing)} + {_tell_dollars(storing)}"


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _tell_time(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes <= _MOST_MINUTES else f"{minutes / 60:.1f} h"


def _tell_dollars(dollars: float) -> str:
    if dollars < _LEAST:
        return f"<${_LEAST}"
    decimals = 3 if dollars < _TEN_CENTS else 2 if dollars < _TEN_DOLLARS else 0
    return f"${dollars:.{decimals}f}"


def _tell_many(events: int) -> str:
    return f"{events:,}" if events < _MILLION else f"{events / _MILLION:.3g} million"


TABLES: Final[dict[str, tuple[str, Callable[[Measured], list[str]]]]] = {
    "deploy.md": ("cost of the sources", tabulate_sources),
    "performance.md": ("the bill", tabulate_bill),
    "operations.md": ("cost of an outage", tabulate_outages),
}
"""Page -> the name of the part in it, and what makes its lines."""


def render(page: Path) -> str:
    """Return a page with its table renewed."""
    name, tabulate = TABLES[page.name]
    return renew(page.read_text(encoding="utf-8"), name, "\n".join(tabulate(read_measured())))


def main() -> None:
    """Renew the pages that are named."""
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(render(page), encoding="utf-8")


if __name__ == "__main__":
    main()
