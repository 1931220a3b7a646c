"""What stays is what the stack's own template says, and that of each stack in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flowlogs.deploying.staying import Resource, find_staying

NESTED = "AWS::CloudFormation::Stack"
TEMPLATES: dict[str, Any] = {
    "flowlogs": """
Resources:
  Bucket: {Type: "AWS::S3::Bucket", DeletionPolicy: RetainExceptOnCreate}
  Function: {Type: "AWS::Lambda::Function", Properties: {Role: !GetAtt Role.Arn}}
  Gone: {Type: "AWS::S3::Bucket", DeletionPolicy: Retain}
  People: {Type: "AWS::CloudFormation::Stack", DeletionPolicy: Retain}
  Roles: {Type: "AWS::CloudFormation::Stack"}
""",
    "arn:people": {"Resources": {"Pool": {"Type": "AWS::Cognito::UserPool"}}},
    "arn:roles": {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role"},
            "Kept": {"Type": "AWS::IAM::Role", "DeletionPolicy": "Retain"},
        }
    },
}
RESOURCES = {
    "flowlogs": [
        ("Bucket", "AWS::S3::Bucket", "bucket-1a", "CREATE_COMPLETE"),
        ("Function", "AWS::Lambda::Function", "function-1a", "CREATE_COMPLETE"),
        ("Gone", "AWS::S3::Bucket", "bucket-2b", "DELETE_COMPLETE"),
        ("People", NESTED, "arn:people", "CREATE_COMPLETE"),
        ("Roles", NESTED, "arn:roles", "CREATE_COMPLETE"),
    ],
    "arn:people": [("Pool", "AWS::Cognito::UserPool", "pool-1a", "CREATE_COMPLETE")],
    "arn:roles": [
        ("Role", "AWS::IAM::Role", "role-1a", "CREATE_COMPLETE"),
        ("Kept", "AWS::IAM::Role", "role-2b", "UPDATE_COMPLETE"),
    ],
}


class FakeCloudFormation:
    def get_template(self, StackName: str) -> dict[str, Any]:
        return {"TemplateBody": TEMPLATES[StackName]}

    def get_paginator(self, _: str) -> "FakeCloudFormation":
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:
        names = ("LogicalResourceId", "ResourceType", "PhysicalResourceId", "ResourceStatus")
        for each in RESOURCES[StackName]:
            yield {"StackResourceSummaries": [dict(zip(names, each, strict=True))]}


def test_what_a_template_retains_stays_and_a_retained_stack_with_all_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boto3, "client", lambda _: FakeCloudFormation())
    assert list(find_staying("flowlogs")) == [
        Resource("Bucket", "AWS::S3::Bucket", "bucket-1a"),
        Resource("People/Pool", "AWS::Cognito::UserPool", "pool-1a"),
        Resource("Roles/Kept", "AWS::IAM::Role", "role-2b"),
    ]


@mock_aws
def test_the_documented_loop_ends_where_a_bucket_has_neither_versions_nor_markers() -> None:
    """S3 refuses a request that deletes nothing, so the loop sends none: it looks for a VersionId before."""
    page = (Path(__file__).parents[3] / "docs" / "deploy.md").read_text(encoding="utf-8")
    (query,) = re.findall(
        r"while some=\$\(aws s3api list-object-versions .*?--query '(.*?)'\)", page, re.DOTALL
    )
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="flowlogs")
    s3.put_bucket_versioning(Bucket="flowlogs", VersioningConfiguration={"Status": "Enabled"})

    def look() -> list[Any]:
        return list(s3.get_paginator("list_object_versions").paginate(Bucket="flowlogs").search(query))

    assert look() == [{"Objects": [], "Quiet": True}]
    version = s3.put_object(Bucket="flowlogs", Key="failed/a")["VersionId"]
    marker = s3.delete_object(Bucket="flowlogs", Key="failed/a")["VersionId"]
    (found,) = look()
    assert found == {
        "Objects": [{"Key": "failed/a", "VersionId": each} for each in (version, marker)],
        "Quiet": True,
    }
    s3.delete_objects(Bucket="flowlogs", Delete=found)
    s3.delete_bucket(Bucket="flowlogs")
