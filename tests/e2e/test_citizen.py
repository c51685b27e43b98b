"""The service as a guest on its machine: few rights, a service manager, an address of its own."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from earthline.cli.machine.system import unit_text
from earthline.effects import Store
from earthline.lab import Host, Lab
from earthline.lab.namespace import LabError
from earthline.lab.service import Service, script, wait_until
from earthline.runtime.base.keeping import Keeping
from earthline.runtime.home.state import StateFiles
from earthline.wire.identity import Identity, SecretIdentity

NETWORK_CAPABILITIES = 1 << 12 | 1 << 13
LOW_PORTS = 1 << 10
UID = 4999


def capabilities(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = (line.split(":", 1) for line in lines)
    return {name: int(text, 16) for name, text in fields if name.startswith("Cap")}


def users(pid: int) -> set[int]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {int(uid) for line in lines if line.startswith("Uid:") for uid in line.split()[1:]}


def with_a_system_user(folder: Path) -> list[str]:
    """A program prefix: what follows sees a system user ``zerotier-one``, and nobody else does.

    It finds the TUN device as udev makes it, and an interpreter in somebody's private home.
    """
    accounts = folder / "passwd"
    entry = f"zerotier-one:x:{UID}:{UID}::/nonexistent:/bin/false\n"
    accounts.write_text(entry + Path("/etc/passwd").read_text())  # the first of a name counts
    accounts.chmod(0o644)
    mounts = [
        f"mount --bind {accounts} /etc/passwd",
        "mount -t tmpfs -o mode=755 none /dev/net",
        "mknod -m 666 /dev/net/tun c 10 200",
    ]
    python = Path(sys.base_prefix).resolve()
    private = next((p for p in reversed(python.parents) if not p.stat().st_mode & 1), None)
    if private is not None:
        kept = folder / "python"
        kept.mkdir()
        mounts += [
            f"mount --bind {python} {kept}",
            f"mount -t tmpfs -o mode=755 none {private}",
            f"mkdir -p {python}",
            f"mount --bind {kept} {python}",
        ]
    script_text = " && ".join([*mounts, 'exec "$0" "$@"'])
    return ["unshare", "--mount", "sh", "-c", script_text]


def reaches(node: Service, ip: str) -> bool:
    try:
        node.host.run(["ping", "-c1", "-W5", ip])
    except LabError:
        return False
    return True


class Daemon(Service):
    """One started as root in the stock way, without ``-U``."""

    @property
    def argv(self) -> list[str]:
        return [word for word in super().argv if word != "-U"]


class Up(Service):
    """One started by ``earthline up``."""

    options: tuple[str, ...] = ()

    @property
    def argv(self) -> list[str]:
        return [*self._program, "up", "--home", str(self.home), *self.options]


def reachable_by_all(host: Host) -> None:
    for folder in (host.directory.parent, host.directory):
        folder.chmod(0o755)


def pid_of(node: Service) -> int:
    return int((node.home / "zerotier-one.pid").read_text())


def assert_confined(pid: int, uid: int) -> None:
    """An ordinary user with the rights to make network devices, whose memory nobody else reads."""
    assert users(pid) == {uid}
    held = capabilities(pid)
    assert held["CapEff"] == held["CapPrm"] == NETWORK_CAPABILITIES | LOW_PORTS
    assert held["CapAmb"] == NETWORK_CAPABILITIES
    assert_sealed(pid)


def assert_sealed(pid: int) -> None:
    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
    cores = next(
        row for row in Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in row
    )
    assert cores.split()[4:6] == ["0", "0"]
    # What cannot be dumped is root's in /proc, whoever it runs as.
    assert Path(f"/proc/{pid}/mem").stat().st_uid == 0


def test_daemon_started_as_root_becomes_the_stock_user_and_still_makes_a_tap(lab: Lab) -> None:
    host = lab.host("root")
    prefix = with_a_system_user(host.directory)
    reachable_by_all(host)
    node = Daemon(host, program=[*prefix, script("earthline-one")])
    node.start()
    planet = node.found_planet()
    ip = node.wait_ip(planet.earth)
    assert_confined(pid_of(node), UID)
    assert (node.home / "identity.secret").stat().st_uid == UID
    assert host.run(["ping", "-c1", "-W5", ip])
    assert node.stop() == 0
    assert not (node.home / "zerotier-one.pid").exists()


@pytest.mark.parametrize("owner", [0, UID + 1])
def test_up_gives_up_root_to_the_owner_of_the_home_folder_or_the_stock_user(
    lab: Lab, owner: int
) -> None:
    host = lab.host("root")
    prefix = with_a_system_user(host.directory)
    reachable_by_all(host)
    node = Up(host, program=[*prefix, script("earthline")])
    os.chown(node.home, owner, owner)
    node.configure(tcpRelay={"listen": ["127.0.0.1/443"]})
    node.start()
    ip = node.wait_ip(node.found_planet().earth)
    assert_confined(pid_of(node), owner or UID)
    assert {path.stat().st_uid for path in node.home.rglob("*")} == {owner or UID}
    assert host.run(["ping", "-c1", "-W5", ip])
    wait_until("it listens on a low port", lambda: node.status()["earthline"]["tcpRelay"])
    assert node.status()["earthline"]["tcpRelay"]["listeningOn"] == ["127.0.0.1/443"]
    assert node.stop() == 0


def test_up_stays_root_where_its_user_would_not_reach_the_home_and_says_so(lab: Lab) -> None:
    host = lab.host("root")
    prefix = with_a_system_user(host.directory)
    host.directory.parent.chmod(0o755)
    host.directory.chmod(0o700)
    node = Up(host, program=[*prefix, script("earthline")])
    node.start()
    assert users(pid_of(node)) == {0}
    assert_sealed(pid_of(node))
    assert f"cannot reach {node.home}" in node.process.output


def test_up_stays_root_when_told_to(lab: Lab) -> None:
    host = lab.host("root")
    prefix = with_a_system_user(host.directory)
    reachable_by_all(host)
    node = Up(host, program=[*prefix, script("earthline")])
    node.options = ("--stay-root",)
    node.start()
    assert users(pid_of(node)) == {0}
    assert_sealed(pid_of(node))
    assert "still_root" not in node.process.output


def test_two_capabilities_are_all_the_service_needs(lab: Lab) -> None:
    few = "-all,+net_admin,+net_raw"
    limits = ["setpriv", f"--bounding-set={few}", f"--inh-caps={few}", "--no-new-privs"]
    root = Service(lab.host("root"), program=[*limits, script("earthline-one")])
    member = Service(lab.host("member"), program=[*limits, script("earthline-one")])
    root.start()
    planet = root.found_planet()
    member.start(planet.data)
    ip = root.wait_ip(planet.earth)
    member.wait_ip(planet.earth)
    assert capabilities(member.process.pid)["CapEff"] == NETWORK_CAPABILITIES
    wait_until("the member reaches the root", lambda: reaches(member, ip))


def test_service_manager_hears_when_the_service_is_ready_alive_and_stopping(lab: Lab) -> None:
    host = lab.host("root")
    address = host.directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(30)
        told = ["env", f"NOTIFY_SOCKET={address}", "WATCHDOG_USEC=600000"]
        node = Service(host, program=[*told, script("earthline-one")])
        node.start(wait=False)
        first = [manager.recv(4096).decode()]
        while not first[-1].startswith("READY"):
            first.append(manager.recv(4096).decode())
        node.wait_ready()
        assert manager.recv(4096).decode() == "WATCHDOG=1\nSTATUS=offline, 0 networks, 0 peers"
        assert node.stop() == 0
        rest = []
        while "STOPPING=1" not in rest:
            rest.append(manager.recv(4096).decode())


def test_node_keeps_its_identity_although_a_root_holds_a_false_one_of_its_address(lab: Lab) -> None:
    root, member = Service(lab.host("root")), Service(lab.host("member"))
    root.start()
    planet = root.found_planet()
    unlucky = SecretIdentity.generate(os.urandom(32), 2)
    (member.home / "identity.secret").write_text(unlucky.text)
    root.stop()
    other = Identity(unlucky.address, SecretIdentity.generate(os.urandom(32), 2).public.public_key)
    record = b"\x02" + other.emit() + bytes(10)
    StateFiles(Keeping(root.home)).store(Store("peer", unlucky.address, record))
    root.start()
    member.start(planet.data)
    wait_until("the root saw through it", lambda: "identity_forged" in root.process.output)
    member.wait_online()
    assert member.address == f"{unlucky.address:010x}"
    assert not (member.home / "identity.secret.saved_after_collision").exists()


def test_systemd_takes_the_unit_and_finds_it_well_locked_in(tmp_path: Path, lab: Lab) -> None:
    unit = tmp_path / "earthline.service"
    unit.write_text(unit_text(tmp_path))
    host = lab.host("any")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    host.run(["systemd-analyze", "verify", str(unit)])
    host.run(["systemd-analyze", "security", "--offline=yes", "--threshold=30", str(unit)])
