"""The setup function: a custom resource that makes a cluster ready for flow logs.

It waits until the cluster answers, then installs the index template, the retention policy, the role of
the functions that write, and the dashboards. What is there already is left alone; so is everything on
delete: data and dashboards belong to their readers.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import urllib3

from handler.config import Config, ConfigError
from handler.installing.access import install_reader, install_writer
from handler.installing.administrators import install_administrators
from handler.installing.cluster import OLDEST, Cluster, ClusterError, read_engine
from handler.installing.custom_resource import CREATE, DELETE, UPDATE, Request, Responder, Status
from handler.installing.dashboards import install_dashboards
from handler.installing.index import install_retention, install_template
from handler.installing.people import choose_roles_by_group
from handler.installing.sign_in import choose_user, find_secret, name_writer, sign_in
from handler.installing.steps import Did, Step
from handler.observe import logger
from handler.secret import SecretError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

PATIENCE: Final = 120.0
"""Seconds in which a refusal is waited for: roles and access policies need that to spread."""

RESERVE: Final = 25.0
"""Seconds before the end from which on nothing is tried again."""

LAST_RESERVE: Final = 12.0
"""Seconds before the end when the answer is sent, whatever the setup is doing: three tries of it."""

LARGEST_RESERVE: Final = 0.4
"""Of an invocation's time, for a function with a short timeout; half of it for the last one."""

WRITERS: Final = "WriterRoleArns"
READERS: Final = "ReaderRoleArns"
ADMINISTRATORS: Final = "AdministratorArns"
IDENTITY_POOL: Final = "IdentityPoolId"
VARIABLES: Final = {
    "IndexPrefix": "INDEX_PREFIX",
    "LogFormats": "LOG_FORMATS",
    "RetentionDays": "RETENTION_DAYS",
    "IndexShards": "INDEX_SHARDS",
    "IndexReplicas": "INDEX_REPLICAS",
}
"""Properties that take the place of variables: a change of a property runs the setup again."""

LEFT_ALONE: Final = "documents, index template, retention policy, role and dashboards are left as they are"

_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+")
_ROLE_OR_USER: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+")


class SetupError(Exception):
    """What the setup was given cannot be used; the text says why and what helps."""


def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, str]:
    """Handle one request of CloudFormation, and answer it whatever happens.

    Returns:
        What was done, as CloudFormation is told.

    Raises:
        ValueError: the event does not come from CloudFormation.
        urllib3.exceptions.HTTPError: the answer could not be sent; Lambda will try it all again.
    """
    request = Request.from_event(event)
    setup = Setup(request.properties, _measure_time(context, RESERVE, LARGEST_RESERVE))
    logger.info("setup.started", extra={"kind": request.kind, "request_id": context.aws_request_id})
    responder = Responder(request)
    with _watch(setup, responder, context):
        status, reason, data = _run(request, setup, context)
    logger.info("setup.done", extra={"status": status.value, "reason": reason, **data})
    responder.answer(status, reason, data)
    return {"Status": status.value, "Reason": reason, **data}


def _run(request: Request, setup: "Setup", context: "LambdaContext") -> tuple[Status, str, dict[str, str]]:
    """Return status, reason and data of the answer."""
    if request.kind == DELETE:
        return Status.SUCCESS, LEFT_ALONE, {}
    if request.kind not in (CREATE, UPDATE):
        return Status.FAILED, f"the request type {request.kind!r} is not known", {}
    try:
        steps = setup.run()
    except (SetupError, ConfigError, ClusterError, SecretError) as error:
        logger.exception("setup.failed", extra={"request_id": context.aws_request_id})
        return Status.FAILED, str(error), {}
    except Exception as error:  # noqa: BLE001  # a stack must not hang, whatever it is
        logger.exception("setup.failed", extra={"request_id": context.aws_request_id})
        where = f"{context.log_group_name}, {context.log_stream_name}"
        return Status.FAILED, f"{type(error).__name__} while {setup.doing}; see the log: {where}", {}
    changed = [name for name, step in steps.items() if step.did in (Did.CREATED, Did.UPDATED)]
    data = {name: str(step) for name, step in steps.items()}
    reason = f"changed: {', '.join(changed)}" if changed else "everything was there; nothing was changed"
    return (
        Status.SUCCESS,
        reason,
        {"EngineVersion": setup.engine, "Changed": str(bool(changed)).lower(), **data},
    )


