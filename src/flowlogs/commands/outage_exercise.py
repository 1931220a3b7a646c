"""`flowlogs demo --outage`: a cluster dies on the way; what one sees, asks and does then.

Cluster and account are on this machine and for the exercise alone: a real OpenSearch, which is really
killed, and stand-ins for S3 and CloudWatch. The commands are those of every day, called as one calls them.
"""

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
from flowlogs.terminal.display import format_count
from flowlogs.terminal.exits import INCOMPLETE
from flowlogs.traffic import day as traffic
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

_REPLAYED: Final = re.compile(r"^events: +([\d,]+) received", re.MULTILINE)

EXPECTED: Final = [INCOMPLETE, INCOMPLETE, 0, 0, 0]
"""How the commands end: doctor and verify find something, replay leaves nothing, both are content then."""


def run_exercise(console: Console) -> bool:
    """Run the exercise and print it. Returns whether it went as it should and nothing was lost.

    Raises:
        EmbeddedError: there is no OpenSearch to be had.
    """
    # Yesterday's noon: what is over can be compared without doubt at its ends.
    hour = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    events = _make_events(hour)
    shutil.rmtree(FOLDER, ignore_errors=True)
    with local_account() as account, Embedded(FOLDER / "opensearch") as node:
        account.make_bucket(BUCKET)
        account.subscribe(FUNCTION, GROUP, FILTER)
        environ = _make_environ(node)
        config, client = open_client(environ)
        install_template(client, config)
        exercise = _Exercise(console, account, environ, hour)
        statuses = _play(exercise, node, events)
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

    def replay(self) -> int:
        """Replay what waits, and say what the rate of so few means; return the exit status."""
        self.console.print("\n[bold]$ flowlogs replay[/]")
        done = subprocess.run(
            [*_FLOWLOGS, "replay"], env=self.environ, check=False, stdout=subprocess.PIPE, text=True
        )
        self.console.print(done.stdout, end="", markup=False, highlight=False, soft_wrap=True)
        if found := _REPLAYED.search(done.stdout):
            self.console.print(
                f"That is no rate for a long outage: {found[1]} events are over while a run still "
                "begins with "
                "few objects, and S3 is a stand-in here.\nHow long hours of outage take to drain, "
                "from measured "
                "rates: docs/operations.md",
                soft_wrap=True,
            )
        return done.returncode


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
    statuses.append(exercise.replay())
    return statuses + [exercise.ask(*each) for each in (verify, doctor)]


def _make_events(hour: datetime) -> list[traffic.LambdaEvent]:
    """Make the payloads of one log group that lie in an hour."""
    day = traffic.generate_day(hour.date(), records=RECORDS)
    return [each.event for each in day if each.log_group == GROUP and _lies_in(hour, each.event)]


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
