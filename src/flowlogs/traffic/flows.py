"""What one interface sees: connections of its clients and its own, pings, and probes by scanners."""

from random import Random
from typing import Final

from flowlogs.traffic.network import (
    SAME_VPC,
    VIRTUAL_PRIVATE_GATEWAY,
    Endpoint,
    Interface,
    Network,
    Pair,
    pick,
)

Values = dict[str, object]
"""A record's values by field name; an absent field is left out."""

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
SYN, SYN_ACK, FIN = 2, 18, 1

IPV6: Final = 0.083
PING: Final = 0.03
MISCONFIGURED: Final = 0.004
"""Share of ordinary connections that a security group refuses."""
PROBE_ANSWERED: Final = 0.05
SERVING: Final = 0.55
"""Share of connections that others opened."""
FROM_INTERNET: Final = 0.8
OTHER_VPC: Final = 0.1
ELEPHANT: Final = 1 / 8_000
"""Share of connections that move gigabytes within a window."""

DNS, HTTPS, NTP = 53, 443, 123
PROBED: Final = (22, 23, 3389, 445, 22, 23, 8080, 5900, 6379, 1433, 25, 80, 443, 8443, 2375, 27017)
"""Ports that scanners ask for, the favourites more than once; a third of the probes goes anywhere."""
ANYWHERE: Final = 0.35
RESOLVERS: Final = Pair(
    Endpoint("10.200.0.53", path=VIRTUAL_PRIVATE_GATEWAY),
    Endpoint("2001:db8:c8::35", path=VIRTUAL_PRIVATE_GATEWAY),
)
CLOCKS: Final = Pair(
    Endpoint("10.200.0.123", path=VIRTUAL_PRIVATE_GATEWAY),
    Endpoint("2001:db8:c8::7b", path=VIRTUAL_PRIVATE_GATEWAY),
)
"""On premises: flow logs leave out traffic to Amazon's own name and time servers."""


