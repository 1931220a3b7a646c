"""What a month costs is shown for the volume that the log group has, and what is not known is said."""

from flowlogs.deploying.overview import count_resources, tell_cost
from flowlogs.deploying.template import load_template, read_parameters
from flowlogs.pricing.month import advise_on_disk, estimate
from support.deploying import FakeAccount

VALUES = {name: each.default or "" for name, each in read_parameters(load_template()).items()} | {
    "AdminEmail": "someone@example.org",
    "LogGroupName": "/vpc/flow-logs",
}


def tell(account: FakeAccount, **changed: str) -> list[str]:
    values = VALUES | changed
    return list(tell_cost(values, count_resources(load_template(), values), account))


def test_a_month_of_the_smallest_new_domain() -> None:
    first, *lines = tell(FakeAccount(volume=1e9))
    assert first == (
        "A month costs about this, at 1.0 GB of flow log lines a day "
        "(as /vpc/flow-logs took in over the last week):"
    )
    parts = [line.strip() for line in lines]
    assert parts[:2] == ["$53.29  1 x t3.medium.search", "$2.44  1 x 20 GiB of disk"]
    assert "$21.91  more for each further GB a day (30 GB a month)" in parts


def test_without_a_log_group_the_volume_is_an_example() -> None:
    assert "at 1.0 GB of flow log lines a day (an example):" in tell(FakeAccount(), LogGroupName="")[0]
    assert "(an example)" in tell(FakeAccount(volume=None))[0]


def test_a_price_that_is_not_known_is_not_guessed() -> None:
    lines = tell(FakeAccount(), InstanceType="x9z.huge.search")
    assert "not known here  1 x x9z.huge.search" in lines[1]
    assert any("in all, and what is not known; list prices of us-east-1" in line for line in lines)


def test_the_parts_are_those_of_what_is_made() -> None:
    existing = [each.name for each in estimate(VALUES, {"AWS::CloudWatch::Alarm": 17}, 1e9)]
    assert existing[0].startswith("CloudWatch Logs")
    stream = list(estimate(VALUES | {"StreamShards": "2"}, {"AWS::Kinesis::Stream": 1}, 1e9))
    assert stream[-1].dollars == 2 * 0.015 * 730


def test_a_disk_that_will_not_hold_the_retention_is_told_before_it_is_full() -> None:
    assert advise_on_disk(VALUES, 1e9) == (
        "30 days of that volume need some 44 GiB of disk, and the domain has 20: "
        "raise VolumeSize, or lower RetentionDays"
    )
    assert advise_on_disk(VALUES | {"VolumeSize": "60"}, 1e9) == ""
    assert "88 GiB" in advise_on_disk(VALUES | {"InstanceCount": "2"}, 1e9)
    assert advise_on_disk(VALUES | {"OpenSearchUrl": "https://x"}, 1e12) == ""
