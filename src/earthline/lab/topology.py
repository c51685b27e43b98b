"""A small internet on one machine: public hosts, routers with NATs, private hosts behind them.

    with Lab() as lab:
        root = lab.host("root")
        home = lab.router("home", NatKind.PORT_RESTRICTED, lan="192.168.1.0/24")
        alice = home.host("alice")
        alice.run(["ping", "-c1", root.address])

Everything lives in namespaces of its own: nothing is configured in the machine's main namespace,
and no route leads out. Public addresses are 80.x to 87.x, since nodes take the ranges set aside for
documentation for private ones (02, 0.1).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from earthline.lab.guard import Guard
from earthline.lab.namespace import LabError, Namespace, RunName, call
from earthline.lab.nat import NatKind, ruleset, wall
from earthline.lab.process import LabProcess

_PROGRAMS = {"ip": "iproute2", "nft": "nftables", "ping": "iputils-ping", "unshare": "util-linux"}
_TUN = Path("/dev/net/tun")
_BRIDGE_FILTER = "net/bridge/bridge-nf-call-iptables"


def missing(command: str = "COMMAND") -> str | None:
    """Why no lab can be built here, in one line with what to do about it; None if one can.

    ``command`` is what the user would have to run with more privileges.
    """
    if os.geteuid() != 0:
        return f"network namespaces need root privileges; use: sudo {command}"
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            return f"{program} is not installed; use: apt-get install {package}"
    if not _TUN.exists():
        return f"there is no {_TUN}; use: modprobe tun"
    try:
        call(["unshare", "--net", "--mount", "true"])
    except LabError:
        return "this container may not make namespaces; start it with: --privileged"
    return None


class Machine:
    """A namespace with an uplink called by the name of its outer interface."""

    def __init__(self, lab: Lab, name: str, uplink: str) -> None:
        self.lab = lab
        self.name = name
        self.namespace = lab.make_namespace(name)
        self.uplink = uplink
        self._far_end: tuple[Namespace, str] | None = None

    @property
    def directory(self) -> Path:
        """A folder of this machine alone, removed with the lab."""
        path = self.lab.directory / self.name
        path.mkdir(exist_ok=True)
        return path

    def run(self, argv: Sequence[str], *, text: str | None = None, timeout_s: float = 60) -> str:
        """Run a command inside to its end; its standard output, or `LabError`."""
        return call(self.namespace.enter_argv(argv), text=text, timeout_s=timeout_s)

    def start(
        self,
        argv: Sequence[str],
        *,
        name: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> LabProcess:
        """Start a program inside; it is killed when the lab ends."""
        title = name or Path(argv[0]).name
        log = self.directory / f"{title}.log"
        inside = self.namespace.enter_argv(argv)
        return self.lab.adopt(LabProcess(f"{title} on {self.name}", inside, log, environment))

    def inside(self) -> contextlib.AbstractContextManager[None]:
        """Have the calling thread in this machine's namespace: sockets opened now stay there."""
        return self.namespace.inside()

    def unplug(self) -> None:
        """Pull the cable of the uplink: the interface keeps its addresses and loses its carrier."""
        self._set_far_end("down")

    def plug(self) -> None:
        self._set_far_end("up")

    def set_mtu(self, mtu: int) -> None:
        """Have both ends of the uplink's cable carry IP packets of so many bytes."""
        namespace, interface = self._cable()
        namespace.ip("link", "set", interface, "mtu", str(mtu))
        self.namespace.ip("link", "set", self.uplink, "mtu", str(mtu))

    def connect(self, far: Namespace, far_interface: str) -> None:
        """Lay the cable from this machine's uplink to an interface of another namespace."""
        near = self.namespace.name
        far.ip("link", "add", far_interface, "type", "veth", "peer", self.uplink, "netns", near)
        self._far_end = (far, far_interface)
        far.ip("link", "set", far_interface, "up")
        self.namespace.ip("link", "set", self.uplink, "up")

    def replug(self, far: Namespace) -> str:
        """Take the far end of the cable to another namespace; the interface it has there."""
        namespace, interface = self._cable()
        namespace.ip("link", "set", interface, "netns", far.name)
        self._far_end = (far, interface)
        return interface

    def configure(self, address: IPv4Interface, gateway: str) -> None:
        """Give the uplink its address and the machine its default route."""
        self.namespace.ip("address", "add", str(address), "dev", self.uplink)
        self.namespace.ip("route", "add", "default", "via", gateway)

    def _set_far_end(self, state: str) -> None:
        namespace, interface = self._cable()
        namespace.ip("link", "set", interface, state)

    def _cable(self) -> tuple[Namespace, str]:
        if self._far_end is None:
            raise LabError(f"{self.name} has no cable")
        return self._far_end


class Host(Machine):
    """An end system with one interface, ``eth0``."""

    def __init__(self, lab: Lab, name: str, interface: IPv4Interface) -> None:
        super().__init__(lab, name, "eth0")
        self.interface = interface

    @property
    def address(self) -> str:
        return str(self.interface.ip)

    def move(self, router: Router) -> None:
        """Carry it over to another router's LAN: a new address on the same interface."""
        port = self.replug(router.namespace)
        self.namespace.ip("address", "flush", "dev", self.uplink)
        router.connect_port(port)
        self.interface = router.next_interface()
        self.configure(self.interface, router.gateway)


