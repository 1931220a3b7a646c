"""Parameters that cannot work together are refused with one sentence, and all others are not."""

import pytest

from handler.checking.choices import find_contradictions

DOMAIN = {"DomainName": "flowlogs", "InstanceCount": "1", "DomainZones": "auto"}
TAGGED = "${version} ${instance-tag} ${instance-tag-2}"


@pytest.mark.parametrize(
    "choices",
    [
        pytest.param({}, id="nothing is chosen"),
        pytest.param({"LogFormat": TAGGED, "InstanceTagKeys": "Name,Team"}, id="two tags, two keys"),
        pytest.param({"LogFormat": "${version} ${interface-tag}", "InterfaceTagKeys": "Name"}, id="one tag"),
        pytest.param({"LogFormat": "${version}", "GroupTagKeys": "Name"}, id="a key that no field shows"),
        pytest.param({"WarmAfterDays": "7", "RetentionDays": "30"}, id="warm, then deleted"),
        pytest.param({"WarmAfterDays": "7", "RetentionDays": "0"}, id="warm for ever"),
        pytest.param({"InstanceType": "t3.small.search", "VolumeSize": "500"}, id="no domain is made"),
        *(
            pytest.param(
                {**DOMAIN, "InstanceType": f"{kind}.search", "VolumeSize": size}, id=f"{kind}, {size}"
            )
            for kind, size in (
                ("t3.small", "10"),
                ("t3.small", "100"),
                ("t3.medium", "200"),
                ("c6g.2xlarge", "1024"),
                ("m6g.large", "1024"),
                ("m7g.large", "768"),
                ("r6g.large", "2048"),
                ("r7g.large", "1536"),
                ("r7g.12xlarge", "16384"),
                ("or1.medium", "768"),
                ("or2.large", "20"),
                ("om2.large", "768"),
                ("x9.large", "16384"),
                ("i4i.large", "16384"),
            )
        ),
        pytest.param({**DOMAIN, "InstanceCount": "4", "DomainZones": "2"}, id="four nodes in two zones"),
        pytest.param({**DOMAIN, "InstanceCount": "3", "DomainZones": "1"}, id="three nodes in one zone"),
        *(
            pytest.param(
                {**DOMAIN, "InstanceType": nodes, "DedicatedMasterType": masters}, id=f"{nodes}, {masters}"
            )
            for nodes, masters in (
                ("or1.large.search", ""),
                ("or1.large.search", "m7g.large.search"),
                ("om2.large.search", "r6gd.large.search"),
                ("r7g.large.search", "m5.large.search"),
            )
        ),
        pytest.param({**DOMAIN, "InstanceCount": "4"}, id="four nodes in three zones"),
        pytest.param(
            {**DOMAIN, "InstanceCount": "6", "DomainSubnetIds": "subnet-1,subnet-2,subnet-3"}, id="6"
        ),
        pytest.param({**DOMAIN, "DomainSubnetIds": "subnet-1"}, id="one node in one subnet"),
    ],
)
def test_what_works_is_not_refused(choices: dict[str, str]) -> None:
    assert find_contradictions(choices) == []


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        pytest.param(
            {"LogFormat": "${version} ${interface-tag}"},
            "LogFormat has ${interface-tag}, which shows a tag: name its key in InterfaceTagKeys.",
            id="a tag without a key",
        ),
        pytest.param(
            {"LogFormat": TAGGED, "InstanceTagKeys": "Name"},
            "LogFormat has ${instance-tag-2}, which shows a second tag: name its key in InstanceTagKeys.",
            id="a second tag without a key",
        ),
        pytest.param(
            {"LogFormat": "${asg-tag}", "InstanceTagKeys": "Name"},
            "LogFormat has ${asg-tag}, which shows a tag: name its key in GroupTagKeys.",
            id="a key for another kind",
        ),
        pytest.param(
            {"WarmAfterDays": "30", "RetentionDays": "30"},
            "WarmAfterDays is 30 and RetentionDays 30: no index would become warm.",
            id="deleted before it is warm",
        ),
        *(
            pytest.param(
                {**DOMAIN, "InstanceType": f"{kind}.search", "VolumeSize": str(size)},
                f"VolumeSize is {size} GiB, and a node of type {kind}.search takes {bound}.",
                id=f"{kind}, {size}",
            )
            for kind, size, bound in (
                ("t3.small", 101, "100 at the most"),
                ("t3.medium", 201, "200 at the most"),
                ("c7g.large", 257, "256 at the most"),
                ("m5.large", 1025, "1024 at the most"),
                ("m8g.large", 769, "768 at the most"),
                ("r5.large", 2049, "2048 at the most"),
                ("r8g.4xlarge", 12289, "12288 at the most"),
                ("or1.medium", 769, "768 at the most"),
                ("or1.large", 19, "20 at the least"),
                ("or2.16xlarge", 10, "20 at the least"),
                ("om2.large", 19, "20 at the least"),
            )
        ),
        *(
            pytest.param(
                {**DOMAIN, "InstanceType": nodes, "DedicatedMasterType": masters},
                f"DedicatedMasterType is {masters}, and nodes of type {nodes} take masters with AWS's own"
                " processors (Graviton) only, such as m7g.large.search.",
                id=f"{nodes}, {masters}",
            )
            for nodes, masters in (
                ("or1.large.search", "m5.large.search"),
                ("or2.large.search", "m7i.large.search"),
                ("om2.large.search", "c5.large.search"),
            )
        ),
        pytest.param(
            {**DOMAIN, "InstanceCount": "2", "DomainZones": "3"},
            "2 nodes cannot lie in 3 Availability Zones: raise InstanceCount.",
            id="more zones than nodes",
        ),
        pytest.param(
            {**DOMAIN, "InstanceCount": "3", "DomainZones": "2"},
            "3 nodes cannot lie in 2 Availability Zones, which hold as many each: one more, or less.",
            id="an odd number in two zones",
        ),
        pytest.param(
            {**DOMAIN, "InstanceCount": "3", "DomainSubnetIds": "subnet-1,subnet-2"},
            "DomainSubnetIds has 2 subnets, and the nodes lie in 3 Availability Zones.",
            id="too few subnets",
        ),
        pytest.param(
            {**DOMAIN, "InstanceCount": "3", "DomainSubnetIds": "subnet-2,subnet-1,subnet-2"},
            "DomainSubnetIds has subnet-2 twice: name one subnet in each Availability Zone.",
            id="the same subnet twice",
        ),
    ],
)
def test_what_aws_would_refuse_later_is_refused_with_a_sentence(
    choices: dict[str, str], sentence: str
) -> None:
    assert find_contradictions(choices) == [sentence]
