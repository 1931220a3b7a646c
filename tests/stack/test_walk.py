"""Each parameter that a living stack may change is changed, one after the other, in the emulator of AWS.

What that does to the resources is held in test_changes.py. Here CloudFormation, as the emulator has it, takes
the change: conditions, rules, roles, the check and the setup. Domains, VPCs and keys are only recorded there,
so what they refuse is not seen here.
"""

from collections.abc import Iterator

import pytest

from flowlogs.local.embedded import Embedded
from stack.emulated import ACCOUNT, REGION, Aws, emulate, wait_for
from stack.test_changes import CHANGES, EXISTING

STACK = "flowlogs"
# These lead to another cluster; the emulator has one.
OF_ANOTHER_CLUSTER = {"OpenSearchUrl", "OpenSearchArn", "OpenSearchService"}
WALK = [name for name, (base, _) in CHANGES.items() if base == EXISTING and name not in OF_ANOTHER_CLUSTER]

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("opensearch")) as started:
        yield started


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with emulate(tmp_path_factory.mktemp("aws")) as running:
        running.client("logs").create_log_group(logGroupName=CHANGES["LogGroupName"][1])
        yield running


@pytest.fixture(scope="module")
def parameters(aws: Aws, node: Embedded) -> dict[str, str]:
    """Deploy the stack; return what it was given."""
    vpc = aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    arn = f"arn:aws:es:{REGION}:{ACCOUNT}:domain/existing"
    given = {"OpenSearchUrl": node.url, "OpenSearchArn": arn, "VpcId": vpc}
    done = aws.deploy(STACK, given)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return given


@pytest.mark.parametrize("parameter", WALK)
def test_a_change_goes_through_and_the_bucket_stays(
    aws: Aws, parameters: dict[str, str], parameter: str
) -> None:
    bucket = aws.outputs(STACK)["FailureBucket"]
    changed = {**parameters, parameter: CHANGES[parameter][1]}
    cloudformation = aws.client("cloudformation")
    cloudformation.update_stack(
        StackName=STACK,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in changed.items()],
    )

    def look() -> str:
        (found,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        return str(found["StackStatus"]) if not found["StackStatus"].endswith("_IN_PROGRESS") else ""

    assert wait_for("the end of the update", look, 120) == "UPDATE_COMPLETE"
    assert aws.outputs(STACK)["FailureBucket"] == bucket