class Flows:
    """Draws flows, one after the other, out of one source of random numbers."""

    def __init__(self, random: Random, network: Network) -> None:
        self._random = random
        self._network = network

    def draw(self, interface: Interface) -> Values:
        """Draw one flow: all of a record's values that do not depend on the clock."""
        random = self._random.random
        ipv6 = random() < IPV6 and not interface.translates
        if random() < interface.probed:
            return self._probe(interface, ipv6=ipv6)
        if random() < PING and not interface.translates:
            return self._ping(interface, ipv6=ipv6)
        return self._converse(interface, ipv6=ipv6)

    def _probe(self, interface: Interface, *, ipv6: bool) -> Values:
        """Let a scanner try a port: a packet or two, hardly ever let in."""
        random = self._random
        packets = 1 + int(random.random() * 3)
        port = random.randrange(1, 65_536) if random.random() < ANYWHERE else pick(random, PROBED)
        return {
            "srcport": random.randrange(1_024, 65_536),
            "dstport": port,
            "protocol": TCP,
            "packets": packets,
            "bytes": packets * (60 if ipv6 else 40),
            "action": "ACCEPT" if random.random() < PROBE_ANSWERED else "REJECT",
            "tcp-flags": SYN,
        } | _name_ends(interface, pick(random, self._network.scanners, 3), ipv6=ipv6, ingress=True)

    def _ping(self, interface: Interface, *, ipv6: bool) -> Values:
        random = self._random
        packets = 1 + int(random.expovariate(0.1))
        ingress = bool(random.getrandbits(1))
        return {
            "srcport": 0,
            "dstport": 0,
            "protocol": ICMP6 if ipv6 else ICMP,
            "packets": packets,
            "bytes": packets * 84,
            "action": "ACCEPT",
            "tcp-flags": 0,
        } | _name_ends(interface, self._neighbour(interface), ipv6=ipv6, ingress=ingress)

    def _converse(self, interface: Interface, *, ipv6: bool) -> Values:
        """Draw one direction of a connection; the interface is its server or its client."""
        random = self._random
        serving = random.random() < SERVING
        port = pick(random, interface.role.serves if serving else interface.role.calls)
        outgoing = interface.translates or not serving
        peer = self._server(interface, port) if outgoing else self._client(interface)
        ingress = bool(random.getrandbits(1))
        request = ingress == serving
        ephemeral = 32_768 + int(random.random() * 28_232)
        datagram = port in {DNS, NTP}
        ends = _name_ends(interface, peer, ipv6=ipv6, ingress=ingress)
        if interface.translates and serving:
            ends = self._hide(ends, interface, ingress=ingress)
        refused = request and random.random() < MISCONFIGURED
        packets, size = (1, 60) if refused else self._measure(datagram=datagram, request=request)
        opening = SYN if request else SYN_ACK
        flags = SYN if refused else pick(random, (opening, opening | FIN, FIN, 0))
        return {
            "srcport": ephemeral if request else port,
            "dstport": port if request else ephemeral,
            "protocol": UDP if datagram else TCP,
            "packets": packets,
            "bytes": size,
            "action": "REJECT" if refused else "ACCEPT",
            "tcp-flags": 0 if datagram else flags,
        } | ends

    def _measure(self, *, datagram: bool, request: bool) -> tuple[int, int]:
        """Draw packets and bytes: many small, few large, hardly any enormous."""
        random = self._random
        if datagram:
            packets = 1 + int(random.random() * 3)
            return packets, packets * (60 + int(random.random() * (40 if request else 300)))
        if random.random() < ELEPHANT:
            packets = int(random.lognormvariate(15.2, 0.5))
            return packets, packets * 1_400
        packets = 1 + int(random.lognormvariate(2.2, 1.5))
        return packets, packets * (52 + int(random.random() * (200 if request else 1_300)))

    def _neighbour(self, interface: Interface) -> Pair:
        residents = self._network.residents[interface.vpc]
        while (found := pick(self._random, residents, 2)) is interface.own:
            pass
        return found

    def _client(self, interface: Interface) -> Pair:
        random = self._random
        if interface.role.public and random.random() < FROM_INTERNET:
            return pick(random, self._network.clients, 4)
        return self._neighbour(interface)

    def _server(self, interface: Interface, port: int) -> Pair:
        random = self._random
        if port == DNS:
            return RESOLVERS
        if port == NTP:
            return CLOCKS
        if port == HTTPS or interface.translates:
            return pick(random, self._network.services, 2)
        if random.random() < OTHER_VPC:
            return pick(random, self._network.peered[interface.vpc], 2)
        return self._neighbour(interface)

    def _hide(self, ends: Values, interface: Interface, *, ingress: bool) -> Values:
        """Turn what a NAT gateway sees of the host outside into what it sees of the instance inside.

        The packet is between instance and host; the record shows the gateway's address for the host.
        """
        instance, gateway = self._neighbour(interface).ipv4.address, interface.own.ipv4.address
        if ingress:
            return ends | {
                "srcaddr": instance,
                "pkt-srcaddr": instance,
                "pkt-src-aws-service": "-",
                "pkt-dstaddr": ends["srcaddr"],
                "pkt-dst-aws-service": ends["pkt-src-aws-service"],
            }
        return ends | {
            "srcaddr": gateway,
            "dstaddr": instance,
            "pkt-srcaddr": ends["dstaddr"],
            "pkt-src-aws-service": ends["pkt-dst-aws-service"],
            "pkt-dstaddr": instance,
            "pkt-dst-aws-service": "-",
            "traffic-path": SAME_VPC,
        }


def _name_ends(interface: Interface, peer: Pair, *, ipv6: bool, ingress: bool) -> Values:
    """Say between whom, as the interface sees it."""
    near, far = interface.own[ipv6], peer[ipv6]
    source, destination = (far, near) if ingress else (near, far)
    return {
        "srcaddr": source.address,
        "dstaddr": destination.address,
        "type": "IPv6" if ipv6 else "IPv4",
        "pkt-srcaddr": source.address,
        "pkt-dstaddr": destination.address,
        "pkt-src-aws-service": source.service,
        "pkt-dst-aws-service": destination.service,
        "flow-direction": "ingress" if ingress else "egress",
        "traffic-path": "-" if ingress else destination.path,
    }
