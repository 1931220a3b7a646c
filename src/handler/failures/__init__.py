"""The failure store: what could not be delivered, in an S3 bucket.

failed/...           events to be replayed, as CloudWatch Logs payloads, a gzip member each
rejected/...         events for people, one JSON line each, with the reason; and objects that cannot be read
replaying/...        what a run of the replay leaves for the next
aws/lambda/...       records of invocations that failed, and batches of a stream, written by Lambda itself
"""

from handler.failures.client import connect_s3
from handler.failures.content import Content, Pending
from handler.failures.names import FAILED, ON_FAILURE, REJECTED
from handler.failures.store import FailureStore

__all__ = [
    "FAILED",
    "ON_FAILURE",
    "REJECTED",
    "Content",
    "FailureStore",
    "Pending",
    "connect_s3",
]
