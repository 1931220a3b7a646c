"""The failure store: what could not be delivered, in an S3 bucket.

failed/...           events to be replayed, as a CloudWatch Logs payload
rejected/...         events for people, one JSON line each, with the reason
aws/lambda/async/... records of invocations that failed whole, written by Lambda itself
"""

from handler.failures.content import Content
from handler.failures.names import FAILED, ON_FAILURE, REJECTED
from handler.failures.store import FailureStore, Pending, connect_s3

__all__ = ["FAILED", "ON_FAILURE", "REJECTED", "Content", "FailureStore", "Pending", "connect_s3"]
