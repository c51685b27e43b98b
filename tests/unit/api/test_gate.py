"""Who may call the API, and its manners (05, 7.1 to 7.3)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest
from starlette.requests import Request
from starlette.responses import Response

from earthline.api.http.answers import StockJson
from earthline.api.http.dress import Dress
from earthline.api.http.gate import Gate, source_allowed
from earthline.api.http.limit import BODY_LIMIT, BodyLimit

TOKEN = "t0ken"
METRICS = "m3trics"


@dataclass
class Keys:
    token: str = TOKEN
    metrics_token: str = METRICS
    management_networks: list[str] = field(default_factory=list)


async def echo(scope, receive, send):
    request = Request(scope, receive)
    body = await request.body()
    if request.url.path == "/boom":
        raise RuntimeError
    if request.url.path == "/empty":
        await Response(status_code=404)(scope, receive, send)
        return
    await StockJson({"method": request.method, "size": len(body)})(scope, receive, send)


def call(path="/status", headers=(), *, source="127.0.0.1", method="GET", body=b"", keys=None):
    """(status, headers, body) of one request to the layers."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": (source, 1),
    }
    sent = []
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return pending.pop(0) if pending else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    gate = Gate(BodyLimit(echo), keys or Keys())
    asyncio.run(Dress(gate, gate.may_call_back)(scope, receive, send))
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), text


GOOD = ("X-ZT1-Auth", TOKEN)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/status", [GOOD], 200),
        ("/status", [("Authorization", f"Bearer {TOKEN}")], 200),
        ("/status", [("Authorization", f"BEARER  {TOKEN}")], 200),
        (f"/status?auth={TOKEN}", [], 200),
        ("/status", [], 401),
        ("/status", [("X-ZT1-Auth", "wrong")], 401),
        ("/status", [("X-ZT1-Auth", "wrong"), ("Authorization", f"Bearer {TOKEN}")], 401),
        ("/status?auth=wrong", [("Authorization", f"Bearer {TOKEN}")], 401),
        ("/status", [("X-ZT1-Auth", METRICS)], 401),
        ("/status", [("X-ZT1-Auth", "")], 401),
        ("/nosuch", [], 401),
        ("/health", [], 200),
        ("/sso", [], 200),
        ("/healthy", [], 401),
        ("/metrics", [], 401),
        ("/metrics", [GOOD], 200),
        ("/metrics", [("X-ZT1-Auth", METRICS)], 200),
    ],
)
def test_token_decides_before_anything_is_routed(path, headers, status):
    found, answered, body = call(path, headers)
    assert found == status
    if status == 401:
        assert body == b"{}"
        assert answered[b"content-type"] == b"application/json"


@pytest.mark.parametrize(
    ("source", "networks", "allowed"),
    [
        ("127.0.0.1", [], True),
        ("127.9.9.9", [], True),
        ("::1", [], True),
        ("fe80::1", [], True),
        ("fe80::1%eth0", [], True),
        ("::ffff:127.0.0.1", [], True),
        ("10.0.0.1", [], False),
        ("::ffff:10.0.0.1", ["10.0.0.0/8"], True),
        ("10.0.0.1", ["10.0.0.0/8"], True),
        ("2001:db8::1", ["10.0.0.0/8"], False),
        ("not an address", ["0.0.0.0/0"], False),
    ],
)
def test_source_must_be_near(source, networks, allowed):
    assert source_allowed(source, networks) is allowed


def test_token_does_not_help_from_afar():
    assert call(headers=[GOOD], source="10.0.0.1")[0] == 401
    near = Keys(management_networks=["10.0.0.0/8"])
    assert call(headers=[GOOD], source="10.0.0.1", keys=near)[0] == 200


def test_metrics_have_no_source_check():
    assert call("/metrics", [("X-ZT1-Auth", METRICS)], source="10.0.0.1")[0] == 200


@pytest.mark.parametrize(
    ("method", "routed"), [("PUT", "POST"), ("HEAD", "GET"), ("DELETE", "DELETE")]
)
def test_put_is_post_and_head_is_get(method, routed):
    assert json.loads(call(headers=[GOOD], method=method)[2])["method"] == routed


def test_jsonp_wraps_json_only():
    status, headers, body = call("/status?jsonp=cb", [GOOD])
    assert (status, headers[b"content-type"]) == (200, b"application/javascript")
    assert body == b'cb({"method":"GET","size":0});'
    assert headers[b"content-length"] == str(len(body)).encode()
    assert call("/empty?jsonp=cb", [GOOD])[2] == b""


@pytest.mark.parametrize("name", ["alert(1)//", "a%0Ab", "a%00", "1a", "a;b", "ä", "a" * 129, ""])
def test_callback_that_is_no_name_is_ignored(name):
    assert call(f"/status?jsonp={name}", [GOOD])[2].startswith(b"{")


def test_what_everybody_may_read_is_a_script_only_with_a_token():
    """Else each web page could have its reader's browser tell it of this node."""
    assert call("/health?jsonp=cb")[2] == b'{"method":"GET","size":0}'
    assert call("/health?jsonp=cb", [("X-ZT1-Auth", "wrong")])[2].startswith(b"{")
    assert call("/health?jsonp=cb", [("X-ZT1-Auth", METRICS)])[2].startswith(b"{")
    assert call("/health?jsonp=cb", [GOOD])[2] == b'cb({"method":"GET","size":0});'
    assert call(f"/health?auth={TOKEN}&jsonp=cb")[2] == b'cb({"method":"GET","size":0});'


def test_refusal_is_wrapped_too():
    assert call("/status?jsonp=x")[::2] == (401, b"x({});")


def test_body_over_the_limit_is_refused():
    assert call(headers=[GOOD], method="POST", body=bytes(BODY_LIMIT + 1))[0] == 413
    assert call(headers=[GOOD], method="POST", body=bytes(BODY_LIMIT))[0] == 200
    announced = ("Content-Length", str(BODY_LIMIT + 1))
    assert call(headers=[GOOD, announced], method="GET")[0] == 413
    assert call(headers=[announced], method="POST")[0] == 401


def test_fault_of_ours_is_a_500_that_tells_nothing(capsys):
    status, _, body = call("/boom", [GOOD])
    assert status == 500
    assert json.loads(body)["error"] == 500
    assert b"RuntimeError" not in body
    assert "RuntimeError" in capsys.readouterr().out
