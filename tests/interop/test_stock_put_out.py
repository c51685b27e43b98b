"""A stock member and ours, one of which is put out while not everybody is there to hear of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import stock
from cutting import demand_cut
from segments import demand_ping, make_network, pool
from stock import StockService

from earthline.lab import Lab, NatKind
from earthline.lab.service import Service, wait_until
from earthline.lab.watch import Ping

pytestmark = [
    pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock binary"),
    pytest.mark.timeout(240),
]


@dataclass(frozen=True)
class Office:
    """Our controller beside our root, our member, and theirs."""

    controller: Service
    ours: Service
    theirs: StockService

    def join(self, net: str, *bystanders: Service) -> str:
        """A private network that both members are on, and on which all have talked to each other.

        A controller that is a member itself would hear of what it says, and pass it on.
        """
        body = pool(f"{net}.0/24", f"{net}.10", f"{net}.99", private=True)
        network = make_network(self.controller, body)
        members = (*bystanders, self.ours, self.theirs)
        for member in members:
            member.join(network)
            self.controller.authorize(network, member.address)
        # A stock node is slow to ask a controller that was restarted.
        self.theirs.wait_ip(network, timeout_s=90)
        for source in members:
            for target in members:
                if source is not target:
                    demand_ping(source.host, target.wait_ip(network))
        return network


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with Lab() as lab:
        root = Service(lab.host("root"))
        root.start()
        planet = root.found_planet()
        home = lab.router("home", NatKind.PORT_RESTRICTED, "192.168.1.0/24")
        away = lab.router("office", NatKind.FULL_CONE, "10.20.0.0/24")
        controller, ours = Service(lab.host("controller")), Service(home.host("ours"))
        theirs = StockService(away.host("theirs"))
        for service in (controller, ours, theirs):
            service.start(planet.data)
            service.wait_online()
        yield Office(controller, ours, theirs)


@pytest.mark.parametrize(("leaver", "net"), [("ours", "10.88.0"), ("theirs", "10.89.0")])
def test_member_is_out_at_once_after_a_restart_of_our_controller(
    office: Office, leaver: str, net: str
) -> None:
    network = office.join(net)
    out, other = (office.ours, office.theirs) if leaver == "ours" else (office.theirs, office.ours)
    office.controller.stop()
    office.controller.start()
    office.controller.wait_online()
    demand_cut(office.controller, network, out.address, other.host, out.wait_ip(network))


@pytest.mark.parametrize(("leaver", "net"), [("ours", "10.90.0"), ("theirs", "10.91.0")])
def test_member_that_was_away_refuses_who_was_put_out_meanwhile(
    office: Office, leaver: str, net: str
) -> None:
    network = office.join(net, office.controller)
    out, other = (office.ours, office.theirs) if leaver == "ours" else (office.theirs, office.ours)
    target, bystander = out.wait_ip(network), office.controller.wait_ip(network)
    other.stop()
    path = f"/controller/network/{network}/member/{out.address}"
    office.controller.request("POST", path, {"authorized": False})
    other.start()
    other.wait_online()
    demand_ping(other.host, bystander)
    wait_until("it was configured", lambda: other.network(network)["status"] == "OK")
    ping = Ping(other.host, target)
    wait_until("it is cut", lambda: ping.silent(8), timeout_s=40)
    demand_ping(other.host, bystander)
    ping.stop()
