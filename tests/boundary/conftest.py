from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from earthline.lab import Lab, missing
from earthline.lab.service import Service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = missing()
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.namespaces)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


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
        body: str | None = None,
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

    def authorised(self, method: str, path: str, body: str | None = None) -> Reply:
        return self(method, path, body, {"X-ZT1-Auth": self.token})


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def node(lab: Lab) -> Service:
    return Service(lab.host("root"))


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    """Of a root on its own planet, member of its Earth."""
    with Lab() as lab:
        service = Service(lab.host("root"))
        service.start()
        planet = service.found_planet()
        service.wait_ip(planet.earth)
        yield Caller(service)
