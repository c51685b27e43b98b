"""The HTTP API against recorded exchanges with the stock service (05, 7)."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from caller import Caller

RECORDED = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "data" / "service-api").glob("*.json"))
}
SAME_TO_THE_LETTER = [
    "003",
    "004",
    "007",
    "010",
    "011",
    "012",
    "013",
    "015",
    "016",
    "017",
    "018",
    "023",
    "024",
    "031",
    "032",
    "040",
    "041",
    "042",
    "043",
    "053",
    "054",
    "055",
    "067",
    "069",
    "070",
    "072",
    "073",
    "078",
    "079",
    "081",
    "082",
    "083",
]
CONFIG_STEPS = ("060", "061", "062", "063", "064", "065", "066")
OURS = {"earthline"}


def recorded(number: str) -> dict:
    return next(case for name, case in RECORDED.items() if name.startswith(number))


def replay(caller: Caller, case: dict, path: str | None = None):
    path = path or case["path"]
    headers = {
        name: value.replace("AUTHTOKEN", caller.token)
        for name, value in case["requestHeaders"].items()
    }
    match case["auth"]:
        case "header":
            headers["X-ZT1-Auth"] = caller.token
        case "metrics":
            headers["X-ZT1-Auth"] = caller.metrics_token
        case "bearer":
            headers["Authorization"] = f"Bearer {caller.token}"
        case "query":
            path += ("&" if "?" in path else "?") + f"auth={caller.token}"
        case str() as wrong if wrong.startswith("="):
            headers["X-ZT1-Auth"] = wrong[1:]
    return caller(case["method"], path, case["requestBody"], headers)


@pytest.mark.parametrize("number", SAME_TO_THE_LETTER)
def test_recorded_answer_is_given(caller, number):
    case = recorded(number)
    reply = replay(caller, case)
    content_type = case["responseHeaders"].get("Content-Type")
    assert reply.status == case["status"]
    assert reply.text == case["responseText"]
    assert reply.headers.get("content-type") == content_type
    assert reply.headers["content-length"] == case["responseHeaders"]["Content-Length"]
    assert "server" not in reply.headers


def shape(value, ours=frozenset()):
    """Keys and types of a JSON value; lists by their first element."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if key not in ours}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


@pytest.mark.parametrize("number", ["001", "005", "006", "009", "019"])
def test_node_objects_have_the_stock_shape(caller, number):
    case = recorded(number)
    reply = replay(caller, case)
    assert reply.status == 200
    found, expected = shape(reply.json, OURS), shape(case["response"])
    if "config" in expected:
        # Lists may be empty at one time and not at another.
        for settings in (found["config"]["settings"], expected["config"]["settings"]):
            del settings["listeningOn"], settings["surfaceAddresses"]
    assert found == expected


@pytest.mark.parametrize("number", ["030", "034", "035", "036"])
def test_network_objects_have_the_stock_shape(caller, number):
    case = recorded(number)
    joined = caller.authorised("GET", "/network").json[0]["id"]
    path = case["path"].replace("b48062de76000001", joined)
    found, expected = replay(caller, case, path).json, case["response"]
    if isinstance(found, list):
        found, expected = found[0], expected[0]
    assert found["status"] == "OK"
    assert shape(found, OURS) == shape(expected)


def test_peers_of_a_lonely_root_are_none(caller):
    assert caller.authorised("GET", "/peer").text == "[]"


def test_head_is_get_without_body(caller):
    got = caller.authorised("GET", "/network/1111111111111111")
    head = caller.authorised("HEAD", "/network/1111111111111111")
    assert (head.status, head.text) == (got.status, "")
    assert head.headers["content-length"] == "2"


def test_jsonp_wraps_the_status(caller):
    reply = replay(caller, recorded("008"))
    assert reply.headers["content-type"] == "application/javascript"
    assert reply.text.startswith('callback({"address":"')
    assert reply.text.endswith("});")


def test_request_without_a_host_header_is_answered(caller):
    connection: socket.socket = caller.service._connect()
    with connection:
        request = f"GET /health HTTP/1.1\r\nX-ZT1-Auth: {caller.token}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_metrics_are_prometheus_text(caller):
    reply = caller("GET", "/metrics", headers={"X-ZT1-Auth": caller.metrics_token})
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert "\nzt_num_networks 1\n" in reply.text
    assert "\nearthline_punts_total " in reply.text


def test_api_is_not_open_to_the_network(caller):
    service = caller.service
    with service.host.inside():
        outside = socket.socket()
    with outside, pytest.raises(ConnectionRefusedError):
        outside.connect((service.host.address, service.port))


@pytest.fixture
def fresh(node):
    node.start()
    return Caller(node)


def test_settings_are_changed_as_recorded(fresh):
    for number in CONFIG_STEPS:
        case = recorded(number)
        reply = replay(fresh, case)
        if case["status"] == 200:
            assert reply.status == 200
            assert reply.text == case["responseText"]
        else:
            # What is no JSON is the caller's fault, which stock does not tell from its own.
            assert reply.status == 400
            assert reply.text.startswith('{"error": 400, "description": "')
    stored = json.loads((fresh.service.home / "local.conf").read_text())
    assert stored["settings"]["foo"] is None
    assert fresh.service.status()["config"]["settings"]["primaryPort"] == 9995


def test_setting_of_the_wrong_type_is_refused_by_name(fresh):
    reply = fresh.authorised("POST", "/config/settings", '{"joinEarth": "no"}')
    assert reply.status == 400
    assert "settings.joinEarth" in reply.json["description"]
    assert fresh.authorised("GET", "/config").text == "{}"


def test_chunked_body_is_read(fresh):
    connection: socket.socket = fresh.service._connect()
    with connection:
        head = (
            f"POST /config/settings HTTP/1.1\r\nX-ZT1-Auth: {fresh.token}\r\nConnection: close\r\n"
        )
        chunks = 'Transfer-Encoding: chunked\r\n\r\n9\r\n{"a": 1} \r\n0\r\n\r\n'
        connection.sendall((head + chunks).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    assert fresh.authorised("GET", "/config").json["settings"]["a"] == 1
