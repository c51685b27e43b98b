"""The file ``trustedpaths`` of old releases, read like entries of ``physical`` (05, 3.5).

::

    # comment
    4d=192.168.40.0/24
"""

from __future__ import annotations

import ipaddress
from typing import Any

from earthline.runtime.home.home import StartFault

ID_LIMIT = 1 << 64
"""IDs of trusted paths are 64 bits (01, 3.7)."""


def parse_trusted_paths(data: bytes, name: str) -> dict[str, int]:
    """Trusted path ID by network; `StartFault` naming the file and line that is wrong."""
    found = {}
    for number, raw in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        path_id, _, network = (part.strip() for part in line.partition("="))
        try:
            found[str(ipaddress.ip_network(network, strict=False))] = int(path_id, 16)
        except ValueError:
            raise StartFault(f"{name}: line {number} is not <hex ID>=<ip/bits>: {line}") from None
        if not 0 < int(path_id, 16) < ID_LIMIT:
            raise StartFault(f"{name}: line {number}: the ID is not of 1 to 16 hex digits: {line}")
    return found


def with_trusted_paths(raw: dict[str, Any], trusted: dict[str, int]) -> dict[str, Any]:
    """``local.conf`` with these entries added; its own entry for a network takes precedence."""
    stored = raw.get("physical")
    if not trusted or not isinstance(stored, dict | None):
        return raw
    physical = dict(stored or {})
    for network, path_id in trusted.items():
        entry = physical.get(network, {})
        if isinstance(entry, dict):
            physical[network] = {"trustedPathId": path_id, **entry}
    return {**raw, "physical": physical}
