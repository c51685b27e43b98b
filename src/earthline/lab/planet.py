"""Planets with several roots, and moons, made before any of their roots runs."""

from __future__ import annotations

import os
import time

from earthline.lab.service import Service
from earthline.root.planet import SigningKey, define_moon, define_planet, world_file
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.world import Root

WORLD_ID = 0x0E_0000_0000_ABCD
"""Names no Earth: what joins a network here was told to."""


def make_planet(*roots: Service) -> bytes:
    """The planet file of these roots. It gives each its identity: none may have been started."""
    key = SigningKey.generate(os.urandom)
    definition = define_planet([_root(service) for service in roots], key, WORLD_ID)
    return definition.issue(_now()).emit()


def make_moon(seed: Service) -> str:
    """Put a moon of this one root into its home folder, with an identity; the moon's ID.

    It must not have been started.
    """
    root = _root(seed)
    moon = define_moon(root.identity, SigningKey.generate(os.urandom)).with_roots([root])
    folder = seed.home / "moons.d"
    folder.mkdir()
    (folder / world_file(moon)).write_bytes(moon.issue(_now()).emit())
    return f"{moon.world_id:016x}"


def _now() -> int:
    return time.time_ns() // 1_000_000


def give_identity(service: Service) -> Identity:
    """Put a fresh identity into the home folder of a service that was never started."""
    identity = SecretIdentity.generate(os.urandom(32), os.cpu_count() or 1)
    (service.home / "identity.secret").write_text(identity.text)
    (service.home / "identity.public").write_text(str(identity.public))
    return identity.public


def _root(service: Service) -> Root:
    return Root(
        give_identity(service), (InetAddress.parse(f"{service.host.address}/{service.port}"),)
    )
