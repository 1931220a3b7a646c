"""Safeguards, each of which can be taken away: then a test must turn red.

Imported, this takes away what the variable MUTATION names; `make mutants` does so with each in turn.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from faults.harness.batch_mutations import OF_BATCHES
from faults.harness.mutation import Mutation, change_bodies, patch, succeed_always
from handler import delivery, forward, opensearch
from handler.failures import FailureStore, Pending
from handler.journal import Journal
from handler.outage import Outage
from handler.replaying.dispatch import Dispatch
from handler.replaying.held import Held
from handler.replaying.settling import Settler
from handler.summary import Fate
from parser import reply
from parser.reply import Outcome, Verdict

INDEXED: Final = Verdict(Outcome.INDEXED, 201)


def trust_status() -> None:
    """Take HTTP 200 for success, without a look at the items."""
    judge = reply.judge

    def judge_status(status: int, answer: bytes, count: int) -> list[Verdict]:
        return [INDEXED] * count if status == 200 else judge(status, answer, count)

    patch(delivery, "judge", judge_status)


def ignore_missing_items() -> None:
    """Take items that the reply lacks for indexed."""
    judge = reply.judge

    def judge_leniently(status: int, answer: bytes, count: int) -> list[Verdict]:
        for said in range(count, -1, -1):
            verdicts = judge(status, answer, said)
            if not verdicts or verdicts[0].error_type != "incomplete_reply":
                return [*verdicts, *[INDEXED] * (count - said)]
        return []

    patch(delivery, "judge", judge_leniently)


def reject_duplicates() -> None:
    """Take a conflict for an error of the document."""
    judge = reply.judge

    def judge_strictly(status: int, answer: bytes, count: int) -> list[Verdict]:
        return [
            replace(each, outcome=Outcome.REJECTED) if each.outcome is Outcome.DUPLICATE else each
            for each in judge(status, answer, count)
        ]

    patch(delivery, "judge", judge_strictly)


def drop_before_writing() -> None:
    """Drop stored objects before what stays pending is written back."""
    original = Settler._write_back

    def write_back(self: Settler, objects: Sequence[Held]) -> dict[Held, Fate]:
        self._drop(objects)
        return original(self, objects)

    patch(Settler, "_write_back", write_back)


def drop_before_copying() -> None:
    """Drop an unreadable object before it is copied to the rejected ones."""
    original, drop = FailureStore.set_aside, FailureStore.drop

    def set_aside(store: FailureStore, pending: Pending, reason: str) -> str | None:
        drop(store, pending.key)
        return original(store, pending, reason)

    patch(FailureStore, "set_aside", set_aside)


def wait_for_ever() -> None:
    """Begin each replay at the oldest object, whatever became of it before."""
    patch(Journal, "note", lambda *_: None)


def drop_when_something_is_settled() -> None:
    """Drop a stored object though events of it stay pending."""
    original = Settler.settle

    def settle(self: Settler, objects: Sequence[Held]) -> list[Fate]:
        for _, report in [part for each in objects for part in each.done]:
            if report.indexed:
                report.pending.clear()
        return original(self, objects)

    patch(Settler, "settle", settle)


def index_instead_of_create() -> None:
    """Overwrite what is in the index."""
    change_bodies(lambda content: content.replace(b'{"create":', b'{"index":'))


def make_no_ids() -> None:
    """Let OpenSearch make the ids."""

    def change(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        lines[::2] = [b'{"create":{}}\n'] * (len(lines) // 2)
        return b"".join(lines)

    change_bodies(change)


def store_nothing() -> None:
    """Do not store what stays pending."""
    patch(FailureStore, "keep", lambda *_, **__: "")


def store_no_reasons() -> None:
    """Do not store what is rejected."""
    patch(FailureStore, "reject", lambda *_, **__: "")


def ignore_the_clock() -> None:
    """Send until Lambda stops the function."""
    patch(forward, "measure_time", lambda _: lambda: 1000.0)


def insist() -> None:
    """Forget that the cluster was away a moment ago."""
    patch(Outage, "begin", lambda _: None)


def replay_on() -> None:
    """Go on with the next object though the cluster refuses."""
    patch(Dispatch, "refused", property(lambda _: False, lambda *_: None))


def take_any_answer() -> None:
    """Take what arrives for the answer, whatever it answers."""
    patch(opensearch._Marks, "check", lambda *_: None)


def blame_documents() -> None:
    """Reject what an index says of all its events alike."""
    patch(delivery, "is_fault_of_index", lambda *_, **__: False)


def reject_what_is_refused_alone() -> None:
    """Reject an event that is refused alone, though nothing passes."""
    settle = delivery.Delivery._settle_suspects

    def settle_blindly(self: delivery.Delivery) -> None:
        self.report.damaged = False
        self._taken.add("any")
        settle(self)

    patch(delivery.Delivery, "_settle_suspects", settle_blindly)


OF_DELIVERIES: Final = {
    "the reply is judged item by item": Mutation(
        trust_status, "test_replies.py", "soon_over and some and 429"
    ),
    "each event has its item in the reply": Mutation(
        ignore_missing_items, "test_replies.py", "soon_over and unseen"
    ),
    "a conflict is a duplicate": Mutation(
        reject_duplicates, "test_replies.py", "soon_over and applied and unanswered"
    ),
    "written back before dropped": Mutation(
        drop_before_writing, "test_kills.py", "replay_killed and before and rest"
    ),
    "copied before dropped": Mutation(
        drop_before_copying, "test_kills.py", "replay_killed and before and unreadable and copied"
    ),
    "the next replay begins behind what was in vain": Mutation(
        wait_for_ever, "test_one_bad_part.py", "for_ever"
    ),
    "dropped only when each event is settled": Mutation(
        drop_when_something_is_settled, "test_defects_of_others.py", "first_batch"
    ),
    "create": Mutation(index_instead_of_create, "test_payloads.py", "same_payload and 3.8"),
    "the event's own id": Mutation(make_no_ids, "test_payloads.py", "same_payload and 3.8"),
    "the rest is stored": Mutation(store_nothing, "test_replies.py", "soon_over and 401"),
    "the rejected are stored": Mutation(store_no_reasons, "test_payloads.py", "spoils"),
    "an invocation that could not store fails": Mutation(
        succeed_always, "test_failure_store.py", "lambda_keeps and AccessDenied"
    ),
    "time is kept back for storing": Mutation(ignore_the_clock, "test_payloads.py", "time and middle"),
    "an answer bears its request's mark": Mutation(
        take_any_answer, "test_one_bad_part.py", "another_request"
    ),
    "what is said of all is the index's fault": Mutation(
        blame_documents, "test_cluster.py", "no_fault_of_theirs and new"
    ),
    "an event is at fault only where others pass": Mutation(
        reject_what_is_refused_alone, "test_one_bad_part.py", "lets_nothing_pass and 400"
    ),
    "an outage is remembered": Mutation(insist, "test_cluster.py", "asked_seldom"),
    "a replay stops when the cluster refuses": Mutation(replay_on, "test_replays.py", "stops_after_one"),
}


MUTATIONS: Final = OF_DELIVERIES | OF_BATCHES

if os.environ.get("MUTATION"):
    MUTATIONS[os.environ["MUTATION"]].apply()
