"""A running network moves from one controller to another, and its members notice nothing."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import stock
from echo import echo_server
from libzt import LibztNode
from ours import Ours
from stock import StockService

from earthline.lab import Host, Lab, NatKind
from earthline.lab.service import Service, script, wait_until


@contextlib.contextmanager
def open_connection(host: Host, ip: str, port: int) -> Iterator[socket.socket]:
    """The first try may find nobody: a stock node announces its multicast groups every 5 s."""
    with wait_until("the connection is made", lambda: connect(host, ip, port)) as connection:
        yield connection


def connect(host: Host, ip: str, port: int) -> socket.socket | None:
    with host.inside():
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(60)
    try:
        connection.connect((ip, port))
    except OSError:
        connection.close()
        return None
    return connection


def demand_answer(connection: socket.socket, words: bytes) -> None:
    connection.sendall(words)
    received = b""
    while len(received) < len(words):
        piece = connection.recv(len(words))
        assert piece, "the connection was closed"
        received += piece
    assert received == words


def import_home(host: Host, source: Path, home: Path) -> None:
    home.mkdir()
    words = [script("earthline"), "--home", str(home), "controller", "import", str(source)]
    host.run([*words, "--dry-run"])
    assert not (home / "identity.secret").exists()
    host.run(words)


def test_libzt_member_keeps_its_address_and_connection_while_its_network_is_moved(
    ours: Ours,
) -> None:
    network = ours.root.create_network("10.7.0.0/24", private=True)
    member_ip = ours.join(network)
    with LibztNode(ours.stranger) as libzt:
        libzt.start(ours.planet.data)
        libzt.join(network)
        ours.wait_request(network, libzt.address)
        ours.root.authorize(network, libzt.address)
        libzt_ip = libzt.wait_ip(network)
        libzt.echo(7000)
        with open_connection(ours.member.host, libzt_ip, 7000) as connection:
            demand_answer(connection, b"before")
            ours.root.stop()
            files = ours.root.host.directory / "exported" / "controller.d"
            ours.root.command("controller", "export", str(files))
            for name in ("identity.secret", "identity.public", "planet"):
                (files.parent / name).write_bytes((ours.root.home / name).read_bytes())
            moved = Service(ours.root.host, home=ours.root.host.directory / "moved")
            moved.home.rmdir()
            import_home(ours.root.host, files.parent, moved.home)
            moved.start()
            demand_answer(connection, b"after")
            moved.request("POST", f"/controller/network/{network}", {"name": "moved"})
            wait_until(
                "the member heard of the new name",
                lambda: ours.member.network(network)["name"] == "moved",
                timeout_s=90,
            )
            assert libzt.ip(network) == libzt_ip
            assert ours.member.ip(network) == member_ip
            demand_answer(connection, b"and ever after")


@pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock daemon")
def test_network_of_a_stock_controller_goes_on_under_ours_and_back() -> None:
    with Lab() as lab:
        root = StockService(lab.host("root"))
        planet = stock.make_planet(root.home, f"{root.host.address}/{root.port}")
        member = StockService(lab.router("home", NatKind.PORT_RESTRICTED).host("member"))
        office = lab.router("office", NatKind.FULL_CONE, "10.20.0.0/24")
        guest = StockService(office.host("guest"))
        for service in (root, member, guest):
            service.start(planet)
        network = root.create_network("10.9.0.0/24", private=True)
        for service in (member, guest):
            service.wait_online()
            service.join(network)
            root.authorize(network, service.address)
        member_ip, guest_ip = member.wait_ip(network, 60), guest.wait_ip(network, 60)
        with (
            echo_server(guest.host) as port,
            open_connection(member.host, guest_ip, port) as connection,
        ):
            demand_answer(connection, b"before")
            root.stop()
            moved = Service(root.host, home=root.host.directory / "moved")
            moved.home.rmdir()
            import_home(root.host, root.home, moved.home)
            moved.start()
            moved.request("POST", f"/controller/network/{network}", {"name": "moved"})
            wait_until(
                "a stock member heard of the new name",
                lambda: member.network(network)["name"] == "moved",
                timeout_s=150,
            )
            demand_answer(connection, b"under ours")
            assert (member.ip(network), guest.ip(network)) == (member_ip, guest_ip)
            moved.stop()
            moved.command("controller", "export", str(root.home / "controller.d"))
            root.start()
            assert root.request("GET", f"/controller/network/{network}")["name"] == "moved"
            demand_answer(connection, b"and back")
            assert (member.ip(network), guest.ip(network)) == (member_ip, guest_ip)
