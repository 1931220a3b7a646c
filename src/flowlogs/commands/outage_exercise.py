"""`flowlogs demo --outage`: a cluster dies on the way; what one sees, asks and does then.

Cluster and account are on this machine and for the exercise alone: a real OpenSearch, which is really
killed, and stand-ins for S3 and CloudWatch. The commands are those of every day, called as one calls them.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.console import Console
from rich.rule import Rule

from flowlogs.cluster.connection import count_documents, install_template, open_client
from flowlogs.local.account import Account, local_account, sum_metrics
from flowlogs.local.embedded import Embedded
from flowlogs.local.function import FUNCTION, forward_function
from flowlogs.local.project_node import DATA
from flowlogs.pricing.events import WORKING_SHARE, rate_of_replay, read_measured
from flowlogs.terminal.display import format_count
from flowlogs.terminal.exits import INCOMPLETE
from flowlogs.traffic import day as traffic
from handler.failures import FAILED
from handler.observe import NAMESPACE
from parser.subscription import decode_event

FOLDER: Final = DATA / "outage"
LOG: Final = FOLDER / "forward.log"
"""What the forward function prints, of the last step."""

GROUP: Final = "/vpc/production/flow-logs"
FILTER: Final = "flowlogs-forward"
BUCKET: Final = "flowlogs-failures"
NAMES: Final = ("--log-group", GROUP, "--forward", FUNCTION)

RECORDS: Final = 60_000
"""Of a whole day and all log groups. The exercise takes one hour of one group."""

HOUR: Final = timedelta(hours=1)

_FLOWLOGS: Final = (sys.executable, "-P", "-m", "flowlogs")
"""The command line, wherever its script lies."""

DELIVERY_LAG: Final = 120_000
"""Milliseconds after an event's time at which CloudWatch Logs is taken to deliver it."""

BACKLOG: Final = 600
"""Payloads of the rest of that day, for a replay long enough to have a rate: some 50 events each."""

OUTAGE_EVENTS: Final = 3_600 * 1_000
"""Of an hour's outage, at 1,000 events a second."""

_RECEIVED: Final = re.compile(r"^events: +([\d,]+) received", re.MULTILINE)
_RATE: Final = re.compile(r"^rate: +([\d,]+) events a second", re.MULTILINE)

EXPECTED: Final = [INCOMPLETE, INCOMPLETE, 0, 0, 0, 0]
"""How the commands end: doctor and verify find something, replay leaves nothing, both are content then. The
last is the replay of a longer outage."""


def run_exercise(console: Console) -> bool:
    """Run the exercise and print it. Returns whether it went as it should and nothing was lost.

    Raises:
        EmbeddedError: there is no OpenSearch to be had.
    """
    # Yesterday's noon: what is over can be compared without doubt at its ends.
    hour = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    events, backlog = _make_events(hour)
    shutil.rmtree(FOLDER, ignore_errors=True)
    with local_account() as account, Embedded(FOLDER / "opensearch") as node:
        account.make_bucket(BUCKET)
        account.subscribe(FUNCTION, GROUP, FILTER)
        environ = _make_environ(node)
        config, client = open_client(environ)
        install_template(client, config)
        exercise = _Exercise(console, account, environ, hour)
        statuses = [*_play(exercise, node, events), exercise.drain(backlog)]
        documents = count_documents(client, config.index_prefix)
    sent = exercise.sent
    exercise.tell(f"{format_count(sent)} events were sent, {format_count(documents)} are in the index.")
    return statuses == EXPECTED and documents == sent


