"""Which parameters do not go together, where the template's rules cannot say so: no I/O, one sentence each.

Rules compare texts for equality. They can neither count, nor compare numbers, nor look into a text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

Choices = Mapping[str, str]

MOST_GIBIBYTES: Final = {"t3.small.search": 100, "t3.medium.search": 200}
"""The largest volume of a node, of the types whose limit is below that of the parameter.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html
"""

_OPTIMIZED: Final = re.compile("o[a-z][0-9]")
_GRAVITON: Final = re.compile("[a-z]+[0-9]+g[a-z]*[.]")
"""How the types begin of AWS's own processors: r7g, c6g, r6gd, im4gn."""

TAG_FIELDS: Final = {
    "instance-tag": ("InstanceTagKeys", 1),
    "instance-tag-2": ("InstanceTagKeys", 2),
    "interface-tag": ("InterfaceTagKeys", 1),
    "interface-tag-2": ("InterfaceTagKeys", 2),
    "asg-tag": ("GroupTagKeys", 1),
    "asg-tag-2": ("GroupTagKeys", 2),
}
"""By a field of a flow log: the parameter that names its tag, and how many keys that must have."""


def find_contradictions(choices: Choices) -> list[str]:
    """Return why parameters do not go together; an empty list where they do.

    Args:
        choices: by the names of the parameters, as texts. `DomainName` is empty where no domain is made,
            `LogFormat` where no flow log is. What is missing counts as empty.
    """
    found = [*_find_tags(choices), *_find_days(choices)]
    if choices.get("DomainName"):
        found += [*_find_volume(choices), *_find_zones(choices), *_find_masters(choices)]
    return found


def _find_tags(choices: Choices) -> Iterator[str]:
    """Hold that each field of a tag has a tag: without it EC2 makes no flow log."""
    fields = [each.strip("${}") for each in choices.get("LogFormat", "").split()]
    for field, (parameter, least) in TAG_FIELDS.items():
        keys = [each for each in choices.get(parameter, "").split(",") if each]
        if field in fields and len(keys) < least:
            which = "a tag" if least == 1 else "a second tag"
            yield f"LogFormat has ${{{field}}}, which shows {which}: name its key in {parameter}."


def _find_days(choices: Choices) -> Iterator[str]:
    """Hold that an index becomes warm before it is deleted."""
    warm, kept = (int(choices.get(name) or 0) for name in ("WarmAfterDays", "RetentionDays"))
    if warm and 0 < kept <= warm:
        yield f"WarmAfterDays is {warm} and RetentionDays {kept}: no index would become warm."


def _find_volume(choices: Choices) -> Iterator[str]:
    """Hold that the type of the nodes takes such a volume."""
    kind, size = choices.get("InstanceType", ""), int(choices.get("VolumeSize") or 0)
    most = MOST_GIBIBYTES.get(kind, size)
    if size > most:
        yield f"VolumeSize is {size} GiB, and a node of type {kind} takes {most} at the most."


def _find_zones(choices: Choices) -> Iterator[str]:
    """Hold that nodes and subnets fit the zones."""
    nodes, zones = int(choices.get("InstanceCount") or 1), count_zones(choices)
    if nodes < zones:
        yield f"{nodes} nodes cannot lie in {zones} Availability Zones: raise InstanceCount."
    elif zones == 2 and nodes % 2:  # noqa: PLR2004  # AWS's words: an even number for a two zone deployment
        yield f"{nodes} nodes cannot lie in 2 Availability Zones, which hold as many each: one more, or less."
    subnets = [each for each in choices.get("DomainSubnetIds", "").split(",") if each]
    if subnets and len(subnets) != zones:
        yield f"DomainSubnetIds has {len(subnets)} subnets, and the nodes lie in {zones} Availability Zones."


def _find_masters(choices: Choices) -> Iterator[str]:
    """Hold that the masters are of a type that goes with that of the nodes."""
    nodes, masters = choices.get("InstanceType", ""), choices.get("DedicatedMasterType", "")
    if masters and is_optimized(nodes) and not _GRAVITON.match(masters):
        yield (
            f"DedicatedMasterType is {masters}, and nodes of type {nodes} take masters with AWS's own"
            " processors (Graviton) only, such as m7g.large.search."
        )


def is_optimized(kind: str) -> bool:
    """Tell whether a type of nodes is one of the OpenSearch optimized (or1, or2, om2, oi2).

    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/or1.html has their limitations.
    """
    return _OPTIMIZED.match(kind) is not None


def count_zones(choices: Choices) -> int:
    """Return in how many Availability Zones the nodes lie: `auto` is one for each, up to three."""
    asked = choices.get("DomainZones") or "auto"
    return min(int(choices.get("InstanceCount") or 1), 3) if asked == "auto" else int(asked)
