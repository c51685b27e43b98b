"""``earthline demo``: a planet of one's own and a LAN across two NATs, in half a minute.

    alice 192.168.1.2 -- port-restricted NAT --+-- internet --+-- full-cone NAT -- bob 10.20.0.2
                                                      |
                                             root and controller

Everything runs for real, in network namespaces of this machine, by the same programs a user starts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from earthline.cli.common.commands import Commands
from earthline.cli.common.output import show_json
from earthline.lab.demo_view import View
from earthline.lab.namespace import LabError, namespaces
from earthline.lab.nat import NatKind
from earthline.lab.service import Service, script, wait_until
from earthline.lab.topology import Host, Lab, missing
from earthline.lab.transfer import Transfer, random_file, send_file
from earthline.lab.watch import RELAYED, PathWatch, Ping, Turn

_FILE_SIZE = 32 << 20
_RELAYED_REPLIES = 5
_DIRECT_REPLIES = 5
_LOG_LINES = 15

app = Commands(
    add_completion=False,
)


@app.command()
def demo(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON at the end; the rest on standard error.")
    ] = False,
) -> None:
    """Build a small internet with NATs on this machine and run a LAN across it."""
    reason = missing(f"{script('earthline')} demo")
    if reason is not None:
        typer.echo(f"demo: failed: {reason}", err=True)
        raise typer.Exit(1)
    view = View(Console(stderr=as_json))
    failure = _play(view)
    if as_json:
        show_json({"failure": failure, **view.document})
        raise typer.Exit(failure is not None)
    if failure is not None:
        typer.echo(f"demo: failed: {failure}")
        raise typer.Exit(1)
    typer.echo("demo: ok: two hosts behind two NATs shared a LAN, relayed, then directly")


def _play(view: View) -> str | None:
    """Run the whole demo; what went wrong, or None."""
    try:
        with Lab() as lab:
            run = lab.run
            _perform(lab, view)
    except KeyboardInterrupt:
        return "interrupted"
    except (LabError, OSError, ValueError) as error:
        return _one_line(str(error))
    left = [name for name, owner in namespaces().items() if owner == run]
    return f"left behind: {', '.join(left)}" if left else None


def _one_line(text: str) -> str:
    """The first line and, of something as long as a traceback, the last."""
    lines = text.splitlines() or ["?"]
    return lines[0] if len(lines) == 1 else f"{lines[0]} ... {lines[-1]}"


def _perform(lab: Lab, view: View) -> None:
    """The acts and the summary; where an act fails, what the services said last."""
    try:
        with view:
            Demo(lab, view).run()
        view.summarise()
    except (LabError, OSError, ValueError):
        for log in sorted(lab.directory.glob("*/earthline-one.log")):
            last = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            typer.echo("\n".join((f"--- {log.parent.name} said last:", *last)), err=True)
        raise


@dataclass(slots=True)
class Side:
    """One of the two hosts, and what is known of its way to the other."""

    service: Service
    address: str
    ip: str = ""
    watch: PathWatch | None = None
    ping: Ping | None = None

    @property
    def host(self) -> Host:
        return self.service.host

    @property
    def name(self) -> str:
        return self.service.host.name

    @property
    def way(self) -> str | None:
        return None if self.watch is None else self.watch.way

    @property
    def direct(self) -> bool:
        return self.watch is not None and self.watch.direct

    @property
    def replies(self) -> int:
        return 0 if self.ping is None else len(self.ping.replies)

    def wait_for_direct(self) -> None:
        wait_until(f"{self.name} reaches the other directly", lambda: self.direct)

    def wait_for_replies(self, how: str, number: int) -> None:
        """Wait for so many more answered pings."""
        goal = self.replies + number
        wait_until(f"{self.name}'s pings are answered {how}", lambda: self.replies >= goal)


class Demo:
    """The acts of the demo, in order. Any that does not happen raises `LabError`."""

    def __init__(self, lab: Lab, view: View) -> None:
        self._lab = lab
        self._view = view
        self._root = Service(lab.host("root"))
        self._home = lab.router("home", NatKind.PORT_RESTRICTED, "192.168.1.0/24")
        self._office = lab.router("office", NatKind.FULL_CONE, "10.20.0.0/24")

    def run(self) -> None:
        self._root.start()
        planet = self._root.found_planet()
        self._view.tell("root", f"made planet {planet.world_id}, its Earth is {planet.earth}")
        # Else the direct path would be there before anybody had seen the relayed one.
        self._lab.part(self._home, self._office)
        sides = self._build_sides(planet.data)
        self._wait_for_earth(sides, planet.earth)
        with contextlib.ExitStack() as exits:
            for side, other in (sides, sides[::-1]):
                self._connect(side, other, exits)
            self._relayed_phase(sides)
            self._direct_phase(sides)
        self._copy(*sides)
        self._stop([self._root, *(side.service for side in sides)])

    def _build_sides(self, planet: bytes) -> tuple[Side, Side]:
        services = [Service(self._home.host("alice")), Service(self._office.host("bob"))]
        for service in services:
            service.start(planet, wait=False)
        for service, router in zip(services, (self._home, self._office), strict=True):
            service.wait_ready()
            service.wait_online()
            where = f"{service.host.address} behind a {router.kind} NAT, {router.public_address}"
            self._view.tell(service.host.name, f"online at {where}")
        alice, bob = (Side(service, service.address) for service in services)
        return alice, bob

    def _wait_for_earth(self, sides: tuple[Side, Side], earth: str) -> None:
        for side in sides:
            side.ip = side.service.wait_ip(earth)
            self._view.tell(side.name, f"joined Earth by itself, is {side.ip}")
            self._view.introduce(side.name, side.ip)

    def _connect(self, side: Side, other: Side, exits: contextlib.ExitStack) -> None:
        """Start to ping the other side, and to watch which way that goes."""
        side.watch = PathWatch(side.service, other.address, self._turned(side.name))
        exits.callback(side.watch.stop)
        side.ping = Ping(side.host, other.ip)
        exits.callback(side.ping.stop)
        self._view.follow(side.name, side.ping, side.watch)

    def _turned(self, name: str) -> Callable[[Turn], None]:
        return lambda turn: self._view.tell(name, f"its way to the other is {turn.way}")

    def _relayed_phase(self, sides: tuple[Side, Side]) -> None:
        """A firewall between the two NATs: what they send one another takes the way by the root."""
        for side in sides:
            side.wait_for_replies("by the root", _RELAYED_REPLIES)
            if side.way != RELAYED:
                raise LabError(f"{side.name} goes by {side.way} through a firewall")
        relayed = self._root.counter("relayed")
        if not relayed:
            raise LabError("the root says that it relayed nothing")
        self._view.tell("root", f"relayed {relayed} packets between them, all of them sealed")

    def _direct_phase(self, sides: tuple[Side, Side]) -> None:
        """The firewall falls, and their next attempt to meet succeeds (02, 7.2)."""
        self._lab.reunite()
        self._view.tell("internet", "the firewall between the two NATs falls")
        for side in sides:
            side.wait_for_direct()
        for side in sides:
            side.wait_for_replies("directly", _DIRECT_REPLIES)

    def _copy(self, alice: Side, bob: Side) -> None:
        path = random_file(alice.host.directory / "file", _FILE_SIZE)
        done: Transfer = send_file(alice.host, bob.host, bob.ip, path)
        if not done.intact:
            raise LabError(f"{done.size} bytes arrived, their SHA-256 differs")
        self._view.transferred(done)

    def _stop(self, services: list[Service]) -> None:
        for service in services:
            status = service.stop()
            if status != 0:
                raise LabError(f"the service on {service.host.name} ended with exit {status}")
        self._view.tell("all", "stopped; removing the internet")
