"""What two members are to be able to do, whoever wrote their daemons."""

from __future__ import annotations

from segments import demand_ping, ping

from earthline.lab.service import Service, wait_until
from earthline.lab.transfer import random_file, send_file

_SIZE = 1 << 20


def demand_lan(network: str, *members: Service) -> None:
    """Pings and files from each of two members to the other."""
    for here, there in (members, members[::-1]):
        target = there.wait_ip(network)
        demand_ping(here.host, target)
        path = random_file(here.host.directory / "file", _SIZE)
        assert send_file(here.host, there.host, target, path).intact


def demand_direct(network: str, *members: Service) -> None:
    """Each of two members comes to reach the other directly, while pings go to and fro."""
    one, other = members
    addresses, target = (one.address, other.address), other.wait_ip(network)

    def direct() -> bool:
        answered = ping(one.host, target)
        ways = one.direct_path(addresses[1]), other.direct_path(addresses[0])
        return answered and None not in ways

    wait_until("both go direct", direct, timeout_s=90)
