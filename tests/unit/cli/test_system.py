"""The systemd unit and the polkit rule: what the service may, and nothing beyond."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from earthline.cli.machine.system import polkit_text, unit_text

HOME = Path("/var/lib/zerotier-one")
USED_BY_RESOLVECTL = {"set-dns-servers", "set-domains", "set-default-route", "revert"}


def directives(text):
    lines = (line for line in text.splitlines() if "=" in line and not line.startswith("#"))
    found = {}
    for line in lines:
        name, _, value = line.partition("=")
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("NoNewPrivileges", ["yes"]),
        ("UMask", ["0027"]),
        ("LimitCORE", ["0"]),
        ("RemoveIPC", ["yes"]),
        ("ProtectSystem", ["strict"]),
        ("ProtectKernelTunables", ["yes"]),
        ("ProtectProc", ["invisible"]),
        ("DevicePolicy", ["closed"]),
        ("DeviceAllow", ["/dev/net/tun rw"]),
        ("MemoryDenyWriteExecute", ["yes"]),
        ("RestrictNamespaces", ["yes"]),
        ("RestrictSUIDSGID", ["yes"]),
        ("SystemCallFilter", ["@system-service", "~@privileged @resources @keyring @memlock"]),
        ("RestrictAddressFamilies", ["AF_INET AF_INET6 AF_UNIX AF_NETLINK AF_PACKET"]),
        ("CapabilityBoundingSet", ["CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE"]),
        ("AmbientCapabilities", ["CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE"]),
        ("ReadWritePaths", [f'"{HOME}"']),
    ],
)
def test_unit_locks_the_service_in(name, values):
    assert directives(unit_text(HOME))[name] == values


@pytest.mark.parametrize(
    ("program", "home", "protected"),
    [
        ("/opt/earthline/bin/python", "/var/lib/zerotier-one", "yes"),
        ("/root/venv/bin/python", "/var/lib/zerotier-one", "read-only"),
        ("/opt/earthline/bin/python", "/home/alice/net", "read-only"),
    ],
)
def test_homes_are_hidden_unless_the_service_lives_in_one(monkeypatch, program, home, protected):
    monkeypatch.setattr(sys, "executable", program)
    assert directives(unit_text(Path(home)))["ProtectHome"] == [protected]


def test_polkit_rule_allows_what_resolvectl_asks_for_and_nothing_else():
    text = polkit_text()
    actions = {line.strip(' ",') for line in text.splitlines() if line.strip().startswith('"org.')}
    assert actions == {f"org.freedesktop.resolve1.{name}" for name in USED_BY_RESOLVECTL}
    assert 'subject.user === "zerotier-one"' in text
    assert "indexOf(action.id) !== -1" in text
