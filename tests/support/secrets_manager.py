"""Secrets Manager as a function asks it: secrets by their ARN, and who may not read them."""

import json
from typing import Any, Final

from support.front import Call, Front, Reply

REGION: Final = "eu-central-1"
ARN: Final = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:flowlogs-a1b2c3"
ENVIRONMENT: Final = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


class SecretsManager(Front):
    """The service, while it is open.

    Attributes:
        texts: what each secret holds, by its ARN.
        denied: ARNs that nobody may read.
    """

    def __init__(self) -> None:
        super().__init__(None, self._answer)
        self.texts: dict[str, str] = {}
        self.denied: set[str] = set()

    def put(self, name: str, password: str, arn: str = ARN) -> None:
        """Let a secret name a user."""
        self.texts[arn] = json.dumps({"username": name, "password": password})

    @property
    def read(self) -> list[str]:
        """The ARNs that were asked for, in order."""
        return [call.json["SecretId"] for call in self.calls]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead to it."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.url}

    def _answer(self, call: Call) -> Reply:
        arn = call.json["SecretId"]
        if arn in self.denied:
            return self._refuse("AccessDeniedException", "no identity-based policy allows the action")
        if arn not in self.texts:
            return self._refuse(
                "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
            )
        return 200, {"ARN": arn, "Name": "flowlogs", "SecretString": self.texts[arn]}

    def _refuse(self, code: str, message: str) -> tuple[int, Any]:
        return 400, {"__type": code, "message": message}
