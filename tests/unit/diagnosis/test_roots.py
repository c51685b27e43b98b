"""Why roots are silent: each pattern of answers has one nearest cause."""

from __future__ import annotations

import pytest
from seen import HEALTHY, ONE, TWO, all_roots, bad, blamed, end, found, network, root, seen

from earthline.diagnosis.finding import Severity
from earthline.diagnosis.judge import judge, report
from earthline.diagnosis.snapshot import Gateway, InterfaceSight, Tcp, Tunnel, Udp
from earthline.vl1.reasons import Reason, State
from earthline.vl2.ground.network import NetworkStatus

SILENT = Udp.SILENT


def test_healthy_node_has_nothing_worse_than_ok():
    assert blamed(HEALTHY) == "all_well"
    assert {finding.severity for finding in judge(HEALTHY)} == {Severity.OK}


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({"udp": SILENT, "tcp": Tcp.REFUSED}, "udp_blocked"),
        ({"udp": SILENT, "tcp": Tcp.OPEN, "left": True, "came": False}, "udp_blocked"),
        ({"udp": SILENT, "tcp": Tcp.SILENT}, "roots_unreachable"),
        ({"udp": SILENT, "tcp": Tcp.REFUSED, "left": True, "came": True}, "udp_blocked_here"),
        ({"udp": SILENT, "tcp": Tcp.REFUSED, "left": False, "came": False}, "udp_blocked_here"),
        ({"udp": Udp.UNSENDABLE, "tcp": Tcp.OPEN}, "udp_blocked_here"),
        (
            {"udp": SILENT, "tcp": Tcp.OPEN, "left": True, "came": True, "heard": True},
            "udp_blocked",
        ),
        ({"udp": Udp.REFUSED, "tcp": Tcp.REFUSED, "left": True, "came": False}, "roots_down"),
        ({"udp": Udp.REJECTED, "tcp": Tcp.OPEN, "rejected_by": "10.0.0.1"}, "udp_blocked"),
        ({"udp": Udp.NO_ROUTE, "tcp": Tcp.NO_ROUTE}, "no_route"),
        ({"udp": Udp.UNREACHABLE, "tcp": Tcp.NO_ROUTE, "left": False}, "roots_unreachable"),
    ],
)
def test_silence_of_all_roots_has_the_nearest_cause(ends, expected):
    assert bad(all_roots(**ends)) == [expected]


def test_silence_names_both_ends_the_root_first():
    """TCP that passes says nothing of who drops UDP."""
    for tcp in (Tcp.REFUSED, Tcp.OPEN):
        said = found(all_roots(udp=SILENT, tcp=tcp), "udp_blocked")
        assert ONE in said.seen
        assert TWO in said.seen
        assert "the root's own firewall or cloud security group does not let UDP 9993 in" in (
            said.seen
        )
        assert said.do.index("on the root") < said.do.index("in this network's firewall")
    said = found(all_roots(udp=SILENT, tcp=Tcp.SILENT), "roots_unreachable")
    assert "cloud security group does not let UDP 9993 in" in said.seen
    assert f"root a000000001 at {ONE}: UDP no answer, TCP no answer" in said.evidence[0]


def test_host_that_answers_elsewhere_has_a_mute_service():
    mute = all_roots(udp=SILENT, tcp=Tcp.REFUSED, elsewhere=True)
    assert bad(mute) == ["roots_mute"]
    assert "its service hangs" in found(mute, "roots_mute").seen


@pytest.mark.parametrize("status", [NetworkStatus.OK, NetworkStatus.REQUESTING_CONFIGURATION])
def test_dead_root_has_no_second_finding_as_controller(status):
    down = all_roots(udp=Udp.REFUSED, tcp=Tcp.REFUSED)
    lost = network(
        status,
        controller_state=State.UNREACHABLE,
        controller_reason=Reason.SILENT,
        controller_is_root=True,
    )
    shown = seen(roots=down.roots, networks=(lost,))
    assert bad(shown) == ["roots_down"]
    assert "is a root that does not answer" in found(shown, "controller_unreachable").seen


@pytest.mark.parametrize(
    "out", [{"udp": Udp.UNSENDABLE}, {"udp": SILENT, "left": False}], ids=["refused", "held"]
)
def test_what_a_root_sends_unasked_hides_no_firewall_on_the_way_out(out):
    snapshot = all_roots(tcp=Tcp.OPEN, came=True, **out)
    assert "do not leave this host" in found(snapshot, "udp_blocked_here").seen


