# ruff: noqa: ARG002  # what the real one is asked with
"""A plan is read whole, nested stacks included, and leaves nothing behind."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from flowlogs.deploying.change_set import LARGEST_BODY, Change, PlanError, plan

SMALL = "Resources: {Bucket: {Type: 'AWS::S3::Bucket'}}\n"


def change(name: str, action: str = "Add", kind: str = "AWS::IAM::Role", **more: str) -> dict[str, Any]:
    return {"ResourceChange": {"LogicalResourceId": name, "ResourceType": kind, "Action": action, **more}}


class FakeCloudFormation:
    """Change sets by their ids, and the calls that were made."""

    def __init__(self, sets: dict[str, list[dict[str, Any]]], *, status: str = "REVIEW_IN_PROGRESS") -> None:
        self.sets = sets
        self.status = status
        self.statuses = ["CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
        self.reason = ""
        self.made: dict[str, Any] = {}
        self.deleted: list[str] = []

    def create_change_set(self, **asked: Any) -> dict[str, str]:
        self.made = asked
        return {"Id": "arn:root", "StackId": "arn:stack"}

    def describe_change_set(self, ChangeSetName: str, NextToken: str = "0") -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        page, changes = int(NextToken), self.sets.get(ChangeSetName, [])
        said = {"Status": status, "StatusReason": self.reason, "Changes": changes[page : page + 2]}
        return said | ({"NextToken": str(page + 2)} if len(changes) > page + 2 else {})

    def get_template(self, **asked: str) -> dict[str, Any]:
        return {"TemplateBody": {"Resources": {"Expanded": {"Type": "AWS::Lambda::Permission"}}}}

    def delete_change_set(self, ChangeSetName: str) -> None:
        self.deleted.append(ChangeSetName)

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self.status}]}

    def delete_stack(self, StackName: str) -> None:
        self.deleted.append(StackName)


class FakeS3:
    def __init__(self) -> None:
        self.put: dict[str, str] = {}
        self.deleted: list[str] = []

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self.put[f"{Bucket}/{Key}"] = Body.decode()

    def delete_object(self, Bucket: str, Key: str) -> None:
        self.deleted.append(f"{Bucket}/{Key}")


@pytest.fixture
def packaged(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(SMALL)
    return file


def use(monkeypatch: pytest.MonkeyPatch, cloudformation: FakeCloudFormation) -> FakeS3:
    s3 = FakeS3()
    monkeypatch.setattr(boto3, "client", {"cloudformation": cloudformation, "s3": s3}.__getitem__)
    return s3


SETS = {
    "arn:root": [
        change("Forward", "Modify", "AWS::Lambda::Function", Replacement="False"),
        change("Roles", "Modify", "AWS::CloudFormation::Stack", Replacement="False", ChangeSetId="arn:roles"),
        change(
            "Domain",
            "Modify",
            "AWS::OpenSearchService::Domain",
            Replacement="True",
            PolicyAction="ReplaceAndRetain",
        ),
        change("Filter", "Remove"),
    ],
    "arn:roles": [change("ForwardRole", "Modify", Replacement="Conditional"), change("StreamRole")],
}


def test_changes_are_read_with_those_of_nested_stacks(
    monkeypatch: pytest.MonkeyPatch, packaged: Path
) -> None:
    fake = FakeCloudFormation(SETS)
    use(monkeypatch, fake)
    found = plan("flowlogs", is_there=True, packaged=packaged, values={"A": "1"}, pause=0)
    assert found.changes == (
        Change("Forward", "AWS::Lambda::Function", "changed"),
        Change("Roles", "AWS::CloudFormation::Stack", "changed", nested=True),
        Change("Roles/ForwardRole", "AWS::IAM::Role", "perhaps replaced"),
        Change("Roles/StreamRole", "AWS::IAM::Role", "created"),
        Change("Domain", "AWS::OpenSearchService::Domain", "replaced", "ReplaceAndRetain"),
        Change("Filter", "AWS::IAM::Role", "deleted"),
    )
    assert list(found.template["Resources"]) == ["Expanded"]
    assert fake.made["IncludeNestedStacks"] is True
    assert fake.made["ChangeSetType"] == "UPDATE"
    assert fake.made["Parameters"] == [{"ParameterKey": "A", "ParameterValue": "1"}]
    assert fake.deleted == ["arn:root"]


def test_a_stack_that_only_the_plan_has_made_is_taken_away(
    monkeypatch: pytest.MonkeyPatch, packaged: Path
) -> None:
    fake = FakeCloudFormation(SETS)
    use(monkeypatch, fake)
    plan("flowlogs", is_there=False, packaged=packaged, values={}, pause=0)
    assert fake.made["ChangeSetType"] == "CREATE"
    assert fake.deleted == ["arn:root", "arn:stack"]


def test_an_empty_stack_of_somebody_elses_change_set_stays(
    monkeypatch: pytest.MonkeyPatch, packaged: Path
) -> None:
    fake = FakeCloudFormation(SETS)
    use(monkeypatch, fake)
    plan("flowlogs", is_there=False, is_begun=True, packaged=packaged, values={}, pause=0)
    assert fake.made["ChangeSetType"] == "CREATE"
    assert fake.deleted == ["arn:root"]


def test_a_stack_that_somebody_has_made_meanwhile_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, packaged: Path
) -> None:
    fake = FakeCloudFormation(SETS, status="CREATE_IN_PROGRESS")
    use(monkeypatch, fake)
    plan("flowlogs", is_there=False, packaged=packaged, values={}, pause=0)
    assert fake.deleted == ["arn:root"]


@pytest.mark.parametrize("is_there", [True, False])
def test_what_cloudformation_refuses_is_told_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, packaged: Path, *, is_there: bool
) -> None:
    fake = FakeCloudFormation({})
    fake.statuses, fake.reason = ["FAILED"], "Parameter VpcId failed to satisfy constraint"
    use(monkeypatch, fake)
    with pytest.raises(PlanError, match="VpcId failed to satisfy"):
        plan("flowlogs", is_there=is_there, packaged=packaged, values={}, pause=0)
    assert fake.deleted == (["arn:root"] if is_there else ["arn:root", "arn:stack"])


def test_a_plan_without_a_change_is_empty(monkeypatch: pytest.MonkeyPatch, packaged: Path) -> None:
    fake = FakeCloudFormation({})
    fake.statuses = ["FAILED"]
    fake.reason = "The submitted information didn't contain changes. Submit different information."
    use(monkeypatch, fake)
    assert plan("flowlogs", is_there=True, packaged=packaged, values={}, pause=0).changes == ()


def test_a_large_template_is_read_from_the_bucket_and_taken_away_again(
    monkeypatch: pytest.MonkeyPatch, packaged: Path
) -> None:
    large = (
        "Resources:\n"
        "  Forward: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: 's3://bucket/flowlogs/1a'}}\n"
        "  Roles: {Type: 'AWS::CloudFormation::Stack',"
        " Properties: {TemplateURL: 'https://s3.eu-west-1.amazonaws.com/bucket/flowlogs/2b.template'}}\n"
        f"# {'x' * LARGEST_BODY}\n"
    )
    packaged.write_text(large)
    fake = FakeCloudFormation(SETS)
    s3 = use(monkeypatch, fake)
    plan("flowlogs", is_there=True, packaged=packaged, values={}, pause=0)
    name = fake.made["ChangeSetName"]
    assert fake.made["TemplateURL"] == f"https://s3.eu-west-1.amazonaws.com/bucket/flowlogs/{name}.template"
    assert s3.put == {f"bucket/flowlogs/{name}.template": large}
    assert s3.deleted == [f"bucket/flowlogs/{name}.template"]


def test_an_error_of_aws_while_reading_leaves_nothing_either(
    monkeypatch: pytest.MonkeyPatch, packaged: Path
) -> None:
    fake = FakeCloudFormation(SETS)
    use(monkeypatch, fake)

    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeChangeSet")

    monkeypatch.setattr(fake, "describe_change_set", refuse)
    with pytest.raises(ClientError):
        plan("flowlogs", is_there=False, packaged=packaged, values={}, pause=0)
    assert fake.deleted == ["arn:root", "arn:stack"]
