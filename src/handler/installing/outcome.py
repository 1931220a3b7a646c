"""What a run of the setup has done, what it could not do, and what CloudFormation is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from handler.config import Config
from handler.installing.cluster import Cluster, ClusterError
from handler.installing.custom_resource import FORMATS, WARNINGS, Status
from handler.installing.dashboards import install_dashboards
from handler.installing.steps import Did, Step
from handler.observe import emit_metrics, logger
from parser.engine import Engine, Kind, Part

ROLES: Final = ("WriterRole", "WriterMapping", "ReaderRole", "ReaderMapping")
AUDIT_LOGS: Final = "AuditLogs"
GROUPS: Final = "Groups"
DASHBOARDS: Final = "Dashboards"
DASHBOARDS_SECONDS: Final = 60.0
"""Seconds for the dashboards, tries included: documents need none."""

NO_WARNINGS: Final = "none"
_MEANINGS: Final = {
    AUDIT_LOGS: "audit logs are not on, switch them on in Dashboards, Security, Audit logs ({why})",
    GROUPS: "Dashboards gives everybody the readers' role, administrators too, unless the identity pool was "
    "told of the groups before; mend this, then run the setup again, docs/runbook.md ({why})",
    DASHBOARDS: "the dashboards are not imported ({why}); flowlogs dashboards --import does it later",
}
"""What documents come without -> what it means that it failed, and what helps."""


@dataclass(slots=True)
class Outcome:
    """What was done so far.

    Attributes:
        steps: by the name of what was installed.
        warnings: what is not as it should be, though documents will come.
        engine: as the cluster shows itself.
        formats: that the functions read, as bare names.
    """

    steps: dict[str, Step] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    engine: str = ""
    formats: str = ""

    def take(self, engine: Engine) -> None:
        """Keep what the cluster is; what one of its kind lacks is a warning where people would miss it."""
        self.engine = engine.shown or engine.kind.name.lower()
        if engine.kind is Kind.OPTIMIZED:
            self.warnings.extend(engine.list_missing().values())

    def take_step(self, name: str, step: Step) -> None:
        """Keep what became of something that documents do not need; where it failed, that is a warning."""
        self.steps[name] = step
        if step.did is Did.FAILED:
            self.warnings.append(_MEANINGS[name].format(why=step.note))

    def conclude(self) -> tuple[Status, str, dict[str, str]]:
        """Return status, reason and data of the answer for a cluster that is ready."""
        changed = [name for name, step in self.steps.items() if step.did in (Did.CREATED, Did.UPDATED)]
        reason = f"changed: {', '.join(changed)}" if changed else "everything was there; nothing was changed"
        if self.warnings:
            reason = f"{reason}; but {'; '.join(self.warnings)}"
        data = {
            "EngineVersion": self.engine,
            "Changed": str(bool(changed)).lower(),
            **{name: str(step) for name, step in self.steps.items()},
            FORMATS: self.formats,
            WARNINGS: "; ".join(self.warnings) or NO_WARNINGS,
        }
        return Status.SUCCESS, reason, data


def skip(why: str) -> Step:
    """Return a step that was not done, for the cluster has something else instead."""
    return Step(Did.SKIPPED, why)


def try_dashboards(cluster: Cluster, config: Config, engine: Engine) -> Step:
    """Import the dashboards where there can be any; where that fails, say why. They fail no stack."""
    if missing := engine.lacks(Part.DASHBOARDS):
        return skip(missing)
    try:
        return install_dashboards(cluster.within(DASHBOARDS_SECONDS), config)
    except ClusterError as error:
        return Step(Did.FAILED, str(error))


def warn(function_name: str, warnings: Sequence[str]) -> None:
    """Log each warning, and count them in a metric."""
    for each in warnings:
        logger.warning("setup.warning", extra={"reason": each})
    emit_metrics(function_name, {"warnings": len(warnings)})
