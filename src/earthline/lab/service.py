"""A node's daemon inside a lab host, spoken to over its local HTTP API (05, 7)."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sysconfig
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from earthline.lab.namespace import LabError
from earthline.lab.process import LabProcess
from earthline.lab.topology import Host

DEFAULT_PORT = 9993
SETTINGS_VARIABLE = "EARTHLINE_LAB_SETTINGS"
"""Environment: the settings, as JSON, that each service of ours has where its own say nothing else.

It is inherited, so it holds for the labs of programs that are started from here, too.
"""
_POLL_S = 0.05
_T = TypeVar("_T")


def wait_until(what: str, probe: Callable[[], _T | None], *, timeout_s: float = 30) -> _T:
    """Poll until the probe answers something true; `LabError` naming ``what`` if it never does."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise LabError(f"not within {timeout_s:g} s: {what}")
        time.sleep(_POLL_S)


def script(name: str) -> str:
    """The path of a console script of this installation, such as ``earthline-one``."""
    return str(Path(sysconfig.get_path("scripts")) / name)


@dataclass(frozen=True, slots=True)
class FoundPlanet:
    """A planet that was made in a lab."""

    world_id: str
    earth: str
    """The network ID of its Earth."""
    data: bytes


class Service:
    """A daemon that speaks the stock HTTP API: ours, or a stock one (``program``)."""

    def __init__(
        self,
        host: Host,
        *,
        program: Sequence[str] = (),
        home: Path | None = None,
        port: int = DEFAULT_PORT,
    ) -> None:
        self.host = host
        self.home = home or host.directory / "home"
        self.port = port
        self._program = list(program) or [script("earthline-one")]
        self._process: LabProcess | None = None
        self.home.mkdir(exist_ok=True)

    @property
    def settings_file(self) -> Path:
        return self.home / "local.conf"

    @property
    def lab_settings(self) -> dict[str, Any]:
        """Settings that hold in every lab; see `SETTINGS_VARIABLE`."""
        settings: dict[str, Any] = json.loads(os.environ.get(SETTINGS_VARIABLE, "{}"))
        return settings

    def configure(self, **settings: Any) -> None:
        """Write its ``local.conf``, with these settings and those of the lab."""
        text = json.dumps({"settings": {**self.lab_settings, **settings}})
        self.settings_file.write_text(text)

    @property
    def argv(self) -> list[str]:
        return [*self._program, "-U", f"-p{self.port}", str(self.home)]

    @property
    def process(self) -> LabProcess:
        if self._process is None:
            raise LabError(f"the service on {self.host.name} was not started")
        return self._process

    def start(self, planet: bytes | None = None, *, wait: bool = True) -> None:
        """Start it, with a planet file put into its home before; ``wait`` until its API answers."""
        if planet is not None:
            (self.home / "planet").write_bytes(planet)
        if self.lab_settings and not self.settings_file.exists():
            self.configure()
        self._process = self.host.start(self.argv)
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until its API answers; `LabError` with its output if it ended instead."""
        wait_until(f"the API of {self.host.name} answers", self._answers)

    def stop(self) -> int:
        """Stop it with SIGTERM; its exit status."""
        return self.process.terminate()

    def kill(self) -> None:
        """Kill it without any chance to clean up."""
        self.process.signal(signal.SIGKILL)
        self.process.wait(10)

    def request(self, method: str, path: str, body: object = None) -> Any:
        """One call of the API; `LabError` for any status but 200."""
        token = (self.home / "authtoken.secret").read_text().strip()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.sock = self._connect()
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"X-ZT1-Auth": token})
            response = connection.getresponse()
            answer = response.read()
        except http.client.HTTPException as error:
            raise LabError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise LabError(f"{method} {path}: {response.status} {answer.decode(errors='replace')}")
        return json.loads(answer)

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.request("GET", "/status")
        return answer

    def peers(self) -> dict[str, dict[str, Any]]:
        """Every peer by its address."""
        return {peer["address"]: peer for peer in self.request("GET", "/peer")}

    def network(self, network: str) -> dict[str, Any]:
        """A joined network; empty if it is not."""
        joined = {entry["id"]: entry for entry in self.request("GET", "/network")}
        entry: dict[str, Any] = joined.get(network, {})
        return entry

    @property
    def address(self) -> str:
        """The node's own address, ten hex digits."""
        return str(self.status()["address"])

    def join(self, network: str) -> None:
        self.request("POST", f"/network/{network}", {})

    def leave(self, network: str) -> None:
        self.request("DELETE", f"/network/{network}")

    def wait_online(self, timeout_s: float = 30) -> None:
        wait_until(
            f"{self.host.name} is online", lambda: self.status()["online"], timeout_s=timeout_s
        )

    def wait_ip(self, network: str, timeout_s: float = 30) -> str:
        """The first IPv4 address assigned on a network, once its status is OK."""
        return wait_until(
            f"{self.host.name} has an address on {network}",
            lambda: self.ip(network),
            timeout_s=timeout_s,
        )

    def ip(self, network: str) -> str | None:
        """The first IPv4 address assigned on a network whose status is OK, else None."""
        entry = self.network(network)
        assigned = [text for text in entry.get("assignedAddresses", ()) if ":" not in text]
        if entry.get("status") != "OK" or not assigned:
            return None
        return str(assigned[0]).partition("/")[0]

    def direct_path(self, peer: str) -> str | None:
        """The preferred path to a peer, ``ip/port``; None while it is relayed or unknown."""
        paths = self.peers().get(peer, {}).get("paths", ())
        return next((str(path["address"]) for path in paths if path["preferred"]), None)

    def found_planet(self) -> FoundPlanet:
        """Make this node the one root, at its host's address, and controller of a new planet."""
        endpoint = f"{self.host.address}/{self.port}"
        made = json.loads(self.command("planet", "make", "--endpoint", endpoint, "--json"))
        file = self.host.directory / "made-planet"
        self.command("planet", "show", "--out", str(file))
        return FoundPlanet(str(made["worldId"]), str(made["earth"]), file.read_bytes())

    def create_network(self, cidr: str, *, private: bool) -> str:
        """Make a network of this node's controller that hands out a range's addresses; its ID."""
        hosts = list(ip_network(cidr).hosts())
        pool = f"{hosts[0]}-{hosts[-1]}"
        kind = "--private" if private else "--public"
        return self.command("network", "create", kind, "--pool", pool, "--route", cidr).strip()

    def authorize(self, network: str, member: str) -> None:
        self.command("member", "authorize", network, member)

    def device(self, network: str) -> str:
        """The interface of a joined network."""
        return str(self.network(network)["portDeviceName"])

    def counters(self) -> dict[str, int]:
        """All that the service counts, by name; stock ones have no such route."""
        counted: dict[str, int] = self.request("GET", "/earthline/counters")
        return counted

    def counter(self, name: str) -> int:
        """One of the `counters`."""
        return self.counters().get(name, 0)

    def command(self, *words: str, timeout_s: float = 60) -> str:
        """Run the ``earthline`` command inside, on this home; its standard output."""
        argv = [script("earthline"), "--home", str(self.home), *words]
        return self.host.run(argv, timeout_s=timeout_s)

    def _answers(self) -> bool:
        if self.process.exit_status is not None:
            raise LabError(f"{self.process.name} ended: {self.process.output.strip()[-2000:]}")
        try:
            return bool(self.status())
        except (OSError, LabError):
            return False

    def _connect(self) -> socket.socket:
        with self.host.inside():
            opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        opened.settimeout(20)
        try:
            opened.connect(("127.0.0.1", self.port))
        except OSError:
            opened.close()
            raise
        return opened
