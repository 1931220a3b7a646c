"""An AWS account on this machine, for exercises: moto's stand-ins for S3, CloudWatch, its logs and Lambda.

What CloudWatch does by itself in a real account, keeping the metrics that a function prints, is done here
when it is asked for.
"""

import io
import json
import logging
import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from handler.observe import NAMESPACE

REGION: Final = "eu-central-1"
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Account:
    """A running account.

    Attributes:
        url: where its services answer.
    """

    url: str

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        self._client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def put(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        """Put objects into a bucket, by their keys."""
        s3 = self._client("s3")
        for key, data in objects.items():
            s3.put_object(Bucket=bucket, Key=key, Body=data)

    def subscribe(self, function: str, log_group: str, filter_name: str) -> None:
        """Make a function (without code), a log group, and the filter that sends the one to the other."""
        role = self._client("iam").create_role(RoleName=function, AssumeRolePolicyDocument="{}")
        made = self._client("lambda").create_function(
            FunctionName=function,
            Role=role["Role"]["Arn"],
            Runtime="python3.13",
            Handler="handler.forward.lambda_handler",
            Code={"ZipFile": _empty_archive()},
        )
        logs = self._client("logs")
        logs.create_log_group(logGroupName=log_group)
        logs.put_subscription_filter(
            logGroupName=log_group,
            filterName=filter_name,
            filterPattern="",
            destinationArn=made["FunctionArn"],
        )

    def publish(
        self, namespace: str, values: Mapping[str, float], dimensions: Mapping[str, str], time: datetime
    ) -> None:
        """Keep values of metrics."""
        named = [{"Name": name, "Value": text} for name, text in dimensions.items()]
        data = [
            {"MetricName": name, "Value": value, "Timestamp": time, "Dimensions": named}
            for name, value in values.items()
        ]
        self._client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)

    def _client(self, service: str) -> Any:  # noqa: ANN401  # boto3 makes its type when it runs
        import boto3

        return boto3.Session().client(service, endpoint_url=self.url)  # type: ignore[call-overload]  # as above


@contextmanager
def local_account() -> Iterator[Account]:
    """Run an account, empty at the start and gone at the end.

    Meanwhile the environment of this process, and of those that it starts, leads to it and to no other.
    """
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    previous = dict(os.environ)
    url = f"http://{HOST}:{server.get_host_and_port()[1]}"
    try:
        for name in previous:
            if name.startswith("AWS_"):
                del os.environ[name]
        os.environ.update(_make_environ(url))
        yield Account(url)
    finally:
        os.environ.clear()
        os.environ.update(previous)
        server.stop()


def _make_environ(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",  # moto takes any
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # Files of this machine's might name another endpoint.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": HOST,
    }


def sum_metrics(output: Path) -> dict[str, float]:
    """Add up the metrics that a function printed, by name."""
    sums: Counter[str] = Counter()
    for line in output.read_text(encoding="utf-8").splitlines():
        printed = json.loads(line)
        for described in printed.get("_aws", {}).get("CloudWatchMetrics", ()):
            if described["Namespace"] == NAMESPACE:
                for each in described["Metrics"]:
                    sums[each["Name"]] += printed[each["Name"]]
    return dict(sums)


def _empty_archive() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("empty.py", "")
    return archive.getvalue()
