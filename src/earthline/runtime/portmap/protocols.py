"""The protocols of one node, in the order in which gateways are asked."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
from collections.abc import Awaitable, Callable
from functools import partial

from earthline.runtime.portmap.lease import Client, Site
from earthline.runtime.portmap.natpmp import NatPmp
from earthline.runtime.portmap.pcp import NONCE_LENGTH, Pcp
from earthline.wire.address import format_address
from earthline.wire.identity import SecretIdentity


def protocols_of(identity: SecretIdentity) -> tuple[Callable[[Site], Awaitable[Client]], ...]:
    """PCP, NAT-PMP, UPnP."""
    label = f"ZeroTier/{format_address(identity.address)}@"
    return (partial(_pcp, identity), _nat_pmp, partial(_upnp, label))


def nonce_of(identity: SecretIdentity, port: int) -> bytes:
    """The same in every run, and known to nobody else: a mapping left by a crash is still ours."""
    secret = hashlib.sha256(identity.private_key).digest()
    purpose = f"PCP nonce of port {port}".encode()
    return hashlib.blake2b(purpose, digest_size=NONCE_LENGTH, key=secret).digest()


async def _pcp(identity: SecretIdentity, site: Site) -> Client:
    return Pcp(site, nonce_of(identity, site.port))


async def _nat_pmp(site: Site) -> Client:
    return NatPmp(site)


async def _upnp(label: str, site: Site) -> Client:
    """Few gateways need it, and its library takes half a second to load: not on our loop."""
    module = await asyncio.to_thread(importlib.import_module, "earthline.runtime.portmap.upnp")
    client: Client = module.Upnp(site, label)
    return client
