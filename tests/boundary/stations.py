"""Switches with drivers of their own, in network namespaces that threads make for themselves."""

from __future__ import annotations

import ctypes
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from earthline._native import Driver, SessionKey, Switch
from earthline.effects import (
    InstallMember,
    InstallNetwork,
    InstallPaths,
    InstallRoute,
    InstallSession,
    SwitchCommand,
)
from earthline.wire.mac import mac_of
from earthline.wire.packet import Suite, Verb, build

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
IP_RECVTTL = 12
UDP_SEGMENT = 103
ALICE, BOB = 0xA11CE00001, 0xB0B0000002
NETWORK = 0x8056C2E21C000001
LOOPBACK = bytes([127, 0, 0, 1])
KEY = bytes(range(48))
WAIT_S = 20.0
"""Longest wait for the kernel; a failure, never a measurement."""


def _enter_new_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    ip("link", "set", "lo", "up")


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    return done.stdout


class Namespace:
    """Runs functions on the thread that lives in the namespace."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, initializer=_enter_new_namespace)
        self.drivers: list[Driver] = []

    def run(self, act: Callable[[], T]) -> T:
        return self._thread.submit(act).result()

    def driver(self, switch: Switch, **offload: bool) -> Driver:
        driver = Driver(switch, **offload)
        self.drivers.append(driver)
        return driver

    def close(self) -> None:
        for driver in self.drivers:
            driver.close()
        self._thread.shutdown()


class Station:
    """A switch with its driver, a socket on the loopback device, and a TAP."""

    def __init__(
        self, namespace: Namespace, address: int, tap: str, *, threads: int = 1, **offload: bool
    ) -> None:
        self.address, self.tap = address, tap
        self.switch = Switch(address, bytes([address & 0xFF]) * 32, threads=threads)
        self.driver = namespace.driver(self.switch, **offload)
        self.port = self.driver.add_udp(1, LOOPBACK, 0, None)
        self.driver.add_tap(NETWORK, tap, mac_of(address, NETWORK), 2800)
        self.write(InstallNetwork(NETWORK, 2800, False, True, False, True, 32, (), b"\x01\x00"))

    def write(self, *commands: SwitchCommand) -> None:
        self.switch.apply(commands, 0)

    def meet(self, other: Station) -> None:
        path = (1, LOOPBACK, other.port)
        self.write(
            InstallSession(other.address, KEY, 3, bytes(64)),
            InstallPaths(other.address, (path,)),
            InstallRoute(other.address, path, direct=True),
            InstallMember(NETWORK, other.address, True, True, 2**63),
        )


def wire(interface: str) -> socket.socket:
    """The host's side of a TAP."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
    raw.bind((interface, 0x88B5))
    raw.settimeout(WAIT_S)
    return raw


def frame(destination: int, source: int, length: int) -> bytes:
    macs = mac_of(destination, NETWORK).to_bytes(6, "big") + mac_of(source, NETWORK).to_bytes(
        6, "big"
    )
    return macs + b"\x88\xb5" + bytes(index * 7 & 0xFF for index in range(length))


def hello_of(address: int, protocol: int = 12) -> bytes:
    """A well-formed HELLO to Alice that fits no key."""
    identity = address.to_bytes(5, "big") + bytes(66)
    payload = bytes([protocol]) + bytes(12) + identity
    return build(7, ALICE, address, Verb.HELLO, payload)


def packet_of(address: int, payload: bytes) -> bytes:
    """A question to Alice, of somebody who shares the key with her."""
    packet = build(7, ALICE, address, Verb.WHOIS, payload)
    return SessionKey(KEY).seal(packet, Suite.AES_GMAC_SIV)
