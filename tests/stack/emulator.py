"""Starts ministack, an emulator of AWS, with its gaps mended: run by the Python of .venv-ministack.

What it does otherwise than AWS, and this stack needs:
- CloudWatch Logs invokes a function once and waits: here asynchronously, with Lambda's two retries;
- what fails three times goes nowhere when the destination is a bucket: here as Lambda's record of it, written
  with the function's role, so that IAM and the bucket's policy have their say;
- for calls about log streams IAM is asked about the log group: here about its streams, as with AWS;
- CloudWatch Logs gives an event another id for each filter, and writes to no stream: here the id is the
  event's, and records are put with the filter's role, or the destination's, so that IAM has its say;
- a function that reads a stream cannot settle a part of a batch: here Lambda goes on from the record that
  it names;
- metrics that a function writes into its log (EMF) are never read: here they are, as CloudWatch does;
- an update of a nested stack forgets the attributes of what does not change: here they are remembered;
- EC2 forgets the format of a flow log, and tells those of all log groups: here both are as asked;
- CloudFormation refuses flow logs, destinations, users of a pool, alarms on metric math: they are recorded;
- it reads no Split in a condition: here it does;
- for calls that name a domain in their path IAM is asked about all: here about that domain.

It replaces functions without a public name, so the version of ministack is pinned.
"""

import base64
import gzip
import itertools
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
from ministack.services import cloudwatch, cloudwatch_logs, ec2
from ministack.services.cloudformation import changesets, engine, handlers, stacks

Properties = dict[str, Any]

log = logging.getLogger("emulator")
attributes: dict[str, Properties] = {}

execute_at_once = functions._execute_function_with_config_scope
execute_function = functions._execute_function
route_failure = functions._route_async_failure
write_own_log = functions._emit_lambda_logs
provision_resource = cloudformation._provision_resource
update_resource = cloudformation._update_resource
describe_alarm = cloudformation._cw_metric_alarm_record
is_bindable = app._port_is_bindable
find_resource = iam_actions.extract_resource_arn
evaluate_conditions = engine._evaluate_conditions


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


def execute_batch(function: dict[str, Any], event: Any) -> Any:  # whatever the function answers
    """Invoke a function; where it names a record of a stream's batch, go on from that one."""
    result = execute_function(function, event)
    records = event.get("Records", []) if isinstance(event, dict) else []
    if not records or records[0].get("eventSource") != "aws:kinesis" or result.get("error"):
        return result
    answer = result.get("body") or {}
    failures = (json.loads(answer) if isinstance(answer, str) else answer).get("batchItemFailures", [])
    if not failures:
        return result
    numbers = [each["kinesis"]["sequenceNumber"] for each in records]
    done = numbers.index(failures[0]["itemIdentifier"])
    shard = records[0]["eventID"].partition(":")[0]
    for _, _, mapping in functions._iter_all_esms():
        if mapping["EventSourceArn"] == records[0]["eventSourceARN"]:
            functions._kinesis_positions[mapping["UUID"]][shard] += done
    return {**result, "error": True}


def write_log(function: dict[str, Any], request: str, text: str, *arguments: Any, **named: Any) -> None:
    """Write a function's log, and take the metrics out of it."""
    write_own_log(function, request, text, *arguments, **named)
    for line in filter(lambda each: '"_aws"' in each, (text or "").splitlines()):
        said = json.loads(line)
        moment = said["_aws"]["Timestamp"] / 1000
        for directive in said["_aws"]["CloudWatchMetrics"]:
            for names, metric in itertools.product(directive["Dimensions"], directive["Metrics"]):
                value, dimensions = said[metric["Name"]], {name: said[name] for name in names}
                values = value if isinstance(value, list) else [value]
                cloudwatch._store_datum(
                    directive["Namespace"],
                    metric["Name"],
                    dimensions,
                    moment,
                    metric["Unit"],
                    None,
                    values,
                    None,
                    None,
                )


