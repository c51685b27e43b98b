"""The stream of events of a real service, and the command that shows it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

from caller import Caller

from earthline.lab.service import Service

SOON_S = 60.0


class Stream:
    """An open stream of a service."""

    def __init__(self, service: Service, path: str = "/earthline/events") -> None:
        token = (service.home / "authtoken.secret").read_text()
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SOON_S)
        self._connection.sock = service._connect()
        self._connection.request("GET", path, headers={"X-ZT1-Auth": token})
        self.response = self._connection.getresponse()

    def events(self) -> Iterator[dict[str, Any]]:
        for line in self.response:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    def until(self, kind: str, **fields: object) -> dict[str, Any]:
        """The first event of a kind with these fields."""
        for event in self.events():
            if event["event"] == kind and fields.items() <= event.items():
                return event
        raise AssertionError(f"the stream ended without {kind}")

    def close(self) -> None:
        self._connection.close()


def test_what_happens_is_told_as_it_happens(node: Service) -> None:
    node.start()
    stream = Stream(node)
    assert stream.response.getheader("content-type", "").startswith("text/event-stream")
    network = node.create_network("10.44.0.0/24", private=False)
    stream.until("controller.network_created", network=network)
    node.join(network)
    stream.until("network.joined", network=network)
    stream.until("member.asked", network=network, member=network[:10])
    stream.until("member.authorized", network=network, member=network[:10])
    stream.until("network.configured", network=network)
    node.command("leave", network)
    stream.until("network.left", network=network)
    began = time.monotonic()
    node.stop()
    assert stream.until("stream.ended")["why"] == "the service stops listening here"
    assert time.monotonic() - began < SOON_S
    stream.close()


def test_command_shows_what_is_kept_and_nobody_listens_without_the_token(caller: Caller) -> None:
    refused = caller("GET", "/earthline/events")
    assert (refused.status, refused.text) == (401, "{}")
    events = json.loads(caller.service.command("events", "--json"))
    assert "node.online" in [event["event"] for event in events]
    assert caller.service.command("events").strip()
