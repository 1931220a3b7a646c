"""What a deployment makes, changes and costs, for a person to look at before it is done."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from flowlogs.deploying.account import Account, RefusedError, Stack
from flowlogs.deploying.intrinsic import Scope, evaluate
from flowlogs.deploying.template import TEMPLATE, load_template, read_parameters
from flowlogs.pricing.month import DAYS, GB, advise_on_disk, estimate
from flowlogs.pricing.prices import read_region
from flowlogs.terminal.display import count_of, format_bytes
from handler.checking.choices import split_list

NESTED: Final = "AWS::CloudFormation::Stack"

EXAMPLE: Final = 1 * GB
"""Bytes a day for which the cost is shown where nobody knows the volume yet."""

_NAMES: Final = {
    "AWS::Serverless::Function": "function",
    "AWS::OpenSearchService::Domain": "OpenSearch domain",
    "AWS::IAM::Role": "role",
    "AWS::S3::Bucket": "bucket",
    "AWS::Logs::LogGroup": "log group",
    "AWS::EC2::FlowLog": "flow log",
    "AWS::Logs::SubscriptionFilter": "subscription filter",
    "AWS::Kinesis::Stream": "stream",
    "AWS::Cognito::UserPool": "user pool",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::SNS::Topic": "topic",
}
"""What is named, in this order; the rest is counted."""

_KEPT_FOR: Final = {
    "RetentionDays": "what is older, all indices of those days, is deleted within the hour",
    "FailureDays": "what is older of rejected/ is deleted within a day",
    "LogRetentionDays": "lines that are older are deleted, also flow logs in a group that the stack made",
    "StreamHours": "what is older is gone from the stream at once, read or not",
}
"""By a parameter that says how long something is kept (0 is for ever): what a lower one deletes."""


def count_resources(
    template: Mapping[str, Any], values: Mapping[str, Any], folder: Path = TEMPLATE.parent
) -> Counter[str]:
    """Count what values of the parameters make, by type, with what is in nested stacks."""
    scope, found = Scope(template, values), Counter[str]()
    for _, resource in scope.resources():
        if resource["Type"] != NESTED:
            found[resource["Type"]] += 1
            continue
        properties = resource["Properties"]
        nested = load_template(folder / properties["TemplateURL"])
        defaults = {name: each.default or "" for name, each in read_parameters(nested).items()}
        given = evaluate(properties.get("Parameters", {}), scope)
        found += count_resources(nested, {**defaults, **given}, (folder / properties["TemplateURL"]).parent)
    return found


def tell_resources(counted: Counter[str]) -> str:
    """Return what is made, in words."""
    named = [count_of(counted[kind], name) for kind, name in _NAMES.items() if counted[kind]]
    rest = sum(number for kind, number in counted.items() if kind not in _NAMES)
    return ", ".join([*named, count_of(rest, "smaller part")])


def find_changes(there: Stack, values: Mapping[str, str]) -> Iterator[tuple[str, str, str, bool]]:
    """Yield each parameter that a stack has otherwise: name, value now, new value, whether nobody chose it.

    Nobody has chosen a value that is the default of the template that the stack was made from: a newer
    version's default takes its place.
    """
    for name, value in values.items():
        before = there.parameters.get(name)
        if before is not None and before != value:
            yield name, before, value, before == there.defaults.get(name)


def warn(there: Stack, values: Mapping[str, str]) -> Iterator[str]:
    """Yield what a change of parameters would leave undone, or delete, and the way that does not."""
    had = there.parameters
    if had.get("Source") == "stream" and values.get("Source") == "subscription":
        yield (
            "Source: nobody reads the stream any more, and records that are in it stay unread until they "
            "expire. Deploy with Source=draining first, and with Source=subscription when IteratorAge is "
            'back at some seconds (docs/deploy.md, "Subscription or stream")'
        )
    kept = {*split_list(values.get("FurtherKmsKeyArns", "")), values.get("KmsKeyArn", "")}
    for key in sorted({*split_list(had.get("FurtherKmsKeyArns", ""))} - kept):
        yield (
            f"FurtherKmsKeyArns: without {key} nobody reads what it has encrypted, records of the stream and "
            "objects in the bucket. When that is over, and how to keep the key: docs/deploy.md, "
            '"With a KMS key of yours"'
        )
    for name, lost in _KEPT_FOR.items():
        before, after = int(had.get(name) or 0), int(values.get(name) or 0)
        unused = name == "StreamHours" and values.get("Source") == "subscription"
        if after and name in had and (after < before or not before) and not unused:
            yield f"{name}: with a lower number {lost}, and does not come back"


def tell_cost(values: Mapping[str, str], counted: Counter[str], account: Account) -> Iterator[str]:
    """Yield the lines that say what a month costs, and for which volume."""
    volume, source = measure_volume(values, account)
    parts = list(estimate(values, counted, volume))
    yield f"A month costs about this, at {format_bytes(volume)} of flow log lines a day ({source}):"
    for part in parts:
        shown = "not known here" if part.dollars is None else f"${part.dollars:,.2f}"
        yield f"  {shown:>14}  {part.name}"
    known = sum(part.dollars or 0 for part in parts)
    more = ", and what is not known" if any(part.dollars is None for part in parts) else ""
    prices = f"list prices of {read_region()}, taxes and free tiers left aside"
    yield f"  {f'${known:,.2f}':>14}  in all{more}; {prices}"
    each = sum(part.dollars or 0 for part in estimate(values, counted, volume + GB)) - known
    yield f"  {f'${each:,.2f}':>14}  more for each further GB a day ({DAYS:.0f} GB a month)"
    if advice := advise_on_disk(values, volume):
        yield advice


def measure_volume(values: Mapping[str, str], account: Account) -> tuple[float, str]:
    """Return bytes of lines a day, and where the number comes from."""
    if values["LogGroupName"]:
        try:
            found = account.measure(values["LogGroupName"])
        except RefusedError as error:
            return EXAMPLE, f"an example: {error}"
        if found:
            return found, f"as {values['LogGroupName']} took in over the last week"
    return EXAMPLE, "an example"
