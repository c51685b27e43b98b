"""What an earlier run stored: worlds and peers come back (02, 1.3 and 3.3)."""

from __future__ import annotations

from collections.abc import Callable

from earthline.effects import StateLoaded
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.proofs import Proofs
from earthline.vl1.peers.cache import PeerCache
from earthline.vl1.peers.worlds import Worlds
from earthline.wire.world import World, WorldKind


class LoadedState:
    """Takes stored objects; one that does not parse raises `Malformed` and changes nothing."""

    def __init__(
        self,
        local: Local,
        worlds: Worlds,
        cache: PeerCache,
        proofs: Proofs,
        worlds_changed: Callable[[int], None],
    ) -> None:
        self._local = local
        self._worlds = worlds
        self._cache = cache
        self._proofs = proofs
        self._worlds_changed = worlds_changed

    def load(self, event: StateLoaded, now: int) -> None:
        """Take a ``planet``, ``moon`` or ``peer``."""
        if event.kind == "peer":
            peer = self._cache.load(event.data, now)
            if peer is not None and not peer.genuine:
                self._proofs.later(peer.identity, now)
        else:
            self._load_world(event, now)

    def _load_world(self, event: StateLoaded, now: int) -> None:
        world = World.parse(event.data)
        moon = world.kind is WorldKind.MOON
        if moon != (event.kind == "moon") or (moon and world.world_id != event.key):
            self._local.count("state_misnamed")
            self._local.report("state_misnamed", kind=event.kind, key=f"{event.key:010x}")
            return
        if self._worlds.accept(world, from_disk=True, store=False):
            self._worlds_changed(now)