def deliver(group: str, stream: str, events: list[dict[str, Any]]) -> None:
    """Do what CloudWatch Logs does with the events of a log stream: hand them to each filter of the group."""
    filters = (cloudwatch_logs._log_groups.get(group) or {}).get("subscriptionFilters") or {}
    rows = [
        {"id": f"{uuid.uuid4().int:056d}"[:56], "timestamp": each["timestamp"], "message": each["message"]}
        for each in events
    ]
    for each in list(filters.values()):
        payload = {
            "messageType": "DATA_MESSAGE",
            "owner": cloudwatch_logs.get_account_id(),
            "logGroup": group,
            "logStream": stream,
            "subscriptionFilters": [each["filterName"]],
            "logEvents": rows,
        }
        data = gzip.compress(json.dumps(payload).encode())
        target, role = each["destinationArn"], each.get("roleArn", "")
        if ":destination:" in target:
            destination = cloudwatch_logs._destinations[target.rpartition(":")[2]]
            target, role = destination["targetArn"], destination["roleArn"]
        if ":function:" in target:
            function = functions._functions.get(target.rpartition(":")[2])
            event = {"awslogs": {"data": base64.b64encode(data).decode()}}
            begin(execute, function, event, name="delivery (execute)")
        else:
            begin(put_record, target, role, data, name="delivery")


def begin(work: Any, *arguments: Any, name: str) -> None:
    """Do something in a thread of its own: who writes to a log group does not wait for its readers."""
    threading.Thread(target=work, args=arguments, name=name, daemon=True).start()


def put_record(stream: str, role: str, data: bytes) -> None:
    """Put a record into a stream with a role."""
    account = role.split(":")[4]
    deliverer = {"FunctionArn": f"arn:aws:lambda:us-east-1:{account}:function:logs", "Role": role}
    try:
        connect("kinesis", deliverer).put_record(StreamARN=stream, Data=data, PartitionKey=uuid.uuid4().hex)
    except (BotoCoreError, ClientError):
        log.exception("%s refuses the record", stream)


def connect_s3(function: dict[str, Any]) -> Any:  # botocore has no types
    """Return a client for S3 with the role of a function."""
    return connect("s3", function)


def connect(service: str, function: dict[str, Any]) -> Any:  # botocore has no types
    """Return a client for a service with the role of a function."""
    credentials = lambda_runtime.execution_credentials(function)
    return botocore.session.get_session().create_client(
        service,
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
        "LogFormat": properties["LogFormat"],
        "FlowLogStatus": "ACTIVE",
        "CreationTime": datetime.now(UTC).isoformat(),
    }
    return identity, {"Id": identity}


def create_flow_logs(parameters: Properties) -> Any:
    """Make flow logs, and remember their format."""
    before = set(ec2._flow_logs)
    made = make_flow_logs(parameters)
    for identity in set(ec2._flow_logs) - before:
        ec2._flow_logs[identity]["LogFormat"] = ec2._p(parameters, "LogFormat")
    return made


def describe_flow_logs(parameters: Properties) -> Any:
    """Tell the flow logs, of a log group where one is asked for, with their formats."""
    groups = ec2._parse_filters(parameters).get("log-group-name")
    names = (
        "FlowLogId",
        "ResourceId",
        "TrafficType",
        "LogDestinationType",
        "LogDestination",
        "FlowLogStatus",
    )
    items = "".join(
        "<item>"
        + "".join(
            f"<{name[0].lower()}{name[1:]}>{each[name]}</{name[0].lower()}{name[1:]}>" for name in names
        )
        + f"<logFormat>{each.get('LogFormat', '')}</logFormat></item>"
        for each in ec2._flow_logs.values()
        if not groups or each["LogDestination"] in groups
    )
    return ec2._xml(200, "DescribeFlowLogsResponse", f"<flowLogSet>{items}</flowLogSet>")


def delete_flow_log(identity: str, _properties: Properties) -> None:
    """Forget a flow log."""
    ec2._flow_logs.pop(identity, None)


def provision(*arguments: Any, **named: Any) -> tuple[str, Properties]:
    """Make a resource, and remember its attributes."""
    identity, found = provision_resource(*arguments, **named)
    attributes[identity] = found
    return identity, found


def update(*arguments: Any, **named: Any) -> tuple[str, Properties]:
    """Change a resource; where nothing changes, its attributes are those that it had."""
    identity, found = update_resource(*arguments, **named)
    attributes[identity] = found or attributes.get(identity, {})
    return identity, attributes[identity]


