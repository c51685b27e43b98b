"""Connections that are used again: announced for five seconds, open for longer (05, 7.1)."""

from __future__ import annotations

import re
import socket
import time

import pytest
from caller import Caller

from earthline.api.http.limit import BODY_LIMIT

REQUESTS = {
    "an answer": ("GET", "/health", {}),
    "a script": ("GET", "/status?jsonp=x&auth={token}", {}),
    "metrics": ("GET", "/metrics?auth={token}", {}),
    "a change": ("POST", "/network/zz?auth={token}", {}),
    "nobody's path": ("GET", "/nowhere?auth={token}", {}),
    "no token": ("GET", "/status", {}),
    "no JSON": ("POST", "/config/settings?auth={token}", {}),
    "too much": ("GET", "/status?auth={token}", {"Content-Length": str(BODY_LIMIT + 1)}),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_answer_says_how_long_its_connection_may_be_used(caller: Caller, kind: str) -> None:
    method, path, headers = REQUESTS[kind]
    answer = caller(method, path.format(token=caller.token), None, headers)
    assert answer.headers["keep-alive"] == "timeout=5, max=5"


def test_connection_is_kept_for_longer_than_is_announced(caller: Caller) -> None:
    """A lower bound: however slow the machine, the end comes no earlier."""
    opened: socket.socket = caller.service._connect()
    with opened:
        opened.sendall(b"GET /health HTTP/1.1\r\n\r\n")
        answer = opened.recv(4096)
        answered_at = time.monotonic()
        announced = re.search(rb"timeout=(\d+)", answer)
        assert announced is not None, answer
        assert opened.recv(1) == b""
        assert time.monotonic() - answered_at > int(announced[1]) + 1.5
