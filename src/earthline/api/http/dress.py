"""HTTP manners of the stock API (05, 7.1 and 7.3): PUT is POST, HEAD is GET, JSONP, 500."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earthline.api.http.answers import failure

log = structlog.get_logger()

METHODS = {"PUT": "POST", "HEAD": "GET"}
NOT_FOUND = 404
CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,127}", re.ASCII)
"""What may be called with an answer: a name and nothing that runs by itself."""


class Dress:
    """The outermost ASGI layer."""

    def __init__(self, app: ASGIApp, may_call_back: Callable[[Scope], bool]) -> None:
        """``may_call_back``: whether the answer to a request may be wrapped into a call."""
        self._app = app
        self._may_call_back = may_call_back

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Translate the request, and dress the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = scope["method"]
        translated = {**scope, "method": METHODS.get(asked, asked), "asked_method": asked}
        callback = callback_of(scope)
        if callback is not None and not self._may_call_back(scope):
            callback = None
        answer = Answer(send, callback)
        try:
            await self._app(translated, receive, answer.take)
        except Exception:
            log.exception("api_fault", path=scope["path"])
            if not answer.started:
                await failure(500, "internal error, see the log")(scope, receive, send)
            elif not answer.complete:
                raise


def callback_of(scope: Scope) -> str | None:
    """The JSONP callback asked for, if it is a name."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    name = query.get("jsonp", [""])[0]
    return name if CALLBACK.fullmatch(name) else None


class Answer:
    """Passes an answer on; a JSON one is wrapped into a call where a callback was asked for."""

    def __init__(self, send: Send, callback: str | None) -> None:
        self._send = send
        self._callback = callback
        self._held: Message | None = None
        self._body = b""
        self.started = False
        self.complete = False

    async def take(self, message: Message) -> None:
        """One ASGI message of the answer."""
        if message["type"] == "http.response.start":
            self.started = True
            if self._callback is not None and _is_json(message):
                self._held = message
                return
        else:
            self.complete = not message.get("more_body")
        if self._held is not None:
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
