"""HTTP manners of the stock API (05, 7.1 and 7.3): PUT is POST, HEAD is GET, JSONP, limits, 500."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earthline.api.answers import empty, failure

log = structlog.get_logger()

METHODS = {"PUT": "POST", "HEAD": "GET"}
NOT_FOUND = 404
BODY_LIMIT = 4 * 1024 * 1024
"""Bytes; the largest rule sets and imports are far below."""
CALLBACK = re.compile(r"[A-Za-z_$][\w$.]*", re.ASCII)


class _TooLarge(Exception):
    pass


class Dress:
    """The outermost ASGI layer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Translate the request, limit it, and dress the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        translated = {**scope, "method": METHODS.get(scope["method"], scope["method"])}
        answer = Answer(send, callback_of(scope))
        try:
            await self._app(translated, _limited(receive), answer.take)
        except _TooLarge:
            if not answer.started:
                await empty(413)(scope, receive, send)
        except Exception:
            log.exception("api_fault", path=scope["path"])
            if answer.started:
                raise
            await failure(500, "internal error, see the log")(scope, receive, send)


def callback_of(scope: Scope) -> str | None:
    """The JSONP callback asked for, if it is a name."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    name = query.get("jsonp", [""])[0]
    return name if CALLBACK.fullmatch(name) else None


def _limited(receive: Receive) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_LIMIT:
            raise _TooLarge
        return message

    return limited


class Answer:
    """Passes an answer on; a JSON one is wrapped into a call where a callback was asked for."""

    def __init__(self, send: Send, callback: str | None) -> None:
        self._send = send
        self._callback = callback
        self._held: Message | None = None
        self._body = b""
        self.started = False

    async def take(self, message: Message) -> None:
        """One ASGI message of the answer."""
        if message["type"] == "http.response.start":
            self.started = True
            if self._callback is not None and _is_json(message):
                self._held = message
                return
        elif self._held is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._send_wrapped(self._held)
            return
        await self._send(message)

    async def _send_wrapped(self, start: Message) -> None:
        # What was not found is an empty answer, and that is null inside a call.
        found = self._body if start["status"] != NOT_FOUND else b"null"
        body = f"{self._callback}(".encode() + found + b");"
        headers = [
            (b"content-type", b"application/javascript"),
            (b"content-length", str(len(body)).encode()),
        ]
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _is_json(start: Message) -> bool:
    return (b"content-type", b"application/json") in start["headers"]