def test_rejecting_firewall_is_named():
    snapshot = all_roots(udp=Udp.REJECTED, tcp=Tcp.OPEN, rejected_by="10.0.0.1")
    assert "10.0.0.1 on the path rejects" in found(snapshot, "udp_blocked").seen


def test_one_refusal_shows_that_udp_passes():
    snapshot = seen(
        roots=(
            root(end(Udp.REFUSED)),
            root(end(SILENT, Tcp.OPEN, TWO), address="a000000002"),
        )
    )
    assert blamed(snapshot) == "roots_down"


def test_blocked_udp_is_no_fault_while_the_tunnel_carries_it():
    blocked = all_roots(udp=SILENT, tcp=Tcp.OPEN)
    tunnel = Tunnel(allowed=True, connected_to="80.9.0.1/443")
    tunnelled = seen(roots=blocked.roots, tunnel=tunnel)
    assert found(blocked, "udp_blocked").severity is Severity.FAULT
    assert found(tunnelled, "udp_blocked").severity is Severity.WARNING
    assert "80.9.0.1/443" in found(tunnelled, "udp_blocked").seen


def test_tunnel_is_offered_where_it_is_switched_off():
    blocked = all_roots(udp=SILENT, tcp=Tcp.OPEN)
    off, on = (seen(roots=blocked.roots, tunnel=Tunnel(allowed)) for allowed in (False, True))
    assert "allowTcpFallbackRelay" in found(off, "udp_blocked").do
    assert "allowTcpFallbackRelay" not in found(on, "udp_blocked").do


def test_forced_tunnel_needs_no_socket_but_a_root_that_answers_by_it():
    quiet = root(end(SILENT, Tcp.OPEN), tunnelled=True)
    forced = Tunnel(allowed=True, forced=True, connected_to="80.9.0.1/443")
    assert bad(seen(roots=(quiet,), tunnel=forced, bound=())) == []
    mute = root(end(SILENT, Tcp.OPEN))
    assert bad(seen(roots=(mute,), tunnel=forced, bound=())) == ["tunnel_only"]


def test_mute_gateway_is_the_cause_of_silence():
    quiet = all_roots(udp=SILENT, tcp=Tcp.SILENT)
    gateway = Gateway("192.168.1.1", "eth0", answers=False)
    assert blamed(seen(roots=quiet.roots, gateways=(gateway,))) == "gateway_silent"


def test_mute_gateway_is_no_firewall_although_nothing_leaves():
    quiet = all_roots(udp=SILENT, tcp=Tcp.NO_ROUTE, left=False)
    mute, alive = (Gateway("192.168.1.1", "eth0", answers=answers) for answers in (False, True))
    assert blamed(seen(roots=quiet.roots, gateways=(mute,))) == "gateway_silent"
    assert blamed(seen(roots=quiet.roots, gateways=(mute, alive))) == "udp_blocked_here"


def test_router_that_cannot_reach_the_roots_is_named():
    lost = all_roots(udp=Udp.UNREACHABLE, tcp=Tcp.SILENT, rejected_by="80.9.0.1")
    assert "80.9.0.1 on the path reports" in found(lost, "roots_unreachable").seen


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({"udp": Udp.REFUSED}, "root_down"),
        ({"udp": SILENT, "tcp": Tcp.SILENT}, "root_silent"),
        ({"udp": Udp.UNREACHABLE, "rejected_by": "80.9.0.1"}, "root_silent"),
    ],
)
def test_root_does_not_blame_its_network_for_a_sister_that_is_down(ends, expected):
    snapshot = seen(is_root=True, roots=(root(end(**ends)),))
    assert bad(snapshot) == [expected]
    said = found(snapshot, expected)
    assert said.severity is Severity.WARNING
    assert "others do" not in said.seen
    assert ends.get("rejected_by", "") in said.seen


def test_host_without_usable_interface_is_told_nothing_of_roots():
    unplugged = InterfaceSight("eth0", (), (), "it has no carrier")
    lost = all_roots(udp=Udp.NO_ROUTE, tcp=Tcp.NO_ROUTE)
    snapshot = seen(interfaces=(unplugged,), roots=lost.roots, bound=(), networks=())
    assert bad(snapshot) == ["no_interface"]
    assert "eth0: it has no carrier" in found(snapshot, "no_interface").seen


