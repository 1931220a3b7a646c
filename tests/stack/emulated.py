"""AWS as the deployment tests have it: the emulator in a process of its own, and `sam deploy` into it."""

import contextlib
import functools
import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import boto3

from flowlogs.local.artifact import find_sam, host_architecture, host_artifact
from flowlogs.local.places import PROJECT

REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
DEPLOYER: Final = ("test", "test")
"""Key and secret of the account's owner, who may do everything."""

PYTHON: Final = PROJECT / ".venv-ministack" / "bin" / "python"

_SETTINGS: Final = {
    "AUTH": "true",
    "BIND_HOST": "127.0.0.1",
    "IOT_MTLS_ENABLED": "0",
    "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "1",
    "LAMBDA_EXECUTOR": "local",
    "MINISTACK_HOST": "127.0.0.1",
    "PERSIST_STATE": "0",
    "SFTP_ENABLED": "0",
    "USE_SSL": "1",
}

T = TypeVar("T")


@dataclass(frozen=True)
class Aws:
    """The running emulator.

    Attributes:
        url: of all services.
        certificate: file of the certificate that it shows.
    """

    url: str
    certificate: Path

    def client(self, service: str, credentials: tuple[str, ...] = DEPLOYER) -> Any:
        """Return a client of a service, as the account's owner or with other credentials."""
        return _connect(self, service, credentials)

    def deploy(
        self, stack: str, parameters: Mapping[str, str], *options: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `sam deploy` with the built template, parameters, and more options, as a person does."""
        command = [find_sam(), "deploy", "--template", str(host_artifact().parent / "template.yaml")]
        command += ["--stack-name", stack, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
        command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--parameter-overrides"]
        given = {"Architecture": host_architecture(), **parameters}
        command += [f"{name}={value}" for name, value in given.items()]
        command += options
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False)

    @property
    def environ(self) -> dict[str, str]:
        """Return the environment of a program that talks to it as the account's owner."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_ACCESS_KEY_ID": DEPLOYER[0],
            "AWS_SECRET_ACCESS_KEY": DEPLOYER[1],
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.3",
        }

    def change(self, stack: str, parameters: Mapping[str, str]) -> None:
        """Give a deployed stack other parameters; what is not named gets its default again.

        This is what `sam deploy` asks of CloudFormation, without its packaging, which takes most of the time.
        """
        self.update(stack, parameters)
        assert self.end_of(stack) == "UPDATE_COMPLETE"

    def update(self, stack: str, parameters: Mapping[str, str]) -> None:
        """Begin to give a deployed stack other parameters."""
        self.client("cloudformation").update_stack(
            StackName=stack, UsePreviousTemplate=True, **_request(parameters)
        )

    def create(self, stack: str, template: str, parameters: Mapping[str, str]) -> None:
        """Begin to make a stack of a template that is packaged already, and too large for a request."""
        bucket, key, s3 = "templates", f"{stack}.template", self.client("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=template.encode())
        self.client("cloudformation").create_stack(
            StackName=stack, TemplateURL=f"{self.url}/{bucket}/{key}", **_request(parameters)
        )

    def end_of(self, stack: str) -> str:
        """Wait until CloudFormation has done what it was asked for; return the stack's status."""

        def look() -> str:
            found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            return "" if found.endswith("_IN_PROGRESS") else str(found)

        return wait_for(f"the end of what {stack} does", look)

    def outputs(self, stack: str) -> dict[str, str]:
        """Return the outputs of a stack."""
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}

    def credentials_of(self, function: str) -> tuple[str, ...]:
        """Return the credentials that the emulator gives a function which has run: those of its role."""
        found = self.client("lambda").get_function_configuration(FunctionName=function)
        digest = hashlib.sha256(f"{found['FunctionArn']}:{found['Role']}".encode()).hexdigest()
        secret, token = (
            hashlib.sha256(f"{kind}:{digest}".encode()).hexdigest() for kind in ("secret", "token")
        )
        return f"ASIA{digest[:16].upper()}", secret, token


@functools.cache
def _connect(aws: Aws, service: str, credentials: tuple[str, ...]) -> Any:
    """Make a client, which takes a tenth of a second: once, also where a test looks again and again."""
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    keys: dict[str, Any] = dict(zip(names, credentials, strict=False))
    options = {"endpoint_url": aws.url, "region_name": REGION, "verify": str(aws.certificate)}
    return boto3.client(service, **options, **keys)  # type: ignore[call-overload]  # any service's


def _request(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return what CloudFormation is told of a stack's parameters."""
    given = {"Architecture": host_architecture(), **parameters}
    return {
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
    }


@contextlib.contextmanager
def emulate(folder: Path, **settings: str) -> Iterator[Aws]:
    """Start the emulator, with its files in a folder and settings of its own, and stop it at the end."""
    if not PYTHON.exists():
        raise RuntimeError("the emulator is not installed: make .venv-ministack/.stamp")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}
    environ = {**kept, **_SETTINGS, **settings, "GATEWAY_PORT": str(port), "TMPDIR": str(folder)}
    with (folder / "log").open("w") as log:
        command = [str(PYTHON), str(Path(__file__).with_name("emulator.py"))]
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for("the emulator", lambda: "Ready" in (folder / "log").read_text())
            yield Aws(f"https://127.0.0.1:{port}", folder / "ministack-tls" / "server.crt")
        finally:
            # With the functions that it has started.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(what: str, look: Callable[[], T], seconds: float = 60) -> T:
    """Look until there is something to see, and return it; raise TimeoutError when there never is."""
    until = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > until:
            raise TimeoutError(f"{what} did not come within {seconds} s")
        time.sleep(0.1)
    return seen
