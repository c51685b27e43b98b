"""What people write for an endpoint, and which of it cannot be true."""

from __future__ import annotations

import socket

import pytest

from earthline.cli.node import endpoints
from earthline.cli.node.endpoints import understand

LISTENING = ["81.0.1.2/9994", "10.0.0.5/9994", "2a01:4f8::5/9994", "81.0.1.2/40000"]


@pytest.fixture(autouse=True)
def host(monkeypatch) -> dict[str, object]:
    """Of a service on port 9994 with these sockets."""
    settings: dict[str, object] = {"primaryPort": 9994, "listeningOn": LISTENING}
    monkeypatch.setattr(endpoints, "call", lambda *_: {"config": {"settings": settings}})
    return settings


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("81.0.1.2", "81.0.1.2/9994"),
        ("81.0.1.2:1234", "81.0.1.2/1234"),
        ("81.0.1.2/1234", "81.0.1.2/1234"),
        (" 81.0.1.2/1234 ", "81.0.1.2/1234"),
        ("2a01:4f8::5", "2a01:4f8::5/9994"),
        ("2a01:4f8::5/1234", "2a01:4f8::5/1234"),
        ("[2a01:4f8::5]", "2a01:4f8::5/9994"),
        ("[2a01:4f8::5]:1234", "2a01:4f8::5/1234"),
        ("[2a01:4f8::5]/1234", "2a01:4f8::5/1234"),
    ],
)
def test_usual_forms_are_understood(written, meant):
    assert understand([written]).texts == [meant]


@pytest.mark.parametrize(
    "written",
    ["", "x y", "1.2.3", "81.0.1.2:0", "81.0.1.2:70000", "81.0.1.2/", "81.0.1.2:a", "::g"],
)
def test_what_is_none_is_said_in_one_line_with_the_forms(written, capsys):
    with pytest.raises(SystemExit):
        understand([written])
    (line,) = capsys.readouterr().err.splitlines()
    assert "is not an endpoint" in line
    assert "[2001:db8::1]:9993" in line


def test_name_is_looked_up_and_said_to_be_signed_as_an_address(monkeypatch):
    found = [(socket.AF_INET, 2, 17, "", ("81.0.1.2", 0))] * 2
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    wish = understand(["vpn.example.org:9994"])
    assert wish.texts == ["81.0.1.2/9994"]
    (line,) = wish.resolved
    assert "vpn.example.org is 81.0.1.2 now" in line
    assert "signed" in line


def test_unknown_name_is_one_line(monkeypatch, capsys):
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(SystemExit):
        understand(["vpn.example.org"])
    assert "Name or service not known" in capsys.readouterr().err


def test_public_address_is_meant_where_there_is_one(host, capsys):
    host["listeningOn"] = ["10.0.0.5/9994", "81.0.1.2/9994", "81.0.1.2/40000"]
    assert understand([]).texts == ["81.0.1.2/9994"]
    assert understand(["auto"]).doubts == ()
    for sockets in (["10.0.0.5/9994"], LISTENING):
        host["listeningOn"] = sockets
        with pytest.raises(SystemExit):
            understand([])
        assert "--endpoint 192.0.2.1/9993" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "doubts"),
    [
        ("81.0.1.2", []),
        ("127.0.0.1", ["no address that another host can reach"]),
        ("[::1]", ["no address that another host can reach"]),
        ("81.0.9.9", ["not an address of this host"]),
        ("81.0.1.2:1234", ["does not listen on UDP port 1234, but on 9994, 40000"]),
        ("81.0.9.9:1234", ["not an address of this host", "does not listen on UDP port 1234"]),
    ],
)
def test_what_nodes_could_not_reach_is_doubted(written, doubts):
    found = understand([written]).doubts
    assert len(found) == len(doubts)
    assert all(words in line for words, line in zip(doubts, found, strict=True))


def test_address_that_others_see_is_ours(host):
    """As behind a cloud's one-to-one NAT."""
    host["surfaceAddresses"] = ["81.0.9.9/1234"]
    assert understand(["81.0.9.9:1234"]).doubts == ()
