"""How large a request may be. What is kept here belongs to callers that have shown the token."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earthline.api.http.answers import empty
from earthline.api.http.gate import is_open

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes; the largest rule sets and imports are far below."""


class BodyLimit:
    """ASGI layer that answers 413 to what is too large, before anybody reads any of it.

    The body is read here and handed on whole: no reader has to cope with one that breaks off, and
    what frameworks make of that (a 500, or a 400 without a word) cannot differ by route.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _announced(scope) > BODY_LIMIT:
            await empty(413)(scope, receive, send)
        elif scope["method"] != "POST" or is_open(scope["path"]):
            # Nobody reads it, and without a token nobody has us keep 4 MiB.
            await self._app(scope, receive, send)
        elif (body := await _whole(receive)) is None:
            await empty(413)(scope, receive, send)
        else:
            await self._app(scope, _replay(body, receive), send)


def _announced(scope: Scope) -> int:
    """What the head says of the body's length; 0 if it does not."""
    text = dict(scope["headers"]).get(b"content-length", b"")
    return int(text) if len(text) < 20 and text.isdigit() else 0


async def _whole(receive: Receive) -> list[Message] | None:
    """The body's messages, to the last one or to the end of the connection; None: too large."""
    messages, taken = [], 0
    while True:
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_LIMIT:
            return None
        messages.append(message)
        if not message.get("more_body"):
            return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def again() -> Message:
        return next(waiting, None) or await receive()

    return again
