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

from handler.config import Auth, Config, ConfigError
from handler.installing.access import install_reader, install_writer
from handler.installing.administrators import install_administrators
from handler.installing.audit import switch_on_audit
from handler.installing.causes import Situation, explain_defect, explain_failure, explain_hang
from handler.installing.cluster import Cluster, ClusterError, read_engine
from handler.installing.custom_resource import CREATE, DELETE, UPDATE, Request, Responder, Status
from handler.installing.engine_kind import find_kind
from handler.installing.flow_logs import LearningError, learn
from handler.installing.index import install_retention, install_template
from handler.installing.outcome import (
    AUDIT_LOGS,
    DASHBOARDS,
    GROUPS,
    ROLES,
    Outcome,
    skip,
    try_dashboards,
    warn,
)
from handler.installing.people import choose_roles_by_group
from handler.installing.sign_in import choose_user, find_secret, name_writer, sign_in
from handler.installing.steps import Did, Step
from handler.observe import logger
from handler.secret import SecretError
from parser.engine import SERVERLESS, Engine, Part
from parser.format import SEPARATOR

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
AUDIT: Final = "AuditLogs"
ADMINISTRATORS: Final = "AdministratorArns"
IDENTITY_POOL: Final = "IdentityPoolId"
VARIABLES: Final = {
    "IndexPrefix": "INDEX_PREFIX",
    "LogFormats": "LOG_FORMATS",
    "RetentionDays": "RETENTION_DAYS",
    "WarmAfterDays": "WARM_AFTER_DAYS",
    "IndexShards": "INDEX_SHARDS",
    "IndexReplicas": "INDEX_REPLICAS",
    "KeepMessage": "KEEP_MESSAGE",
}
"""Properties that take the place of variables: a change of a property runs the setup again."""

FORMATS_OF: Final = "FormatsOf"
"""The property that names a log group whose formats are to be learnt; empty where they are given."""

FUNCTION_VPC: Final = "FunctionVpc"
NO_VPC: Final = "none"

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
    responder.demand_way()
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
        setup.run()
    except (SetupError, ConfigError, LearningError, SecretError) as error:
        logger.exception("setup.failed", extra={"request_id": context.aws_request_id})
        return Status.FAILED, str(error), {}
    except ClusterError as error:
        logger.exception("setup.failed", extra={"request_id": context.aws_request_id})
        return Status.FAILED, explain_failure(error, setup.situation), {}
    except Exception as error:  # noqa: BLE001  # a stack must not hang, whatever it is
        logger.exception("setup.failed", extra={"request_id": context.aws_request_id})
        return Status.FAILED, explain_defect(error, setup.doing), {}
    warn(context.function_name, setup.outcome.warnings)
    return setup.outcome.conclude()


class Setup:
    """One run.

    Attributes:
        doing: what it does now, to be said when time is over.
        situation: where it runs, and whom it asks, as far as that is known.
        outcome: what was done so far.
        is_ready: whether all is done that documents need: from then on nothing fails it.
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
        self.situation = Situation("", in_vpc=None)
        self.outcome = Outcome()
        self.is_ready = False

    def run(self) -> None:
        """Install all that is missing; `outcome` says what was done.

        Raises:
            SetupError, ConfigError, SecretError: the properties, the variables or the secret cannot be used.
            LearningError: the formats of the log group cannot be used.
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
        engine = self._wait(cluster, config)
        self.outcome.take(engine)
        steps = self.outcome.steps
        self.doing = "installing the index template"
        steps["IndexTemplate"] = install_template(cluster, config, engine)
        self.doing = "installing the retention policy"
        missing = engine.lacks(Part.RETENTION)
        steps["RetentionPolicy"] = skip(missing) if missing else install_retention(cluster, config)
        self.doing = "installing the roles of writers, readers and administrators"
        if missing := engine.lacks(Part.ROLES):
            steps |= dict.fromkeys(ROLES, skip(missing))
        else:
            users = name_writer(os.environ)
            steps["WriterRole"], steps["WriterMapping"] = install_writer(cluster, config, writers, users)
            steps["ReaderRole"], steps["ReaderMapping"] = install_reader(cluster, config, readers)
            if self._properties.get(AUDIT) == "true":
                self.doing = "switching on audit logs"
                self.outcome.take_step(AUDIT_LOGS, switch_on_audit(cluster))
        if ADMINISTRATORS in self._properties:
            steps["Administrators"] = (
                skip(missing) if missing else install_administrators(cluster, config, administrators, writers)
            )
        self.is_ready = True
        if pool := self._properties.get(IDENTITY_POOL):
            self.doing = "telling Cognito's identity pool of the groups"
            self.outcome.take_step(GROUPS, choose_roles_by_group(str(pool), self._time_left))
        self.doing = "importing the dashboards"
        self.outcome.take_step(DASHBOARDS, try_dashboards(cluster, config, engine))

    def break_off(self) -> None:
        """Keep that time was over after all was done that documents need."""
        late = Step(Did.FAILED, f"time was over while {self.doing}")
        if self._properties.get(IDENTITY_POOL) and GROUPS not in self.outcome.steps:
            self.outcome.take_step(GROUPS, late)
        self.outcome.take_step(DASHBOARDS, late)

    def _configure(self) -> Config:
        given = {name: self._properties[name] for name in VARIABLES if name in self._properties}
        wrong = [f"{name} must be a text" for name, value in given.items() if not isinstance(value, str)]
        if wrong:
            raise SetupError("; ".join(wrong))
        environ = {**os.environ, **{VARIABLES[name]: value for name, value in given.items()}}
        environ["LOG_FORMATS"] = self._read_formats(environ.get("LOG_FORMATS", ""))
        self.doing = "reading the secret of the user who administers the cluster"
        environ |= choose_user(environ)
        config = Config.from_environ(environ)
        logger.setLevel(config.log_level)
        self.outcome.formats = config.formats.to_names()
        self.situation = Situation(config.url, self._properties.get(FUNCTION_VPC, NO_VPC) != NO_VPC)
        return config

    def _read_formats(self, given: str) -> str:
        """Return the given formats, and those that EC2 tells of a log group; empty for the default."""
        known = SEPARATOR.join(filter(None, given.split(SEPARATOR)))
        log_group = self._properties.get(FORMATS_OF)
        if not log_group:
            return known
        self.doing = "asking EC2 for the formats of the log group"
        learnt = learn(log_group, known)
        self.outcome.warnings.extend(learnt.warnings)
        return str(learnt.formats)

    def _wait(self, cluster: Cluster, config: Config) -> Engine:
        """Wait until the cluster answers, and return what it is."""
        # Who may do what is spread by AWS within a minute or two; a password is right or wrong at once.
        patience = PATIENCE if config.auth is Auth.IAM else 0.0
        if config.service == "aoss":  # a collection shows nothing of itself
            cluster.request("GET", f"/_index_template/{config.index_prefix}", patience=patience)
            return SERVERLESS
        engine = read_engine(cluster, patience=patience)
        self.doing = "asking which engine the domain has"
        return find_kind(engine, config.url)


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
        if setup.is_ready:
            setup.break_off()
            answered = setup.outcome.conclude()
        else:
            answered = Status.FAILED, explain_hang(setup.doing, setup.situation), {}
        try:
            responder.answer(*answered)
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