class Router(Machine):
    """A router between a private LAN (``lan``, a bridge) and the internet (``wan``)."""

    def __init__(self, lab: Lab, name: str, kind: NatKind, lan: IPv4Network) -> None:
        super().__init__(lab, name, "wan")
        self.kind = kind
        self.lan = lan
        self.public_address = ""
        self._addresses = lan.hosts()
        self.gateway = str(next(self._addresses))
        self.namespace.ip("link", "add", "lan", "type", "bridge")
        self.namespace.ip("address", "add", f"{self.gateway}/{lan.prefixlen}", "dev", "lan")
        self.namespace.ip("link", "set", "lan", "up")
        self.namespace.sysctl("net/ipv4/ip_forward", "1")
        if Path("/proc/sys", _BRIDGE_FILTER).exists():
            # What hosts of the LAN say to one another is no business of its router's firewall.
            self.namespace.sysctl(_BRIDGE_FILTER, "0")

    def host(self, name: str) -> Host:
        """Add a host to the LAN, with the next free address."""
        host = Host(self.lab, name, self.next_interface())
        self._attach(host, host.interface)
        return host

    def router(self, name: str, kind: NatKind, lan: str) -> Router:
        """Add a router to the LAN: whoever is behind it is behind two NATs."""
        inner = Router(self.lab, name, kind, IPv4Network(lan))
        address = self.next_interface()
        self._attach(inner, address)
        inner.public_address = str(address.ip)
        inner.translate()
        return inner

    def translate(self, *, udp_blocked: bool = False, hairpin: bool = False) -> None:
        """Load the rules of the router's kind, in place of those loaded earlier.

        ``hairpin``: hosts of the LAN reach one another by the public address, too.
        """
        turned = self.public_address if hairpin else ""
        self.namespace.nft(ruleset(self.kind, udp_blocked=udp_blocked, hairpin=turned))

    def next_interface(self) -> IPv4Interface:
        """An address of the LAN that nobody has."""
        return IPv4Interface((next(self._addresses), self.lan.prefixlen))

    def connect_port(self, port: str) -> None:
        """Make an interface of this namespace a port of the LAN."""
        self.namespace.ip("link", "set", port, "master", "lan")
        self.namespace.ip("link", "set", port, "up")

    def _attach(self, machine: Machine, address: IPv4Interface) -> None:
        port = f"port{self.lab.number()}"
        machine.connect(self.namespace, port)
        self.connect_port(port)
        machine.configure(address, self.gateway)


class Lab:
    """The internet itself, and the owner of all that is in it: use it as a context manager."""

    def __init__(self) -> None:
        reason = missing()
        if reason is not None:
            raise LabError(reason)
        self.run = RunName.new()
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.run}."))
        self._guard = Guard(self.run, self.directory)
        self._exits = contextlib.ExitStack()
        self._namespaces: list[Namespace] = []
        self._processes: list[LabProcess] = []
        self._numbers = iter(range(1, 10_000))

    def __enter__(self) -> Self:
        self._exits.enter_context(_terminable())
        self._exits.callback(self.close)
        try:
            self._core = self.make_namespace("internet")
            self._core.sysctl("net/ipv4/ip_forward", "1")
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    def close(self) -> None:
        """Kill every program, remove every namespace and file. Idempotent."""
        while self._processes:
            self._processes.pop().kill()
        while self._namespaces:
            self._namespaces.pop().remove()
        shutil.rmtree(self.directory, ignore_errors=True)
        self._guard.dismiss()

    @property
    def core(self) -> Namespace:
        """The namespace that all public traffic crosses: the place for a packet capture."""
        return self._core

    def host(self, name: str) -> Host:
        """Add a host with a public address, in a network of its own."""
        address, gateway = self._next_site()
        host = Host(self, name, address)
        self._attach(host, address, gateway)
        return host

    def router(
        self,
        name: str,
        kind: NatKind,
        lan: str = "192.168.1.0/24",
        *,
        udp_blocked: bool = False,
        hairpin: bool = False,
    ) -> Router:
        """Add a router of a kind, with a public address. The LAN of an open one is public too."""
        address, gateway = self._next_site()
        router = Router(self, name, kind, IPv4Network(lan))
        self._attach(router, address, gateway)
        router.public_address = str(address.ip)
        router.translate(udp_blocked=udp_blocked, hairpin=hairpin)
        if not kind.translates:
            self._core.ip("route", "add", lan, "via", router.public_address)
        return router

    def part(self, one: Router, other: Router) -> None:
        """Let nothing pass directly between two sites any more; both reach everybody else."""
        self._core.nft(wall(one.public_address, other.public_address))

    def reunite(self) -> None:
        """Undo `part`."""
        self._core.nft("")

    def make_namespace(self, name: str) -> Namespace:
        namespace = Namespace(f"{self.run}.{name}")
        self._namespaces.append(namespace)
        namespace.create()
        return namespace

    def adopt(self, child: LabProcess) -> LabProcess:
        """Take a program into the care of the lab, which kills it at its end."""
        self._processes.append(child)
        return child

    def number(self) -> int:
        """A number not given before in this lab, for the name of an interface."""
        return next(self._numbers)

    def _attach(self, machine: Machine, address: IPv4Interface, gateway: str) -> None:
        interface = f"to{self.number()}"
        machine.connect(self._core, interface)
        self._core.ip("address", "add", f"{gateway}/24", "dev", interface)
        machine.configure(address, gateway)

    def _next_site(self) -> tuple[IPv4Interface, str]:
        """A public /24: the address of the site in it, and the internet's own."""
        n = self.number()
        return IPv4Interface(f"{80 + n % 8}.{n // 250}.{n % 250}.2/24"), (
            f"{80 + n % 8}.{n // 250}.{n % 250}.1"
        )


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM and SIGHUP unwind the main thread, so that the lab is torn down in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
