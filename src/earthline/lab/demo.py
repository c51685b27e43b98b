"""``earthline demo``: a planet of one's own and a LAN across two NATs, in half a minute.

    alice 192.168.1.2 -- port-restricted NAT --+-- internet --+-- full-cone NAT -- bob 10.20.0.2
                                                      |
                                             root and controller

Everything runs for real, in network namespaces of this machine, by the same programs a user starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer

from earthline.lab.demo_view import View
from earthline.lab.namespace import LabError, namespaces
from earthline.lab.nat import NatKind
from earthline.lab.service import Service, wait_until
from earthline.lab.topology import Host, Lab, missing
from earthline.lab.transfer import Transfer, random_file, send_file
from earthline.lab.watch import PathWatch, Ping, Turn

_FILE_SIZE = 32 << 20
_SETTLED_REPLIES = 10
_LOG_LINES = 15

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo() -> None:
    """Build a small internet with NATs on this machine and run a LAN across it."""
    reason = missing()
    if reason is not None:
        typer.echo(f"demo: failed: {reason} {_again()}", err=True)
        raise typer.Exit(1)
    failure = _play(View())
    if failure is not None:
        typer.echo(f"demo: failed: {failure}")
        raise typer.Exit(1)
    typer.echo("demo: ok: two hosts behind two NATs shared a LAN, relayed, then directly")


def _again() -> str:
    """The command to use instead, where privileges are what is missing."""
    return (
        f"{Path.cwd() / '.venv/bin/earthline'} demo" if Path(".venv").exists() else "earthline demo"
    )


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


class Demo:
    """The acts of the demo, in order. Any that does not happen raises `LabError`."""

    def __init__(self, lab: Lab, view: View) -> None:
        self._lab = lab
        self._view = view

    def run(self) -> None:
        root = Service(self._lab.host("root"))
        root.start()
        planet = root.found_planet()
        self._view.tell("root", f"made planet {planet.world_id}, its Earth is {planet.earth}")
        sides = self._build_sides(planet.data)
        self._wait_for_earth(sides, planet.earth)
        try:
            self._watch(sides)
            self._demand_relay(root)
        finally:
            for side in sides:
                if side.watch is not None:
                    side.watch.stop()
        self._copy(*sides)
        self._stop([root, *(side.service for side in sides)])

    def _build_sides(self, planet: bytes) -> tuple[Side, Side]:
        home = self._lab.router("home", NatKind.PORT_RESTRICTED, "192.168.1.0/24")
        office = self._lab.router("office", NatKind.FULL_CONE, "10.20.0.0/24")
        services = [Service(home.host("alice")), Service(office.host("bob"))]
        for service in services:
            service.start(planet, wait=False)
        for service, router in zip(services, (home, office), strict=True):
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

    def _watch(self, sides: tuple[Side, Side]) -> None:
        """Ping both ways while the way turns from relayed to direct."""
        for side, other in (sides, sides[::-1]):
            side.watch = PathWatch(side.service, other.address, self._turned(side.name))
            side.ping = Ping(side.host, other.ip)
            self._view.follow(side.name, side.ping, side.watch)
        for side in sides:
            self._wait_for_direct(side)
        for side in sides:
            if side.ping is not None:
                side.ping.stop()

    def _demand_relay(self, root: Service) -> None:
        """Before there was a direct path, the root must have carried packets between the two."""
        relayed = root.counter("relayed")
        if not relayed:
            raise LabError("the root relayed nothing: the relayed phase did not happen")
        self._view.tell("root", f"relayed {relayed} packets between them, all of them sealed")

    def _turned(self, name: str) -> Callable[[Turn], None]:
        return lambda turn: self._view.tell(name, f"is {turn.way}")

    def _wait_for_direct(self, side: Side) -> None:
        ping, watch = side.ping, side.watch
        if ping is None or watch is None:
            raise LabError("no ping runs")
        wait_until(f"{side.name}'s first ping is answered", lambda: ping.replies)
        wait_until(f"{side.name} reaches the other directly", lambda: watch.direct)
        since = len(ping.replies)
        wait_until(
            f"{side.name}'s pings are answered directly",
            lambda: len(ping.replies) >= since + _SETTLED_REPLIES,
        )

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
