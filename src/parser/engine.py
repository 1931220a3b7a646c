"""What each engine can take, element by element: the one place that compares versions and kinds of clusters.

A cluster is asked what it is; what that means for flow logs stands in the table here, and nowhere else. The
setup leaves out what a cluster lacks, and says so; `flowlogs doctor` says the same of a cluster that runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

Version = tuple[int, int]
"""Major and minor."""

OLDEST_VERSION: Final[Version] = (1, 3)
"""The oldest version of OpenSearch that can be used: nothing was tried on an older one."""

NEWEST_VERSION: Final[Version] = (3, 8)
"""The newest version of OpenSearch that all was tried on."""


class Kind(Enum):
    """The engines of OpenSearch."""

    GENERAL = "OpenSearch"
    SERVERLESS = "OpenSearch Serverless"
    OPTIMIZED = "OpenSearch with the Optimized engine"


class Part(Enum):
    """What flowlogs-opensearch uses of a cluster, and some clusters lack."""

    VERSION = "a version that it shows"
    MATCH_ONLY_TEXT = "full text without positions (match_only_text)"
    SETTINGS = "settings of its indices"
    RETENTION = "retention by Index State Management"
    ROLES = "roles of its own security"
    HEALTH = "shards, blocks and limits that can be looked at"
    DASHBOARDS = "OpenSearch Dashboards"
    SEARCH = "searches in OpenSearch's query language"
    REPLACING = "documents that can be replaced"


@dataclass(frozen=True, slots=True)
class Element:
    """Who has a part. A text says what there is instead, or what follows; an empty one says that it is there.

    Attributes:
        since: the first version of OpenSearch that has it.
        before: of earlier versions.
        serverless: of a collection of OpenSearch Serverless.
        optimized: of a domain with the Optimized engine.
    """

    since: Version = OLDEST_VERSION
    before: str = ""
    serverless: str = ""
    optimized: str = ""


# Of a collection: Amazon OpenSearch Serverless, "Supported operations and plugins". Of the Optimized engine:
# Amazon OpenSearch Service Developer Guide, "Optimized for log analytics", its features and its limitations.
TABLE: Final[Mapping[Part, Element]] = {
    Part.VERSION: Element(serverless="a collection has no version to show"),
    Part.MATCH_ONLY_TEXT: Element(
        since=(2, 12),
        before="@message and @unparsed are text without frequencies, the nearest that it has",
        serverless="@message and @unparsed are text without frequencies",
    ),
    Part.SETTINGS: Element(serverless="a collection decides about shards, copies and refreshing itself"),
    Part.RETENTION: Element(serverless="a collection has data lifecycle policies instead"),
    Part.ROLES: Element(serverless="a collection has data access policies instead"),
    Part.HEALTH: Element(serverless="a collection looks after that itself"),
    Part.DASHBOARDS: Element(
        optimized="the Optimized engine has no OpenSearch Dashboards, and no sign-in by Cognito: "
        "OpenSearch UI shows its data"
    ),
    Part.SEARCH: Element(
        optimized="the Optimized engine answers PPL and SQL only, so flowlogs report, verify and reparse "
        "cannot ask it"
    ),
    Part.REPLACING: Element(
        optimized="the Optimized engine deletes and replaces no documents, so a line that was parsed wrongly "
        "stays so"
    ),
}


@dataclass(frozen=True, slots=True)
class Engine:
    """What a cluster is.

    Attributes:
        version: to take it for; the oldest where it hides its version.
        kind: of engine.
        shown: what it says of itself.
    """

    version: Version
    kind: Kind = Kind.GENERAL
    shown: str = ""

    def lacks(self, part: Part) -> str:
        """Return what there is instead of a part, or what follows from its lack; empty where it is there."""
        element = TABLE[part]
        match self.kind:
            case Kind.SERVERLESS:
                return element.serverless
            case Kind.OPTIMIZED if element.optimized:
                return element.optimized
        return "" if self.version >= element.since else element.before

    def has(self, part: Part) -> bool:
        """Tell whether there is a part."""
        return not self.lacks(part)

    def list_missing(self) -> dict[Part, str]:
        """Return each part that is missing, with what there is instead or what follows."""
        return {part: text for part in TABLE if (text := self.lacks(part))}

    @property
    def refusal(self) -> str:
        """Why it cannot be used at all, as a sentence; empty where it can be used."""
        if self.kind is Kind.GENERAL and self.version < OLDEST_VERSION:
            oldest = ".".join(map(str, OLDEST_VERSION))
            return f"OpenSearch {self.shown} is too old: {oldest} is the oldest version that can be used"
        return ""


NEWEST: Final = Engine(NEWEST_VERSION)
OLDEST: Final = Engine(OLDEST_VERSION)
SERVERLESS: Final = Engine(OLDEST_VERSION, Kind.SERVERLESS)
