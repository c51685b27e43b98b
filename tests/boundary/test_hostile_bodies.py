"""No body that anybody can post is a fault of the server: each is answered, in one line."""

from __future__ import annotations

import re
import socket

import pytest
from caller import Caller

from earthline.api.http.limit import BODY_LIMIT

VALUES = {
    "{network}": "1122334455000001",
    "{nwid}": "1122334455000001",
    "{world}": "1122334455",
    "{address}": "1122334455",
    "{member}": "1122334455",
    "{controller}": "1122334455",
    "{mtu}": "1400",
    "{interface}": "eth0",
    "{ip}": "192.0.2.1",
}
VERBS = ("POST", "PUT", "DELETE", "GET", "PATCH")
DEEP = 100_000
HOSTILE = {
    "nothing": b"",
    "no JSON": b"not json",
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "not quite so deep": b"[" * 70 + b"]" * 70,
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "half a pair": b'{"name": "\\ud800", "interface": "\\ud800", "endpoints": ["\\ud800"]}',
    "NUL": b'{"name": "\\u0000", "seed": "\\u0000", "data": "\\u0000", "source": "\\u0000"}',
    "no number": b'{"mtu": NaN, "rollback": Infinity}',
    "huge number": b'{"mtu": ' + b"9" * 5_000 + b"}",
    "large number": b'{"mtu": ' + b"9" * 4_000 + b', "rollback": 1e308, "interface": "eth0"}',
    "array": b"[1, 2]",
    "text": b'"text"',
    "null": b"null",
    "members of wrong types": b'{"endpoints": [1], "earth": {}, "data": 5, "seed": [], "rules": 7,'
    b' "interface": [], "rollback": "x", "source": {}, "name": [], "routes": "x", "tags": {"a": 1},'
    b' "allowManaged": ["x", 5], "ipAssignments": [5], "ipAssignmentPools": [5], "dns": 5}',
    "elements of wrong types": b'{"endpoints": "x", "data": "%%%%\xc3\xa4", "rules": [5, {"type":'
    b' 5}, {"type": "MATCH_CHARACTERISTICS", "mask": null}], "capabilities": [[], {"id": []}],'
    b' "routes": [5, {"target": {}}], "tags": [[], [1], "x"], "interface": "../x",'
    b' "v4AssignMode": [], "allowManaged": [], "portMappingEnabled": "maybe"}',
}


@pytest.fixture(scope="module")
def routes(caller: Caller) -> dict[str, set[str]]:
    """Every path of the application with its verbs, in upper case."""
    paths = caller.authorised("GET", "/earthline/openapi.json").json["paths"]
    return {path: {verb.upper() for verb in verbs} for path, verbs in paths.items()}


def filled(path: str) -> str:
    """With values for its names; a stream only as far as it goes by now."""
    text = re.sub(r"\{\w+\}", lambda name: VALUES[name.group()], path)
    return f"{text}?follow=false" if path == "/earthline/events" else text


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_body_on_any_route_is_a_fault_of_the_server(caller, routes, kind):
    assert len(routes) > 20
    for path in routes:
        for verb in VERBS:
            headers = {"X-ZT1-Auth": caller.token, "Content-Type": "application/json"}
            answer = caller(verb, filled(path), HOSTILE[kind], headers)
            assert answer.status < 500, (verb, path, answer.text)
            if answer.status == 400 and answer.text.startswith('{"error"'):
                description = answer.json["description"]
                assert description, (verb, path)
                assert description.isprintable(), (verb, path, description)


@pytest.mark.parametrize("kind", ["no JSON", "deep arrays", "deep objects", "no UTF-8"])
def test_what_is_no_json_is_refused_where_json_is_needed(caller, routes, kind):
    """All but /network and /moon, which ignore it as stock does, and who needs no body at all."""
    asking = [path for path, verbs in routes.items() if "POST" in verbs]
    lenient = ("/network/", "/moon/", "/bond/", "/earthline/ping/")
    needing = [p for p in asking if not p.startswith(lenient) and not p.endswith("/confirm")]
    assert len(needing) > 8
    for path in needing:
        own = filled(path).replace("1122334455_", f"{caller.service.status()['address']}_")
        answer = caller.authorised("POST", own, HOSTILE[kind])
        assert answer.status == 400, (path, answer.status, answer.text)
        assert answer.json["error"] == 400
        assert "the body is" in answer.json["description"]


def test_body_over_the_limit_is_refused_on_every_route(caller, routes):
    for path in routes:
        for verb in ("POST", "PUT", "GET"):
            answer = announce(caller, verb, filled(path), f"Content-Length: {BODY_LIMIT + 1}")
            assert answer.startswith(b"HTTP/1.1 413 "), (verb, path, answer)


def test_body_that_grows_over_the_limit_is_refused(caller, routes):
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    for path in (path for path, verbs in routes.items() if "POST" in verbs):
        answer = announce(caller, "POST", filled(path), "Transfer-Encoding: chunked", chunk * 5)
        assert answer.startswith(b"HTTP/1.1 413 "), (path, answer)


def announce(caller: Caller, verb: str, path: str, header: str, body: bytes = b"") -> bytes:
    """The beginning of what comes back to a head and a part of its body."""
    connection: socket.socket = caller.service._connect()
    with connection:
        head = (
            f"{verb} {path} HTTP/1.1\r\nHost: x\r\nX-ZT1-Auth: {caller.token}\r\n{header}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        return connection.recv(100)
