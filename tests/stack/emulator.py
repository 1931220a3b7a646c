"""Starts ministack, an emulator of AWS, with its gaps mended: run by the Python of .venv-ministack.

What it does otherwise than AWS, and this stack needs:
- CloudWatch Logs invokes a function once and waits: here asynchronously, with Lambda's two retries;
- what fails three times goes nowhere when the destination is a bucket: here as Lambda's record of it, written
  with the function's role, so that IAM and the bucket's policy have their say;
- for calls about log streams IAM is asked about the log group: here about its streams, as with AWS;
- CloudFormation refuses flow logs and alarms on metric math: here they are recorded, and do nothing.

It replaces functions without a public name, so the version of ministack is pinned.
"""

import json
import logging
import os
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import botocore.session
import ministack.services.cloudformation.provisioners as cloudformation
import ministack.services.lambda_svc as functions
from botocore.exceptions import BotoCoreError, ClientError
from ministack import app
from ministack.core import iam_actions, lambda_runtime, tls
from ministack.services import ec2

Properties = dict[str, Any]

log = logging.getLogger("emulator")

execute_at_once = functions._execute_function_with_config_scope
route_failure = functions._route_async_failure
describe_alarm = cloudformation._cw_metric_alarm_record
is_bindable = app._port_is_bindable
find_resource = iam_actions.extract_resource_arn


def execute(function: dict[str, Any], event: Any) -> Any:  # whatever the function answers
    """Invoke a function; what comes from CloudWatch Logs asynchronously, as AWS does."""
    # That service begins a thread with this very function, which is named after it; others have a pool.
    if threading.current_thread().name.endswith("(execute)") and set(event) == {"awslogs"}:
        return functions.invoke_async_with_retry(function, event)
    return execute_at_once(function, event)


def keep_failure(target: str, name: str, event: Any, result: dict[str, Any]) -> None:
    """Bring an event that failed for good to its destination: a bucket, or what ministack knows."""
    if not target.startswith("arn:aws:s3:::"):
        route_failure(target, name, event, result)
        return
    now = datetime.now(UTC)
    request = str(uuid.uuid4())
    function = functions._functions[name]["config"]
    record = {
        "version": "1.0",
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": request,
            "functionArn": f"{function['FunctionArn']}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": result.get("body") if isinstance(result.get("body"), dict) else {},
    }
    key = f"aws/lambda/async/{name}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{request}"
    try:
        connect_s3(function).put_object(
            Bucket=target.rpartition(":")[2], Key=key, Body=json.dumps(record).encode()
        )
    except (BotoCoreError, ClientError):
        log.exception("the destination of %s refuses the event", name)


def connect_s3(function: dict[str, Any]) -> Any:  # botocore has no types
    """Return a client for S3 with the role of a function."""
    credentials = lambda_runtime.execution_credentials(function)
    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        region_name="us-east-1",
        verify=tls.ca_bundle_path(tls.resolve_tls_material()[0]),
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=credentials["AWS_SESSION_TOKEN"],
    )


def create_flow_log(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Properties]:
    """Record a flow log."""
    identity = f"fl-{uuid.uuid4().hex[:17]}"
    ec2._flow_logs[identity] = {
        "FlowLogId": identity,
        "ResourceId": properties["ResourceId"],
        "TrafficType": properties["TrafficType"],
        "LogDestinationType": properties["LogDestinationType"],
        "LogDestination": properties["LogGroupName"],
        "FlowLogStatus": "ACTIVE",
        "CreationTime": datetime.now(UTC).isoformat(),
    }
    return identity, {"Id": identity}


def delete_flow_log(identity: str, _properties: Properties) -> None:
    """Forget a flow log."""
    ec2._flow_logs.pop(identity, None)


def record_alarm(name: str, properties: Properties) -> Any:
    """Record an alarm on metric math, which is never evaluated."""
    if not properties.get("Metrics"):
        return describe_alarm(name, properties)
    plain = dict(properties, Metrics=None, MetricName="none", Namespace="none")
    return describe_alarm(name, plain) | {"Metrics": properties["Metrics"], "MetricName": "", "Namespace": ""}


def find_stream(service: str, *request: Any, **more: Any) -> Any:
    """Return the ARN that IAM is asked about."""
    found = find_resource(service, *request, **more)
    return f"{found}:log-stream:" if service == "logs" and ":log-group:" in str(found) else found


def may_bind(host: str, port: int) -> bool:
    """Tell whether a port is free; 443 never is, which ministack would take beside its own."""
    return port != 443 and bool(is_bindable(host, port))


functions._execute_function_with_config_scope = execute
functions._route_async_failure = keep_failure
cloudformation._RESOURCE_HANDLERS["AWS::EC2::FlowLog"] = {
    "create": create_flow_log,
    "delete": delete_flow_log,
}
cloudformation._cw_metric_alarm_record = record_alarm
iam_actions.extract_resource_arn = find_stream
app._port_is_bindable = may_bind

if __name__ == "__main__":
    # Functions, which inherit this, trust the emulator's certificate: setup answers CloudFormation there.
    os.environ["SSL_CERT_FILE"] = os.environ["AWS_CA_BUNDLE"] = tls.resolve_tls_material()[0]
    app.main()
