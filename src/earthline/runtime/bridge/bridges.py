"""What is bridged: set up with a way back, confirmed, rolled back, and undone.

                 journal, then kernel               confirm
    down ─────────────────────────────▶ unconfirmed ───────▶ up
      ▲                                      │ timer           │
      └──────────────────────────────────────┴─────────────────┘ down, leave, stop, next start

While a network is bridged, its managed addresses are on the bridge, since a port of a bridge has no
IP of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple, Self

import structlog

from earthline.runtime.base.clock import now_ms
from earthline.runtime.base.keeping import Keeping
from earthline.runtime.bridge.checks import (
    BridgeRefused,
    Choice,
    Wish,
    choose_bridge,
    demand_active_bridge,
    demand_movable,
)
from earthline.runtime.bridge.journal import Bridging, Journal
from earthline.runtime.bridge.kernel import BridgeKernel, Link
from earthline.runtime.bridge.loop import leads_back
from earthline.runtime.taps.taps import Tap, Taps
from earthline.vl2.status import NetworkState
from earthline.wire.inet import InetAddress

log = structlog.get_logger()

CHECK_S = 2.0
"""How often bridges are looked at: parts that vanished, and what is due to be undone."""


class Indexes(NamedTuple):
    """The kernel's numbers of the interfaces of one bridging."""

    bridge: int
    interface: int
    device: int


class Parts(NamedTuple):
    """The interfaces themselves; None for one that is not there."""

    bridge: Link | None
    interface: Link | None
    device: Link | None