def create_destination(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Properties]:
    """Record a destination."""
    name = properties["DestinationName"]
    cloudwatch_logs._put_destination(
        {
            "destinationName": name,
            "targetArn": properties["TargetArn"],
            "roleArn": properties["RoleArn"],
            "accessPolicy": properties["DestinationPolicy"],
        }
    )
    return name, {"Arn": cloudwatch_logs._destinations[name]["arn"]}


def delete_destination(identity: str, _properties: Properties) -> None:
    """Forget a destination."""
    cloudwatch_logs._destinations.pop(identity, None)


def create_user(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Properties]:
    """Record a user of a pool, or that he is in a group; nobody signs in here."""
    return properties["Username"], {}


def delete_user(_identity: str, _properties: Properties) -> None:
    """Forget a user."""


def record_alarm(name: str, properties: Properties) -> Any:
    """Record an alarm on metric math, which is never evaluated."""
    if not properties.get("Metrics"):
        return describe_alarm(name, properties)
    plain = dict(properties, Metrics=None, MetricName="none", Namespace="none")
    return describe_alarm(name, plain) | {"Metrics": properties["Metrics"], "MetricName": "", "Namespace": ""}


def evaluate(template: dict[str, Any], parameters: dict[str, Any]) -> Any:  # whatever it answers
    """Evaluate conditions, in which texts are split before."""
    conditions = split(template.get("Conditions", {}), parameters)
    return evaluate_conditions({**template, "Conditions": conditions}, parameters)


def split(value: Any, parameters: dict[str, Any]) -> Any:  # as the template has it
    """Return an expression with the parts of each parameter that it splits."""
    match value:
        case {"Fn::Split": [separator, {"Ref": name}]}:
            return str(parameters[name]["Value"]).split(separator)
        case dict():
            return {name: split(each, parameters) for name, each in value.items()}
        case list():
            return [split(each, parameters) for each in value]
    return value


def find_stream(service: str, *request: Any, **more: Any) -> Any:
    """Return the ARN that IAM is asked about."""
    found = find_resource(service, *request, **more)
    path = str(request[1])
    if service == "opensearch" and found == "*" and "/domain/" in path:
        name = path.partition("/domain/")[2].partition("/")[0]
        return f"arn:aws:es:us-east-1:{cloudwatch_logs.get_account_id()}:domain/{name}"
    return f"{found}:log-stream:" if service == "logs" and ":log-group:" in str(found) else found


def may_bind(host: str, port: int) -> bool:
    """Tell whether a port is free; 443 never is, which ministack would take beside its own."""
    return port != 443 and bool(is_bindable(host, port))


make_flow_logs = ec2._create_flow_logs
ec2._ACTION_MAP |= {"CreateFlowLogs": create_flow_logs, "DescribeFlowLogs": describe_flow_logs}
functions._execute_function_with_config_scope = execute
functions._execute_function = execute_batch
functions._route_async_failure = keep_failure
functions._emit_lambda_logs = write_log
cloudwatch_logs._fanout_to_subscription_filters = deliver
cloudformation._RESOURCE_HANDLERS["AWS::EC2::FlowLog"] = {
    "create": create_flow_log,
    "delete": delete_flow_log,
}
for kind in ("AWS::Cognito::UserPoolUser", "AWS::Cognito::UserPoolUserToGroupAttachment"):
    cloudformation._RESOURCE_HANDLERS[kind] = {"create": create_user, "delete": delete_user}
cloudformation._RESOURCE_HANDLERS["AWS::Logs::Destination"] = {
    "create": create_destination,
    "delete": delete_destination,
}
for module in (changesets, engine, handlers, stacks):
    module._evaluate_conditions = evaluate
cloudformation._provision_resource = provision
cloudformation._update_resource = update
cloudformation._cw_metric_alarm_record = record_alarm
iam_actions.extract_resource_arn = find_stream
app._port_is_bindable = may_bind

if __name__ == "__main__":
    # Functions, which inherit this, trust the emulator's certificate: setup answers CloudFormation there.
    os.environ["SSL_CERT_FILE"] = os.environ["AWS_CA_BUNDLE"] = tls.resolve_tls_material()[0]
    app.main()
