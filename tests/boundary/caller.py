"""Requests of any kind to a service inside a lab, and what came back."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any

from earthline.lab.service import Service


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Caller:
    """Makes requests of any kind to a service inside a lab."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.token = (service.home / "authtoken.secret").read_text()
        self.metrics_token = (service.home / "metricstoken.secret").read_text()

    def __call__(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=20)
        connection.sock = self.service._connect()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, found, response.read().decode())
        finally:
            connection.close()

    def authorised(self, method: str, path: str, body: str | bytes | None = None) -> Reply:
        return self(method, path, body, {"X-ZT1-Auth": self.token})