@dataclass(slots=True)
class _Exercise:
    """What its steps share.

    Attributes:
        environ: of the function and the commands.
        hour: when it plays, in the events' time.
        sent: events so far.
    """

    console: Console
    account: Account
    environ: dict[str, str]
    hour: datetime
    sent: int = 0

    def tell(self, text: str) -> None:
        """Begin a step."""
        self.console.print(Rule(style="dim"))
        self.console.print(text)

    def deliver(self, events: Sequence[traffic.LambdaEvent]) -> None:
        """Invoke the function with each payload, as CloudWatch Logs does, and say what became of them."""
        counts: Counter[str] = Counter()
        with forward_function(self.environ, LOG) as send:
            for event in events:
                counts.update(send(event))
        received = counts["received"]
        self.sent += received
        # CloudWatch takes its metrics from the log. What the clock measured is set back to the hour.
        measured = sum_metrics(LOG) | {"DeliveryLag": DELIVERY_LAG}
        half = self.hour + HOUR / 2
        self.account.publish(NAMESPACE, measured, {"FunctionName": FUNCTION}, half)
        dimensions = {"LogGroupName": GROUP, "DestinationType": "Lambda", "FilterName": FILTER}
        self.account.publish("AWS/Logs", {"ForwardedLogEvents": received}, dimensions, half)
        outcomes = ", ".join(f"{format_count(counts[each])} {each}" for each in ("indexed", "pending"))
        self.console.print(f"{format_count(received)} events in {len(events)} invocations: {outcomes}")

    def ask(self, *arguments: str) -> int:
        """Run a command as a person would; return its exit status."""
        self.console.print(f"\n[bold]$ flowlogs {' '.join(arguments)}[/]", soft_wrap=True)
        self.console.file.flush()
        return subprocess.run([*_FLOWLOGS, *arguments], env=self.environ, check=False).returncode

    def drain(self, backlog: Sequence[traffic.LambdaEvent]) -> int:
        """Replay what a longer outage leaves, and say what its rate means; return the exit status."""
        stored = {
            f"{FAILED}{self.hour:%Y/%m/%d/%H}/{self.hour:%Y%m%dT%H%M%S}.{number:06}Z-backlog.json.gz": (
                base64.b64decode(event["awslogs"]["data"])
            )
            for number, event in enumerate(backlog)
        }
        self.account.put(BUCKET, stored)
        self.tell(f"How fast is that? {format_count(len(stored))} objects wait, of the rest of the day.")
        self.console.print("\n[bold]$ flowlogs replay[/]")
        self.console.file.flush()
        done = subprocess.run(
            [*_FLOWLOGS, "replay"], env=self.environ, check=False, stdout=subprocess.PIPE, text=True
        )
        self.console.print(done.stdout, end="", markup=False, highlight=False, soft_wrap=True)
        if (received := _RECEIVED.search(done.stdout)) and (rate := _RATE.search(done.stdout)):
            self.sent += _read_count(received[1])
            here = _tell_minutes(OUTAGE_EVENTS / max(1, _read_count(rate[1])))
            there = _tell_minutes(OUTAGE_EVENTS / rate_of_replay(read_measured(), "50") / WORKING_SHARE)
            self.console.print(
                f"At that rate an hour's outage at 1,000 events a second drains in {here}: here, with "
                "OpenSearch and a stand-in for S3 on the same processors.\n"
                f"With the replay function as it is deployed it is {there}, by the processor time that was "
                "measured: docs/operations.md",
                soft_wrap=True,
            )
        return done.returncode


def _read_count(text: str) -> int:
    return int(text.replace(",", ""))


def _tell_minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes:,} minutes" if minutes > 1 else "a minute"


def _play(exercise: _Exercise, node: Embedded, events: Sequence[traffic.LambdaEvent]) -> list[int]:
    """Play it; return the exit statuses of the commands."""
    since, until = (f"{each:%Y-%m-%dT%H:%M}" for each in (exercise.hour, exercise.hour + HOUR))
    doctor = ("doctor", *NAMES)
    verify = ("verify", "--since", since, "--until", until, *NAMES, "--filter", FILTER)
    third = len(events) // 3
    exercise.console.print("[bold]An outage[/], with a cluster and an account of its own on this machine.")
    exercise.tell("All is well.")
    exercise.deliver(events[:third])
    node.kill()
    exercise.tell("[bold]The cluster is killed.[/] What comes now is kept in the bucket.")
    exercise.deliver(events[third:])
    statuses = [exercise.ask(*doctor)]
    node.start()
    exercise.tell("[bold]The cluster is back.[/] Did everything arrive?")
    statuses.append(exercise.ask(*verify))
    exercise.tell("What waits is sent again. (The replay function does it within minutes, unasked.)")
    statuses.append(exercise.ask("replay"))
    return statuses + [exercise.ask(*each) for each in (verify, doctor)]


def _make_events(hour: datetime) -> tuple[list[traffic.LambdaEvent], list[traffic.LambdaEvent]]:
    """Make the payloads of one log group that lie in an hour, and some of the rest of the day."""
    events: list[traffic.LambdaEvent] = []
    others: list[traffic.LambdaEvent] = []
    for each in traffic.generate_day(hour.date(), records=RECORDS):
        if each.log_group == GROUP and _lies_in(hour, each.event):
            events.append(each.event)
        elif each.log_group != GROUP and len(others) < BACKLOG:
            others.append(each.event)
    return events, others


def _lies_in(hour: datetime, event: traffic.LambdaEvent) -> bool:
    start, end = (int(each.timestamp() * 1000) for each in (hour, hour + HOUR))
    return all(start <= each.timestamp < end for each in decode_event(event).events)


def _make_environ(node: Embedded) -> dict[str, str]:
    """Return the environment of the function and the commands: the account's, nothing of this machine's."""
    foreign = ("OPENSEARCH_", "FLOWLOGS_", "INDEX_", "FAILURE_")
    return {name: text for name, text in os.environ.items() if not name.startswith(foreign)} | {
        "OPENSEARCH_URL": node.url,
        "OPENSEARCH_AUTH": "none",
        "LOG_FORMATS": ";".join(traffic.FORMATS.values()),
        "FAILURE_BUCKET": BUCKET,
    }
