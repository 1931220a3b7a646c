"""Who asks is named by the ARN that AdminPrincipalArn wants: of the role, with its path."""

from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from flowlogs.terminal.advice import advise_refused
from flowlogs.terminal.principal import find_whole_arn
from handler.installing.refusal import By, Refusal

ACCOUNT: Final = "123456789012"
NAME: Final = "AWSReservedSSO_Admin_0a1b"
SSO: Final = f"arn:aws:sts::{ACCOUNT}:assumed-role/{NAME}/me@example.com"
WHOLE: Final = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-central-1/{NAME}"
ADMIN: Final = f"arn:aws:iam::{ACCOUNT}:role/Admin"


class Aws:
    """STS and IAM, as boto3 shows them."""

    def __init__(self, caller: str = "", *, error: Exception | None = None) -> None:
        self._caller = caller
        self._error = error

    def get_caller_identity(self) -> dict[str, str]:
        if self._error:
            raise self._error
        return {"Arn": self._caller}

    def get_role(self, *, RoleName: str) -> dict[str, Any]:
        assert RoleName == NAME
        if self._error:
            raise self._error
        return {"Role": {"Arn": WHOLE}}


DENIED: Final = ClientError({"Error": {"Code": "AccessDenied"}}, "GetRole")


@pytest.mark.parametrize(
    ("aws", "principal", "expected"),
    [
        pytest.param(Aws(), f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me", ADMIN, id="a session"),
        pytest.param(Aws(), SSO, WHOLE, id="a session of IAM Identity Center"),
        pytest.param(Aws(error=DENIED), SSO, SSO, id="its role may not be asked for"),
        pytest.param(Aws(SSO), "", WHOLE, id="whoever runs this"),
        pytest.param(Aws("arn:aws:iam::1:user/me"), "", "arn:aws:iam::1:user/me", id="a user"),
        pytest.param(Aws(error=NoCredentialsError()), "", "", id="nobody"),
    ],
)  # fmt: skip
def test_a_principal_is_named_as_the_parameter_wants_it(
    aws: Aws, principal: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "client", lambda *_, **__: aws)

    assert find_whole_arn(principal) == expected


@pytest.mark.parametrize("by", [By.POLICY, By.SECURITY, By.UNKNOWN])
def test_the_arn_to_add_stands_in_the_advice(by: By) -> None:
    assert f"add {WHOLE} to AdminPrincipalArn" in advise_refused(Refusal(by, SSO), WHOLE)


def test_where_the_path_is_not_known_the_advice_says_how_to_find_it() -> None:
    said = advise_refused(Refusal(By.POLICY, SSO))

    assert f"add arn:aws:iam::{ACCOUNT}:role/{NAME} to AdminPrincipalArn" in said
    assert said.endswith(f"aws iam get-role --role-name {NAME} --query Role.Arn --output text")


def test_a_user_of_the_cluster_is_no_principal_of_aws() -> None:
    said = advise_refused(Refusal(By.SECURITY, "writer"))

    assert ("AdminPrincipalArn" in said, "map the user writer" in said) == (False, True)
