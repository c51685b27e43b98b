"""What systems configured by files have in common: two hosts, each with a tunnel device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earthline.lab import Host, Lab, LabError, LabProcess
from earthline.lab.service import wait_until
from measures import Pair

DEVICE = "tunnel"
PREFIX = 24


@dataclass(frozen=True, slots=True)
class End:
    """One of the two hosts."""

    host: Host
    ip: str
    """Its address in the virtual network."""

    @property
    def name(self) -> str:
        return self.host.name

    def write(self, name: str, text: str, *, mode: int = 0o600) -> str:
        """Write a file into the folder of the host; its path."""
        path = self.host.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def set_address(self) -> None:
        """Give the tunnel device its address, as soon as the daemon has made it."""
        namespace = self.host.namespace
        wait_until("a tunnel device", lambda: DEVICE in namespace.ip("-o", "link"))
        namespace.ip("address", "add", f"{self.ip}/{PREFIX}", "dev", DEVICE)
        namespace.ip("link", "set", DEVICE, "up")


def ends(lab: Lab) -> tuple[End, End]:
    return End(lab.host("near"), "10.148.0.1"), End(lab.host("far"), "10.148.0.2")


def connected(near: End, far: End, daemons: Sequence[LabProcess]) -> Pair:
    """The pair, once the far end answers a ping; `LabError` if a daemon ended instead."""
    wait_until("a first ping", lambda: _running(daemons) and answers(near.host, far.ip))
    return Pair(near.host, far.host, far.ip, tuple(daemon.pid for daemon in daemons))


def answers(host: Host, ip: str) -> bool:
    """Whether a ping is answered within a second."""
    return " 0 received" not in host.run(["sh", "-c", f"ping -c1 -W1 {ip} || true"])


def _running(daemons: Sequence[LabProcess]) -> bool:
    for daemon in daemons:
        if daemon.exit_status is not None:
            raise LabError(f"{daemon.name} ended: {daemon.output.strip()[-300:]}")
    return True
