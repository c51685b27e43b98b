"""A stock ZeroTier One daemon, where ``$ZEROTIER_ONE`` names its binary."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from earthline.lab import Host
from earthline.lab.service import Service

BINARY = os.environ.get("ZEROTIER_ONE", "")


class StockService(Service):
    """The stock daemon, and the other programs that its one binary is."""

    def __init__(self, host: Host, home: Path | None = None) -> None:
        super().__init__(host, program=[BINARY], home=home)

    @property
    def lab_settings(self) -> dict[str, Any]:
        """None: those are for ours."""
        return {}

    def client(self, *words: str) -> str:
        """Run ``zerotier-cli`` on this home."""
        return self.host.run([BINARY, "-q", f"-D{self.home}", *words])

    def create_network(self, cidr: str, *, private: bool) -> str:
        addresses = list(ip_network(cidr).hosts())
        pool = {"ipRangeStart": str(addresses[0]), "ipRangeEnd": str(addresses[-1])}
        settings = {
            "private": private,
            "v4AssignMode": {"zt": True},
            "routes": [{"target": cidr}],
            "ipAssignmentPools": [pool],
        }
        made = self.request("POST", f"/controller/network/{self.address}______", settings)
        return str(made["id"])

    def authorize(self, network: str, member: str) -> None:
        path = f"/controller/network/{network}/member/{member}"
        self.request("POST", path, {"authorized": True})


def make_planet(home: Path, endpoint: str) -> bytes:
    """A planet with one root: the identity of ``home``, made now, at ``ip/port``."""
    _identity_tool(home, "generate", "identity.secret", "identity.public")
    public = (home / "identity.public").read_text().strip()
    world = json.loads(_identity_tool(home, "initmoon", "identity.public"))
    world |= {"worldType": "planet", "id": "0e0000000000abcd"}
    world["roots"] = [{"identity": public, "stableEndpoints": [endpoint]}]
    (home / "planet.json").write_text(json.dumps(world))
    _identity_tool(home, "genmoon", "planet.json")
    return (home / "0e0000000000abcd.moon").read_bytes()


def _identity_tool(home: Path, *words: str) -> str:
    argv = [shutil.which(BINARY) or BINARY, "-i", *words]
    return subprocess.run(argv, cwd=home, check=True, capture_output=True, text=True).stdout
