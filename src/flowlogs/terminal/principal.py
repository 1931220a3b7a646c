"""Who asks, by the ARN that policies and mappings want: not that of a session, and with a role's path."""

from typing import Any, Final

from handler.installing.refusal import find_arn, has_hidden_path

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 3.0


def find_whole_arn(principal: str = "") -> str:
    """Return the ARN to name somebody by.

    Args:
        principal: as a refusal names him; empty where it does not, then it is whoever runs this.

    Returns:
        The ARN of the role of a session, or of a user. IAM is asked for the path of a role of IAM Identity
        Center, which the ARN of its sessions lacks; where it may not be asked, the session's ARN is returned.
        Empty where AWS does not tell who it is.
    """
    import boto3  # slow, and needed after a refusal only
    from botocore.config import Config as ClientConfig
    from botocore.exceptions import BotoCoreError, ClientError

    patience = ClientConfig(
        connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1}
    )
    try:
        if not principal:
            sts: Any = boto3.client("sts", config=patience)
            principal = str(sts.get_caller_identity()["Arn"])
        if has_hidden_path(principal):
            iam: Any = boto3.client("iam", config=patience)
            name = find_arn(principal).rpartition("/")[2]
            return str(iam.get_role(RoleName=name)["Role"]["Arn"])
    except (BotoCoreError, ClientError):
        return principal
    return find_arn(principal)
