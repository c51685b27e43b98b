"""Snapshots to judge: a healthy node, and what is changed about it."""

from __future__ import annotations

from dataclasses import replace

from earthline.diagnosis.finding import Severity
from earthline.diagnosis.judge import cause, judge
from earthline.diagnosis.snapshot import (
    ClockSight,
    Endpoint,
    Gateway,
    InterfaceSight,
    NetworkSight,
    RootSight,
    Snapshot,
    Tcp,
    Udp,
)
from earthline.vl1.reasons import Reason, State
from earthline.vl1.surface.nat import Filtering, Mapping, NatReport
from earthline.vl2.ground.network import NetworkStatus
from earthline.wire.inet import InetAddress

ONE, TWO = "80.1.0.1/9993", "80.2.0.1/9993"
NETWORK, CONTROLLER = "1122334455000001", "1122334455"


def end(udp=Udp.ANSWERS, tcp=Tcp.REFUSED, address=ONE, **more):
    return Endpoint(address, udp, tcp, **more)


def root(*ends, address="a000000001", **more):
    return RootSight(address, ends or (end(),), largest=1432, asked_size=1432, **more)


def nat(mapping=Mapping.INDEPENDENT, **more):
    surface = InetAddress.parse("87.1.0.9/9993")
    known = NatReport(mapping, Filtering.UNKNOWN, None, True, 0, 2, (surface,))
    return replace(known, **more)


def network(status=NetworkStatus.OK, **more):
    known = NetworkSight(NETWORK, status, CONTROLLER, False, State.DIRECT, Reason.NONE)
    return replace(known, **more)


HEALTHY = Snapshot(
    running=True,
    home="/home/node",
    own_address="0a1b2c3d4e",
    has_planet=True,
    interfaces=(InterfaceSight("eth0", ("192.168.1.5",)),),
    gateways=(Gateway("192.168.1.1", "eth0", True),),
    ports=(9993,),
    bound=("192.168.1.5/9993",),
    roots=(root(), root(end(address=TWO), address="a000000002")),
    nat=nat(),
    clocks=(ClockSight("a000000001", 12), ClockSight("a000000002", -40)),
    networks=(network(),),
    tracked=(10, 65_536),
)


def seen(**changes):
    return replace(HEALTHY, **changes)


def all_roots(**ends):
    """Every root in the same trouble."""
    return seen(
        roots=(
            root(end(**ends)),
            root(end(address=TWO, **ends), address="a000000002"),
        )
    )


def bad(snapshot):
    """IDs of what is worse than a note, the worst first."""
    return [found.id for found in judge(snapshot) if found.severity >= Severity.WARNING]


def found(snapshot, name):
    return next(finding for finding in judge(snapshot) if finding.id == name)


def blamed(snapshot):
    return cause(judge(snapshot))
