"""Name servers of a network, given to systemd-resolved for the domain they serve (03, 9.3).

With ``allowDNS`` the link of the network gets the servers, and the domain both for searching and
for routing: only names in it go there. It all vanishes with the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from dataclasses import dataclass

from earthline.wire.inet import InetAddress

RESOLVECTL = "resolvectl"
TIMEOUT_S = 10.0
"""How long systemd-resolved may take to answer."""

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
"""Not the root, which all names are in; nor anything that resolvectl takes for an option, a route
(``~``) or several words."""
_LONGEST_DOMAIN = 253
"""Characters of a domain (RFC 1035)."""


@dataclass(frozen=True, slots=True)
class LinkNames:
    """What a link's resolver is to know."""

    domain: str
    servers: tuple[InetAddress, ...]


class NamesRefused(Exception):
    """Why the host's resolver did not take a network's servers, in one line."""


async def set_names(device: str, names: LinkNames) -> None:
    """Have the names of a domain asked of these servers over this interface, or `NamesRefused`."""
    if not _DOMAIN.fullmatch(names.domain) or len(names.domain) > _LONGEST_DOMAIN:
        raise NamesRefused("the domain that the controller names is none: its servers are not used")
    try:
        await _resolvectl("dns", device, *(server.ip_text for server in names.servers))
        await _resolvectl("domain", device, names.domain)
        await _resolvectl("default-route", device, "no")
    except NamesRefused:
        with contextlib.suppress(NamesRefused):
            await clear_names(device)
        raise


async def clear_names(device: str) -> None:
    """Forget what `set_names` set."""
    await _resolvectl("revert", device)


async def _resolvectl(*words: str) -> None:
    """Run the client of systemd-resolved, which speaks D-Bus for us."""
    program = shutil.which(RESOLVECTL)
    if program is None:
        raise NamesRefused("systemd-resolved is not installed: set the servers up by hand")
    child = await asyncio.create_subprocess_exec(
        program,
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, complaint = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        raise NamesRefused("systemd-resolved does not answer") from None
    except asyncio.CancelledError:
        child.kill()
        raise
    if child.returncode:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        raise NamesRefused(f"systemd-resolved: {lines[-1] if lines else 'it does not say why'}")
