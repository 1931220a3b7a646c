"""Which parameters do not go together, where the template's rules cannot say so: no I/O, one sentence each.

Rules compare texts for equality. They can neither count, nor compare numbers, nor look into a text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

Choices = Mapping[str, str]

_COMPUTE: Final = {
    "large": 256,
    "xlarge": 512,
    "2xlarge": 1024,
    "4xlarge": 1536,
    "8xlarge": 3072,
    "9xlarge": 3584,
    "12xlarge": 4608,
    "16xlarge": 6144,
    "18xlarge": 7168,
}
_GENERAL: Final = {
    "medium": 512,
    "large": 768,
    "xlarge": 2048,
    "2xlarge": 3072,
    "4xlarge": 6144,
    "8xlarge": 12288,
}
_MEMORY: Final = {"medium": 768, "large": 1536, "xlarge": 3072, "2xlarge": 6144, "4xlarge": 12288}

_MEMORY_BEFORE: Final = {**_MEMORY, "large": 2048}
_GENERAL_BEFORE: Final = {**_GENERAL, "large": 1024}

MOST_GIBIBYTES: Final[Mapping[str, Mapping[str, int]]] = {
    "t3": {"small": 100, "medium": 200},
    **dict.fromkeys(("c5", "c6g", "c7g", "c7i", "c8g"), _COMPUTE),
    **dict.fromkeys(("m5", "m6g"), _GENERAL_BEFORE),
    **dict.fromkeys(("m7g", "m7i", "m8g", "om2"), _GENERAL),
    **dict.fromkeys(("r5", "r6g"), _MEMORY_BEFORE),
    **dict.fromkeys(("r7g", "r7i", "r8g", "or1", "or2"), _MEMORY),
}
"""The largest gp3 volume of a node, by family and size, where it is below that of the parameter.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html has it under "EBS volume size
quotas", as known in 2026; 1,532 GiB there and 1.5 TiB are one here. What is not here AWS judges.
"""

LEAST_OPTIMIZED: Final = 20
"""GiB; the smallest volume of OpenSearch optimized nodes, by the same table. All others take 10."""

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
        keys = split_list(choices.get(parameter, ""))
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
    family, _, rest = kind.partition(".")
    most = MOST_GIBIBYTES.get(family, {}).get(rest.removesuffix(".search"), size)
    if size > most:
        yield f"VolumeSize is {size} GiB, and a node of type {kind} takes {most} at the most."
    elif family in MOST_GIBIBYTES and is_optimized(kind) and 0 < size < LEAST_OPTIMIZED:
        yield f"VolumeSize is {size} GiB, and a node of type {kind} takes {LEAST_OPTIMIZED} at the least."


def _find_zones(choices: Choices) -> Iterator[str]:
    """Hold that nodes and subnets fit the zones."""
    nodes, zones = int(choices.get("InstanceCount") or 1), count_zones(choices)
    if nodes < zones:
        yield f"{nodes} nodes cannot lie in {zones} Availability Zones: raise InstanceCount."
    elif zones == 2 and nodes % 2:  # noqa: PLR2004  # AWS's words: an even number for a two zone deployment
        yield f"{nodes} nodes cannot lie in 2 Availability Zones, which hold as many each: one more, or less."
    subnets = split_list(choices.get("DomainSubnetIds", ""))
    if subnets and len(subnets) != zones:
        yield f"DomainSubnetIds has {len(subnets)} subnets, and the nodes lie in {zones} Availability Zones."
    if twice := sorted({each for each in subnets if subnets.count(each) > 1}):
        yield f"DomainSubnetIds has {', '.join(twice)} twice: name one subnet in each Availability Zone."


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


def split_list(text: str) -> list[str]:
    """Return what a parameter names that is a list with commas in between."""
    return [each for each in text.split(",") if each]


def count_zones(choices: Choices) -> int:
    """Return in how many Availability Zones the nodes lie: `auto` is one for each, up to three."""
    asked = choices.get("DomainZones") or "auto"
    return min(int(choices.get("InstanceCount") or 1), 3) if asked == "auto" else int(asked)
