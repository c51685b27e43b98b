"""What the kernel says of a service's devices."""

from __future__ import annotations

import json

from earthline.lab.service import Service


def addresses(service: Service, device: str) -> set[str]:
    (shown,) = json.loads(service.host.run(["ip", "-j", "address", "show", "dev", device]))
    return {f"{item['local']}/{item['prefixlen']}" for item in shown["addr_info"]}


def routes(service: Service, device: str) -> set[tuple[str, str | None]]:
    shown = json.loads(service.host.run(["ip", "-j", "route", "show", "dev", device]))
    return {(item["dst"], item.get("gateway")) for item in shown}