class Setup:
    """One run.

    Attributes:
        doing: what it does now, to be said when time is over.
        engine: the version that the cluster shows.
    """

    def __init__(self, properties: Mapping[str, Any], time_left: Callable[[], float]) -> None:
        """Prepare a run.

        Args:
            properties: of the custom resource.
            time_left: seconds in which requests may be repeated.
        """
        self._properties = properties
        self._time_left = time_left
        self.doing = "reading its properties"
        self.engine = ""

    def run(self) -> dict[str, Step]:
        """Install all that is missing; return what was done, by the name of what it was done to.

        Raises:
            SetupError, ConfigError, SecretError: the properties, the variables or the secret cannot be used.
            ClusterError: the cluster does not answer, or refuses something.
        """
        config = self._configure()
        writers, readers = (_read_roles(name, self._properties.get(name)) for name in (WRITERS, READERS))
        administrators = _read_roles(ADMINISTRATORS, self._properties.get(ADMINISTRATORS), _ROLE_OR_USER)
        if not writers and config.service == "es":
            raise SetupError(
                f"the property {WRITERS} is missing: the ARNs of the roles that forward and replay have"
            )
        self.doing = "signing in"
        cluster = sign_in(config, find_secret(os.environ), self._time_left, patience=PATIENCE)
        self.doing = "waiting for the cluster to answer"
        version = self._wait(cluster, config)
        self.doing = "installing the index template"
        steps = {"IndexTemplate": install_template(cluster, config, version)}
        self.doing = "installing the retention policy"
        steps["RetentionPolicy"] = install_retention(cluster, config)
        self.doing = "installing the roles of writers, readers and administrators"
        users = name_writer(os.environ)
        steps["WriterRole"], steps["WriterMapping"] = install_writer(cluster, config, writers, users)
        steps["ReaderRole"], steps["ReaderMapping"] = install_reader(cluster, config, readers)
        if ADMINISTRATORS in self._properties:
            steps["Administrators"] = install_administrators(cluster, config, administrators)
        if pool := self._properties.get(IDENTITY_POOL):
            steps["Groups"] = choose_roles_by_group(str(pool))
        self.doing = "importing the dashboards"
        steps["Dashboards"] = install_dashboards(cluster, config)
        return steps

    def _configure(self) -> Config:
        given = {name: self._properties[name] for name in VARIABLES if name in self._properties}
        wrong = [f"{name} must be a text" for name, value in given.items() if not isinstance(value, str)]
        if wrong:
            raise SetupError("; ".join(wrong))
        environ = {**os.environ, **{VARIABLES[name]: value for name, value in given.items()}}
        self.doing = "reading the secret of the user who administers the cluster"
        environ |= choose_user(environ)
        config = Config.from_environ(environ)
        logger.setLevel(config.log_level)
        return config

    def _wait(self, cluster: Cluster, config: Config) -> tuple[int, int]:
        """Wait until the cluster answers, and return the version that it is taken for."""
        if config.service == "aoss":  # a collection has no version to show
            self.engine = "serverless"
            cluster.request("GET", f"/_index_template/{config.index_prefix}", patience=PATIENCE)
            return OLDEST
        self.engine, version = read_engine(cluster, patience=PATIENCE)
        return version


def _read_roles(name: str, value: object, form: re.Pattern[str] = _ROLE) -> list[str]:
    """Return the ARNs that a property holds, as a list or as one text."""
    given = value if isinstance(value, list) else str(value or "").split(",")
    arns = [str(each).strip() for each in given if str(each).strip()]
    for each in arns:
        if not form.fullmatch(each):
            what = "an IAM role" if form is _ROLE else "an IAM role or user"
            raise SetupError(f"{name} holds {each!r}, which is not the ARN of {what}")
    return arns


def _measure_time(context: "LambdaContext", reserve: float, share: float) -> Callable[[], float]:
    """Return a clock: seconds until that much is left of the invocation."""
    kept = min(reserve, context.get_remaining_time_in_millis() / 1000 * share)
    return lambda: context.get_remaining_time_in_millis() / 1000 - kept


@contextmanager
def _watch(setup: Setup, responder: Responder, context: "LambdaContext") -> Iterator[None]:
    """Answer for the setup if it hangs, in a name server or a slow reply, until time is nearly over."""

    def answer() -> None:
        reason = f"time was over while {setup.doing}: see the function's log, then update the stack again"
        try:
            responder.answer(Status.FAILED, reason)
        except urllib3.exceptions.HTTPError:
            logger.exception("setup.unanswered")

    seconds = _measure_time(context, LAST_RESERVE, LARGEST_RESERVE / 2)()
    timer = threading.Timer(seconds, answer)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
