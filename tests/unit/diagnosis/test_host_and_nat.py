"""The host, its NAT, its networks and peers: one case for each finding."""

from __future__ import annotations

import pytest
from seen import HEALTHY, bad, blamed, end, found, nat, network, root, seen

from earthline.diagnosis.finding import Severity
from earthline.diagnosis.judge import report
from earthline.diagnosis.peers import words
from earthline.diagnosis.snapshot import (
    ClockSight,
    InterfaceSight,
    PathSight,
    PeerSight,
    PortMapping,
    Tunnel,
)
from earthline.vl1.reasons import Reason, State
from earthline.vl1.surface.nat import Filtering, Mapping
from earthline.vl2.ground.network import NetworkStatus


def offsets(*seconds):
    return tuple(ClockSight(f"a00000000{n}", s * 1_000) for n, s in enumerate(seconds, 1))


@pytest.mark.parametrize(
    ("clocks", "expected"),
    [
        (offsets(0, 1), "clock_agrees"),
        (offsets(0, 1, 3_600), "clock_agrees"),
        (offsets(3_600, 3_601), "clock_wrong"),
        (offsets(-3_600, -3_601, 0), "clock_wrong"),
        (offsets(3_600), "clocks_differ"),
        ((), "clock_unknown"),
    ],
)
def test_clock_is_wrong_where_two_others_agree(clocks, expected):
    found(seen(clocks=clocks), expected)


def test_clock_finding_says_in_which_direction():
    assert "60 min behind" in found(seen(clocks=offsets(3_600, 3_601)), "clock_wrong").seen
    assert "60 s ahead of" in found(seen(clocks=offsets(-60, -60)), "clock_wrong").seen


def test_lost_large_datagrams_are_told_from_fragmented_ones():
    lost = root()
    lost = lost.__class__(lost.address, lost.endpoints, largest=1232, asked_size=1432)
    assert bad(seen(roots=(lost,))) == ["large_datagrams_lost"]
    assert "up to 1232" in found(seen(roots=(lost,)), "large_datagrams_lost").seen
    cut = root(end(kernel_mtu=1400))
    assert found(seen(roots=(cut,)), "datagrams_fragmented").severity is Severity.NOTE
    whole = root(end(kernel_mtu=1500))
    assert found(seen(roots=(whole,)), "datagrams_pass").severity is Severity.OK


def test_ipv6_headers_count_for_fragments_as_well():
    narrow = root(end(address="2001:db8::1/9993", kernel_mtu=1470))
    assert found(seen(roots=(narrow,)), "datagrams_fragmented")


def test_sizes_that_were_found_are_listed_and_narrow_ways_have_a_word():
    jumbo = PathSight("b000000001", "10.0.0.2/9993", 8_972)
    ethernet = PathSight("b000000002", "2001:db8::1/9993", 1_452)
    pppoe = PathSight("b000000003", "87.0.0.1/9993", 1_464)
    finding = found(seen(paths=(jumbo, ethernet, pppoe)), "path_mtu_found")
    assert finding.severity is Severity.OK
    assert "8972 to b000000001 at 10.0.0.2/9993" in finding.seen
    assert finding.subjects == ("b000000001", "b000000002")
    narrow = found(seen(paths=(jumbo, ethernet, pppoe)), "path_narrow")
    assert narrow.severity is Severity.NOTE
    assert narrow.subjects == ("b000000003",)
    assert "1464 to b000000003" in narrow.seen
    assert "mssClamp" in narrow.do
    assert bad(seen(paths=(pppoe,))) == []


def test_many_narrow_ways_are_named_in_part():
    paths = tuple(PathSight(f"b{n:09x}", "87.0.0.1/9993", 1_432) for n in range(30))
    finding = found(seen(paths=paths), "path_narrow")
    assert len(finding.subjects) == 30
    assert "and 10 more" in finding.seen


def test_full_connection_tracker_is_a_warning():
    assert bad(seen(tracked=(60_000, 65_536))) == ["tracker_full"]
    assert bad(seen(tracked=None)) == []


def test_running_node_without_sockets_is_a_fault():
    assert blamed(seen(bound=())) == "no_socket"


def test_unused_interfaces_and_addresses_are_listed_with_why():
    snapshot = seen(
        interfaces=(
            InterfaceSight("eth0", ("10.0.0.5",), ("fe80::1 (link-local)",)),
            InterfaceSight("docker0", (), (), "it is down"),
        )
    )
    assert "docker0: it is down" in found(snapshot, "interfaces_unused").seen
    assert "fe80::1 (link-local)" in found(snapshot, "addresses_unused").seen
    assert blamed(snapshot) == "all_well"


@pytest.mark.parametrize(
    ("known", "expected", "severity"),
    [
        (nat(Mapping.NONE), "nat_none", Severity.OK),
        (nat(Mapping.INDEPENDENT), "nat_independent", Severity.OK),
        (nat(Mapping.SEQUENTIAL, stride=1), "nat_symmetric_sequential", Severity.NOTE),
        (nat(Mapping.RANDOM), "nat_symmetric", Severity.WARNING),
        (nat(Mapping.UNKNOWN, reporters=1), "nat_unknown", Severity.NOTE),
    ],
)
def test_each_kind_of_nat_has_its_finding(known, expected, severity):
    assert found(seen(nat=known), expected).severity is severity