class Bridges:
    """All bridged networks of the service. Use as an asynchronous context: its end undoes all."""

    def __init__(
        self,
        keeping: Keeping,
        address: int,
        taps: Taps,
        state_of: Callable[[int], NetworkState | None],
    ) -> None:
        """``address`` is the node's own; ``state_of`` tells what is known of a joined network."""
        self._address = address
        self._taps = taps
        self._state_of = state_of
        self._journal = Journal(keeping)
        self._kernel = BridgeKernel()
        self._entries: dict[int, Bridging] = {}
        self._indexes: dict[int, Indexes] = {}
        """Of what this run has bridged. All may get other names meanwhile."""
        self._one_at_a_time = asyncio.Lock()
        self._woken = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Undo what an earlier run left behind."""
        await self._kernel.__aenter__()
        for entry in self._journal.left_behind():
            log.warning("bridge_left_behind", bridge=entry.bridge, interface=entry.interface)
            self._entries[entry.network] = entry
            await self._undo(entry)
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._one_at_a_time:
            for entry in self.entries:
                await self._undo(entry)
        await self._kernel.__aexit__(None, None, None)

    @property
    def entries(self) -> list[Bridging]:
        """What is bridged, by network ID."""
        return [self._entries[network] for network in sorted(self._entries)]

    def entry(self, network: int) -> Bridging | None:
        """How a network is bridged, if it is."""
        return self._entries.get(network)

    # --- what the user asks for -------------------------------------------------------------------

    async def up(self, wish: Wish) -> Bridging:
        """Bridge a network to an interface; `BridgeRefused` where that would do harm.

        ``OSError`` with the file's name if it cannot be written down before.
        """
        async with self._one_at_a_time:
            tap = self._demand_tap(wish.network)
            try:
                links = await self._kernel.links()
                device = self._demand_device(tap, links)
                choice = choose_bridge(wish, device.name, links)
                index = choice.interface.index
                demand_movable(wish, choice, await self._kernel.carries_default_route(index))
                await self._demand_no_way_back(choice, device)
                return await self._set_up(wish, choice, device)
            except OSError as error:
                if error.filename is not None:
                    raise
                raise BridgeRefused(f"{wish.interface}: {error.strerror or error}") from None

    async def down(self, network: int) -> Bridging:
        """Undo; `BridgeRefused` if the network is not bridged."""
        async with self._one_at_a_time:
            entry = self._demand_entry(network)
            await self._undo(entry)
            return entry

    async def confirm(self, network: int) -> Bridging:
        """Stop the roll-back timer."""
        async with self._one_at_a_time:
            entry = self._demand_entry(network)
            entry.roll_back_at = 0
            self._write()
            return entry

    def wake(self) -> None:
        """Look at once whether all still stands: an interface has gone, or a network."""
        self._woken.set()

    async def run(self) -> None:
        """Roll back what nobody confirmed, and clear away what lost a part; for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_next()):
                    await self._woken.wait()
            self._woken.clear()
            async with self._one_at_a_time:
                try:
                    await self._check()
                except OSError as error:
                    log.warning("bridges_not_checked", error=str(error))

    # --- checks -----------------------------------------------------------------------------------

    def _demand_tap(self, network: int) -> Tap:
        state, tap = self._state_of(network), self._taps.tap(network)
        if state is None or tap is None or not tap.name:
            raise BridgeRefused(f"{network:016x} is not joined: `earthline join` joins it")
        if (entry := self._entries.get(network)) is not None:
            raise BridgeRefused(
                f"{network:016x} is bridged to {entry.interface} already: "
                "`earthline bridge down` ends that"
            )
        demand_active_bridge(network, self._address, state.is_bridge)
        return tap

    def _demand_entry(self, network: int) -> Bridging:
        entry = self._entries.get(network)
        if entry is None:
            raise BridgeRefused(
                f"{network:016x} is not bridged, or its roll-back timer has run out: "
                "`earthline bridge status` shows what is"
            )
        return entry

    @staticmethod
    def _demand_device(tap: Tap, links: dict[str, Link]) -> Link:
        for link in links.values():
            if link.index == tap.index:
                return link
        raise BridgeRefused(f"{tap.name} was deleted a moment ago: try again")

    async def _demand_no_way_back(self, choice: Choice, device: Link) -> None:
        link = choice.existing or choice.interface
        if link.up and await leads_back(link.name, link.mac, device.name):
            raise BridgeRefused(
                f"a loop: the LAN of {link.name} already reaches the network through another bridge"
            )

    # --- doing and undoing ------------------------------------------------------------------------

    async def _set_up(self, wish: Wish, choice: Choice, device: Link) -> Bridging:
        interface = choice.interface
        entry = Bridging(
            wish.network,
            interface.name,
            choice.bridge,
            device.name,
            created=choice.existing is None,
            was_up=interface.up,
            mtu=interface.mtu,
            roll_back_at=now_ms() + wish.roll_back_ms if wish.roll_back_ms else 0,
        )
        if entry.created:
            entry.addresses = await self._kernel.addresses(interface.index)
            entry.routes = await self._kernel.routes(interface.index)
        self._journal.announce([*self.entries, entry])
        self._entries[wish.network] = entry
        try:
            await self._connect(entry, choice, device)
        except OSError:
            await self._undo(entry)
            raise
        self._woken.set()
        log.info("bridged", network=f"{wish.network:016x}", bridge=entry.bridge)
        return entry

    async def _connect(self, entry: Bridging, choice: Choice, device: Link) -> None:
        interface = choice.interface
        if choice.existing is None:
            bridge = await self._kernel.make_bridge(entry.bridge, interface.mac)
            await self._kernel.set_master(interface.index, bridge)
            await self._kernel.set_up(interface.index, up=True)
            await self._move(entry, interface.index, bridge)
        else:
            bridge = choice.existing.index
        self._indexes[entry.network] = Indexes(bridge, interface.index, device.index)
        await self._kernel.set_master(device.index, bridge)
        await self._taps.move(entry.network, bridge, lambda managed: self._note(entry, managed))

    async def _undo(self, entry: Bridging) -> None:
        """Bring the host back to how it was; what is gone already is fine."""
        try:
            await self._disconnect(entry)
        except OSError as error:
            # It stays in the journal, and the next check or the next start tries again.
            log.warning("bridge_not_undone", bridge=entry.bridge, error=str(error))
            return
        del self._entries[entry.network]
        self._indexes.pop(entry.network, None)
        self._write()
        log.info("unbridged", network=f"{entry.network:016x}", bridge=entry.bridge)

    async def _disconnect(self, entry: Bridging) -> None:
        parts = self._parts(entry, await self._kernel.links())
        bridge, interface, device = parts.bridge, parts.interface, parts.device
        if bridge is not None and device is not None and device.master == bridge.index:
            await self._kernel.set_master(device.index, 0)
        await self._taps.move(entry.network, 0, None)
        if bridge is not None:
            for text in entry.managed:
                await self._kernel.remove_routes_from(bridge.index, text.partition("/")[0])
                await self._kernel.remove_address(bridge.index, text)
            if entry.created:
                await self._kernel.delete_link(bridge.index)
        if entry.created and interface is not None:
            await self._give_back(entry, interface)

    async def _move(self, entry: Bridging, source: int, target: int) -> None:
        for text in entry.addresses:
            await self._kernel.remove_address(source, text)
            await self._kernel.add_address(target, text)
        for route in entry.routes:
            await self._kernel.add_route(target, route)

    async def _give_back(self, entry: Bridging, interface: Link) -> None:
        for text in entry.addresses:
            await self._kernel.add_address(interface.index, text)
        if not entry.was_up:
            await self._kernel.set_up(interface.index, up=False)
            return
        for route in entry.routes:
            await self._kernel.add_route(interface.index, route)

    def _note(self, entry: Bridging, managed: list[InetAddress]) -> None:
        """Addresses that are about to be on the bridge: a crash must not leave them there."""
        texts = sorted({*entry.managed, *(str(address) for address in managed)})
        if texts != entry.managed:
            entry.managed = texts
            self._write()

    def _write(self) -> None:
        self._journal.write(self.entries)

    # --- time and accidents -----------------------------------------------------------------------

    def _until_next(self) -> float:
        """Seconds to the next roll-back, or to the next look."""
        due = [entry.roll_back_at for entry in self._entries.values() if entry.roll_back_at]
        left = (min(due) - now_ms()) / 1000 if due else CHECK_S
        return min(CHECK_S, max(0.01, left))

    async def _check(self) -> None:
        if not self._entries:
            return
        links = await self._kernel.links()
        for entry in self.entries:
            if 0 < entry.roll_back_at <= now_ms():
                log.warning("bridge_rolled_back", network=f"{entry.network:016x}")
                await self._undo(entry)
            elif not await self._stands(entry, links):
                log.warning("bridge_lost_a_part", network=f"{entry.network:016x}")
                await self._undo(entry)

    async def _stands(self, entry: Bridging, links: dict[str, Link]) -> bool:
        """Whether the bridge is there, with both of its ports: a device made anew is put back."""
        parts = self._parts(entry, links)
        self._take_names(entry, parts)
        bridge, interface, device = parts.bridge, parts.interface, parts.device
        if bridge is None or interface is None:
            return False
        if bridge.index not in {interface.master, interface.index}:
            return False
        if device is None:
            return await self._put_back(entry, bridge)
        return device.master == bridge.index

    async def _put_back(self, entry: Bridging, bridge: Link) -> bool:
        """Make the network's new device a port in place of the one that was deleted."""
        indexes, tap = self._indexes.get(entry.network), self._taps.tap(entry.network)
        if indexes is None or tap is None or tap.error:
            return False
        if tap.index not in {0, indexes.device}:  # else it is about to be made
            await self._kernel.set_master(tap.index, bridge.index)
            self._indexes[entry.network] = indexes._replace(device=tap.index)
        return True

    def _parts(self, entry: Bridging, links: dict[str, Link]) -> Parts:
        """What a bridging consists of, as far as it is there; of an earlier run, by name."""
        if (indexes := self._indexes.get(entry.network)) is None:
            names = (entry.bridge, entry.interface, entry.device)
            return Parts(*(links.get(name) for name in names))
        by_index = {link.index: link for link in links.values()}
        return Parts(*(by_index.get(index) for index in indexes))

    def _take_names(self, entry: Bridging, parts: Parts) -> None:
        """What was renamed: the user sees the names, and the next run goes by them."""
        known = (entry.bridge, entry.interface, entry.device)
        names = tuple(
            before if link is None else link.name for before, link in zip(known, parts, strict=True)
        )
        if names != known:
            entry.bridge, entry.interface, entry.device = names
            self._write()
