"""Safeguards of batches, of the stream and of the bucket, each of which can be taken away."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from faults.harness.mutation import Mutation, patch, succeed_always
from handler import stream
from handler.config import Config
from handler.discarded import Progress, Unpacking
from handler.failures import FailureStore, Pending
from handler.journal import Journal
from handler.outage import Outage
from handler.replaying.held import Held
from handler.replaying.settling import Settler
from handler.report import BatchReport, Unsettled
from parser.kinesis import Record, answer


def settle_what_was_not_set_aside() -> None:
    """Take a record that is no payload for done, though it could not be set aside."""
    set_aside = stream.Invocation._set_aside

    def set_aside_silently(self: stream.Invocation, record: Record, reason: str) -> bool:
        set_aside(self, record, reason)
        return True

    patch(stream.Invocation, "_set_aside", set_aside_silently)


def answer_that_all_is_done() -> None:
    """Tell Lambda that all records are settled."""
    patch(stream, "answer", lambda _: answer([]))


def answer_the_last() -> None:
    """Tell Lambda to go on from the last record, whichever is the first that is not settled."""
    run = stream.Invocation.run

    def run_on(self: stream.Invocation, records: Sequence[Record]) -> Record | None:
        return run(self, records) and records[-1]

    patch(stream.Invocation, "run", run_on)


def be_silent_about_others() -> None:
    """Say nothing, not even which record is left, where a payload of the own log came before it."""
    run = stream.Invocation.run

    def run_silently(self: stream.Invocation, records: Sequence[Record]) -> Record | None:
        left = run(self, records)
        return None if self.is_silent else left

    patch(stream.Invocation, "run", run_silently)


def let_records_expire() -> None:
    """Leave a record in the stream, however old it is."""
    patch(stream, "WAITING_SHARE", 1e9)


def store_records_at_once() -> None:
    """Store a record in the bucket, however young it is."""
    patch(stream, "WAITING_SHARE", -1e9)


def insist_on_the_first_record() -> None:
    """Leave in the stream what is refused, however often, where the first record alone is asked with."""
    patch(Outage, "was_answered", property(lambda _: False))


def ask_with_one_request() -> None:
    """Take what is refused of one batch for what the index says to all."""
    patch(stream, "SEVERAL", 1)


def take_a_name_for_the_own() -> None:
    """Take any account's log group of such a name for one of the stack's own."""
    is_own_log = Config.is_own_log
    patch(Config, "is_own_log", lambda self, _, group: is_own_log(self, self.own_account, group))


def take_repeats_for_indexed() -> None:
    """Take an event that an earlier payload has brought for a duplicate, whatever became of that one."""
    patch(BatchReport, "share_fate", lambda _, repeated: list(repeated))


def forget_repeats() -> None:
    """Say nothing of an event that an earlier payload has brought."""
    patch(BatchReport, "share_fate", lambda *_: [])


def mix_payloads() -> None:
    """Keep what is not settled with the first payload of the batch."""

    def keep(self: BatchReport, unsettled: Iterable[Unsettled]) -> None:
        self.payloads[0].pending.extend(unsettled)

    patch(BatchReport, "keep", keep)


def lose_a_discarded_batch() -> None:
    """Drop a batch that Lambda gave up without storing its payloads."""
    patch(Unpacking, "is_done", property(lambda _: True))
    patch(Unpacking, "run", lambda *_: None)


def forget_how_far_a_batch_is() -> None:
    """Begin a discarded batch anew with each run."""
    patch(Journal, "find_progress", lambda _, pending: Progress(pending.etag))


def drop_before_rejecting() -> None:
    """Drop stored objects before what is rejected of them is stored."""
    original, alone = Settler._reject, Settler._reject_new

    def reject(self: Settler, held: Held) -> None:
        self._drop([held])
        original(self, held)

    def reject_new(self: Settler, held: Held) -> None:
        self._drop([held])
        alone(self, held)

    patch(Settler, "_reject", reject)
    patch(Settler, "_reject_new", reject_new)


def store_the_rest_first() -> None:
    """Write back what stays pending before what is rejected beside it is stored."""
    patch(Settler, "_reject_new", lambda *_: None)


def drop_before_putting_aside() -> None:
    """Drop stored objects before what cannot be read of them is set aside."""
    original = Settler._put_aside

    def put_aside(self: Settler, held: Held) -> None:
        self._drop([held])
        original(self, held)

    patch(Settler, "_put_aside", put_aside)


def forget_what_is_damaged() -> None:
    """Drop stored objects of which a part can be read, and nothing of the rest is kept."""
    patch(Settler, "_put_aside", lambda *_: None)


def ignore_errors_of_keys() -> None:
    """Take an answer of DeleteObjects for success, without a look at its errors."""
    drop_all = FailureStore.drop_all

    def drop_blindly(self: FailureStore, objects: Sequence[Pending]) -> dict[str, str]:
        drop_all(self, objects)
        return {}

    patch(FailureStore, "drop_all", drop_blindly)


def drop_whatever_is_there() -> None:
    """Drop an object by its name, though another has taken its place."""
    drop_all = FailureStore.drop_all

    def drop_any(self: FailureStore, objects: Sequence[Pending]) -> dict[str, str]:
        return drop_all(self, [replace(each, etag="") for each in objects])

    patch(FailureStore, "drop_all", drop_any)


def forget_what_is_settled() -> None:
    """Deliver an object again of which only the removal failed."""
    patch(Journal, "note_settled", lambda *_, **__: None)


def name_after_the_request() -> None:
    """Name objects after time and request alone, and replace what has that name."""
    write = FailureStore._write

    def write_over(self: FailureStore, key: str, *arguments: Any, **_: Any) -> str:
        return write(self, key.replace(self._unique, self._unique.rpartition("-")[0]), *arguments)

    patch(FailureStore, "_write", write_over)


OF_BATCHES: Final = {
    "a record is done when its rest is stored": Mutation(
        succeed_always, "test_failure_store.py", "stream_keeps"
    ),
    "a record that is no payload is done when it is set aside": Mutation(
        settle_what_was_not_set_aside, "test_failure_store.py", "stream_keeps"
    ),
    "what is not settled comes again": Mutation(answer_that_all_is_done, "test_stream.py", "comes_again"),
    "the first that is not settled is answered": Mutation(answer_the_last, "test_stream.py", "comes_again"),
    "silence about the own log is none about others": Mutation(
        be_silent_about_others, "../handler/stream/test_own_log_records.py", "behind_the_functions_own_log"
    ),
    "the same, whatever comes": Mutation(
        be_silent_about_others, "../handler/test_stream_scripts.py", "answered_record"
    ),
    "what would expire goes to the bucket": Mutation(
        let_records_expire, "test_stream.py", "waits_for_its_turn"
    ),
    "what is refused holds up no shard": Mutation(
        insist_on_the_first_record, "../handler/test_stream_scripts.py", "comes_to_its_end"
    ),
    "others are tried before the index is given up": Mutation(
        ask_with_one_request, "../handler/stream/test_refused_records.py", "later_request_is_taken"
    ),
    "the own log is of the own account": Mutation(
        take_a_name_for_the_own, "../handler/stream/test_own_log_records.py", "whatever_their_log_group"
    ),
    "what is young waits in the stream": Mutation(store_records_at_once, "test_stream.py", "while_replies"),
    "what an earlier payload has brought shares its fate": Mutation(
        take_repeats_for_indexed, "../handler/test_batch.py", "shares_its_fate and pending"
    ),
    "the same, whatever a cluster says": Mutation(
        take_repeats_for_indexed, "../handler/test_batch_scripts.py", "settled_once"
    ),
    "what an earlier payload has brought is counted": Mutation(
        forget_repeats, "../handler/test_batch.py", "delivered_twice"
    ),
    "each payload has its own rest": Mutation(mix_payloads, "../handler/test_batch.py", "numbers_and_names"),
    "a discarded batch is stored before it is dropped": Mutation(
        lose_a_discarded_batch, "test_stream.py", "gave_up and untouched"
    ),
    "a discarded batch goes on where the last run stopped": Mutation(
        forget_how_far_a_batch_is, "../handler/replaying/test_replay_batch.py", "goes_on"
    ),
    "what is rejected is stored before its object is dropped": Mutation(
        drop_before_rejecting, "test_kills.py", "replay_killed and before and rejected"
    ),
    "a rest is written back when what is rejected beside it is stored": Mutation(
        store_the_rest_first, "../handler/replaying/test_replay_batches.py", "rejected_beside_it"
    ),
    "what is damaged is set aside before its object is dropped": Mutation(
        drop_before_putting_aside, "test_kills.py", "partly_damaged and before and aside"
    ),
    "what is damaged is set aside": Mutation(
        forget_what_is_damaged, "../handler/replaying/test_damaged_parts.py", "delivered"
    ),
    "the errors of DeleteObjects are read": Mutation(
        ignore_errors_of_keys, "test_failure_store.py", "deleteobjects_leaves and AccessDenied"
    ),
    "only what was read is dropped": Mutation(
        drop_whatever_is_there, "../handler/replaying/test_replay_journal.py", "overwritten_during"
    ),
    "what only its removal failed of is not sent again": Mutation(
        forget_what_is_settled, "test_failure_store.py", "deleteobjects_leaves and AccessDenied"
    ),
    "no two objects have one name": Mutation(
        name_after_the_request, "test_replays.py", "one_request_id and behind"
    ),
}