@pytest.mark.parametrize(
    ("ends", "expected", "severity"),
    [
        ({"udp": Udp.REFUSED}, "root_down", Severity.WARNING),
        ({"udp": SILENT, "tcp": Tcp.OPEN}, "root_silent", Severity.WARNING),
        ({"udp": Udp.NO_ROUTE}, "root_without_route", Severity.NOTE),
    ],
)
def test_one_silent_root_of_two_is_its_own_trouble(ends, expected, severity):
    snapshot = seen(roots=(root(end(**ends)), root(end(address=TWO), address="a000000002")))
    finding = found(snapshot, expected)
    assert (finding.severity, finding.subjects) == (severity, ("a000000001",))
    assert found(snapshot, "root_answers").subjects == ("a000000002",)


def test_root_is_heard_if_any_endpoint_answers():
    snapshot = seen(roots=(root(end(Udp.NO_ROUTE, address="2001:db8::1/9993"), end()),))
    assert bad(snapshot) == []


def test_node_without_planet_hears_of_nothing_else():
    snapshot = seen(has_planet=False, roots=(), nat=None, networks=(), clocks=())
    assert bad(snapshot) == ["no_planet"]
    assert bad(seen(has_planet=False, has_moons=True)) == []


def test_roots_without_endpoints_cannot_be_tried():
    assert blamed(seen(roots=(root(address="a000000001").__class__("a000000001", ()),))) == (
        "roots_without_endpoint"
    )


def outside(udp, **more):
    roots = (root(end(udp, Tcp.REFUSED)), root(end(udp, Tcp.REFUSED, TWO), address="a000000002"))
    changes = {"running": False, "inside": False, "roots": roots, "bound": (), "nat": None}
    return seen(**(changes | {"clocks": (), "networks": ()} | more))


def test_stopped_service_is_the_cause_whatever_else_is_seen():
    assert bad(outside(Udp.UNASKED)) == ["service_not_running"]
    assert ONE in found(outside(Udp.UNASKED), "root_not_asked").seen


def test_stopped_service_of_a_unit_is_started_by_systemd():
    said = found(
        outside(Udp.UNASKED, start_command="systemctl start earthline"), "service_not_running"
    )
    assert said.do == "Start it with `systemctl start earthline`, as root."
    assert "earthline --home" in found(outside(Udp.UNASKED), "service_not_running").do


def test_kernel_knows_of_dead_roots_and_missing_routes_without_a_service():
    assert bad(outside(Udp.REFUSED)) == ["service_not_running", "root_down", "root_down"]
    assert bad(outside(Udp.NO_ROUTE)) == ["service_not_running", "no_route"]
    assert bad(outside(Udp.UNSENDABLE)) == ["service_not_running", "udp_blocked_here"]


def test_what_could_not_be_seen_is_said():
    snapshot = outside(Udp.UNASKED, running=True, unseen=("the token: try as root.",))
    assert found(snapshot, "not_seen").seen == "the token: try as root."
    assert bad(snapshot) == []


def test_deleted_home_of_a_running_service_is_no_stopped_one():
    snapshot = outside(Udp.UNASKED, lost_by=812)
    assert bad(snapshot) == ["home_deleted"]
    assert "(pid 812)" in found(snapshot, "home_deleted").seen


def test_port_of_somebody_else_is_named():
    snapshot = outside(Udp.UNASKED, port_taken=(9993, "zerotier-one (pid 812, UDP)"))
    assert bad(snapshot) == ["service_not_running", "port_taken"]
    assert "9993 is in use by zerotier-one (pid 812, UDP)" in found(snapshot, "port_taken").seen
    assert "--port 9994" in found(snapshot, "port_taken").do


def glanced(*roots, **more):
    return seen(probed=False, roots=roots, **more)


def test_glance_at_silent_roots_claims_no_more_than_silence():
    quiet = root(end(SILENT, Tcp.UNTRIED))
    said = found(glanced(quiet), "roots_not_heard")
    assert said.severity is Severity.FAULT
    assert ONE in said.seen
    assert "earthline doctor" in said.do
    assert bad(glanced(quiet)) == ["roots_not_heard"]
    assert bad(glanced(quiet, age_ms=2_000)) == []
    assert bad(glanced(root(end(tcp=Tcp.UNTRIED)))) == []


def test_glance_tells_a_tunnel_from_an_outage():
    quiet = root(end(SILENT, Tcp.UNTRIED), tunnelled=True)
    assert bad(glanced(quiet)) == ["udp_blocked"]


def test_report_has_the_worst_finding_in_one_line():
    assert report(HEALTHY)["line"] == ""
    quiet = root(end(SILENT, Tcp.UNTRIED))
    assert report(glanced(quiet))["line"] == f"No root answers ({ONE})"