def test_filtering_and_hairpin_are_said_where_known():
    known = nat(filtering=Filtering.RESTRICTED, hairpin=False)
    assert "only packets from addresses and ports" in found(seen(nat=known), "nat_filtering").seen
    assert found(seen(nat=known), "hairpin").seen.startswith("The NAT does not support hairpinning")
    assert not {"nat_filtering", "hairpin"} & {f["id"] for f in report(HEALTHY)["findings"]}


def test_mapped_port_makes_up_for_a_symmetric_nat():
    mapping = PortMapping(True, "upnp", "87.1.0.9/30000", 30000)
    snapshot = seen(nat=nat(Mapping.RANDOM), port_mapping=mapping)
    assert bad(snapshot) == []
    assert "87.1.0.9/30000" in found(snapshot, "port_mapped").seen


def test_missing_port_mapping_says_what_was_tried():
    mapping = PortMapping(True, tried=("upnp at 10.0.0.1: it does not answer",))
    assert "upnp at 10.0.0.1" in found(seen(port_mapping=mapping), "port_mapping_unavailable").seen
    assert found(seen(port_mapping=PortMapping(False)), "port_mapping_off")
    open_node = seen(nat=nat(Mapping.NONE), port_mapping=mapping)
    assert "port_mapping_unavailable" not in {f["id"] for f in report(open_node)["findings"]}
    own_root = seen(port_mapping=mapping, is_root=True)
    assert "port_mapping_unavailable" not in {f["id"] for f in report(own_root)["findings"]}


def test_server_with_a_public_address_hears_nothing_of_port_mapping():
    """Before anybody has said where it is seen, too."""
    mapping = PortMapping(True, tried=("upnp at 10.0.0.1: it does not answer",))
    public = (InterfaceSight("eth0", ("80.1.0.7",)),)
    shown = seen(port_mapping=mapping, nat=None, interfaces=public)
    assert "port_mapping_unavailable" not in {f["id"] for f in report(shown)["findings"]}


def test_tunnel_that_fails_is_a_warning():
    assert bad(seen(tunnel=Tunnel(True, failure="it refuses TLS"))) == ["tunnel_failed"]
    assert found(seen(tunnel=Tunnel(True, connected_to="80.9.0.1/443")), "tunnel_up")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (network(NetworkStatus.ACCESS_DENIED), "not_authorised"),
        (network(NetworkStatus.NOT_FOUND), "network_not_found"),
        (network(NetworkStatus.PORT_ERROR, port_error="no tun"), "tap_failed"),
        (network(NetworkStatus.AUTHENTICATION_REQUIRED), "login_required"),
        (network(NetworkStatus.CLIENT_TOO_OLD), "client_too_old"),
        (network(NetworkStatus.REQUESTING_CONFIGURATION), "controller_silent"),
        (
            network(NetworkStatus.REQUESTING_CONFIGURATION, controller_state=None),
            "controller_unreachable",
        ),
        (
            network(
                NetworkStatus.REQUESTING_CONFIGURATION,
                controller_state=State.UNREACHABLE,
                controller_reason=Reason.SILENT,
            ),
            "controller_unreachable",
        ),
        (
            network(controller_state=State.UNREACHABLE, controller_reason=Reason.SILENT),
            "controller_unreachable",
        ),
        (network(NetworkStatus.REQUESTING_CONFIGURATION, own=True), "network_not_found"),
    ],
)
def test_each_state_of_a_network_has_its_cause(state, expected):
    assert bad(seen(networks=(state,))) == [expected]


def test_denied_member_is_told_the_command_for_the_controller():
    denied = seen(networks=(network(NetworkStatus.ACCESS_DENIED),))
    assert "earthline member authorize 1122334455000001 0a1b2c3d4e" in (
        found(denied, "not_authorised").do
    )


def test_faults_come_before_what_follows_from_them():
    snapshot = seen(
        networks=(network(NetworkStatus.ACCESS_DENIED),),
        nat=nat(Mapping.RANDOM),
        peers=(PeerSight("b000000001", State.RELAYED, Reason.OUR_NAT),),
    )
    assert bad(snapshot) == ["not_authorised", "nat_symmetric", "peer_our_nat"]


def test_peers_are_grouped_by_reason_and_bounded():
    peers = [PeerSight(f"b{n:09x}", State.RELAYED, Reason.BOTH_SYMMETRIC) for n in range(30)]
    peers.append(PeerSight("c000000001", State.DIRECT, Reason.NONE))
    finding = found(seen(peers=tuple(peers)), "peer_both_symmetric")
    assert len(finding.subjects) == 30
    assert "and 10 more" in finding.seen


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason):
    explanation, _ = words(State.RELAYED, reason)
    assert explanation.startswith("Relayed through a root")
    assert explanation.endswith(".")


def test_peer_that_does_not_answer_is_named_with_where_it_was_tried():
    places = [f"80.1.0.{n}/9993" for n in range(5)]
    explanation, _ = words(State.UNREACHABLE, Reason.UDP_BLOCKED, places)
    assert explanation.endswith("(tried: 80.1.0.0/9993, 80.1.0.1/9993, 80.1.0.2/9993 and 2 more).")


def test_report_is_plain_json():
    made = report(seen(nat=nat(Mapping.RANDOM)))
    assert (made["running"], made["cause"]) == (True, "nat_symmetric")
    assert set(made["findings"][0]) == {*("id", "severity", "seen", "do", "subjects", "evidence")}
    assert made["findings"][0]["severity"] == "warning"
