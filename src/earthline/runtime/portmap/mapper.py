"""The worker: keeps one outside port leading to us, for as long as the service runs (02, 7.7)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from earthline.runtime.base.clock import wall_ms
from earthline.runtime.portmap.lease import Client, Lease, NotMapped, Site
from earthline.wire.inet import InetAddress

log = structlog.get_logger()

TRY_S = 90.0
"""No protocol may take longer to say yes or no."""
RETRY_S = 300.0
"""After all have said no (02, 7.7)."""
NO_GATEWAY_S = 0.5
NO_GATEWAY_MOST_S = 30.0
"""Without a gateway: the wait doubles from the one to the other."""
GOODBYE_S = 2.0
"""How long taking mappings back may hold up the end of the service."""
DEBOUNCE_S = 0.2
"""Changes so close together are one."""

MakeClient = Callable[[Site], Awaitable[Client]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One protocol asked of one gateway; ``failure`` in one line, None if it mapped the port."""

    protocol: str
    gateway: str
    failure: str | None


@dataclass(frozen=True, slots=True)
class PortMapping:
    """What is mapped, and how it came to that."""

    enabled: bool
    protocol: str | None = None
    """``pcp``, ``nat-pmp`` or ``upnp``; None while nothing is mapped."""
    gateway: str | None = None
    external: InetAddress | None = None
    internal_port: int = 0
    expires_at: int | None = None
    """In ms; None while nothing is mapped, and for a mapping without end."""
    tried: tuple[Trial, ...] = ()
    """The last round, in order; empty while there is no gateway to ask."""


@dataclass(frozen=True, slots=True)
class _Held:
    site: Site
    client: Client
    lease: Lease


class PortMapper:
    """Maps while ``enabled()``; tells ``mapped`` the outside addresses whenever they change.

    ``sites`` finds the gateways of now; ``protocols`` make clients for them, the best first.
    """

    def __init__(
        self,
        enabled: Callable[[], bool],
        sites: Callable[[], Awaitable[list[Site]]],
        protocols: Sequence[MakeClient],
        mapped: Callable[[tuple[InetAddress, ...]], None],
    ) -> None:
        self._enabled = enabled
        self._find_sites = sites
        self._protocols = protocols
        self._mapped = mapped
        self._woken = asyncio.Event()
        self._held: _Held | None = None
        self._asked: list[Site] = []
        self._due_at = 0.0
        self._no_gateway_s = NO_GATEWAY_S
        self.state = PortMapping(enabled())

    def wake(self) -> None:
        """Sockets, routes or settings may be others now."""
        self._woken.set()

    async def run(self) -> None:
        """For ever; when cancelled, the mapping is removed first."""
        try:
            while True:
                try:
                    wait_s = await self._pass()
                except Exception:
                    log.exception("port_mapping_failed")
                    wait_s = RETRY_S
                await self._wait(wait_s)
        finally:
            await self._let_go()

    async def _wait(self, wait_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
            await asyncio.sleep(DEBOUNCE_S)
        self._woken.clear()

    async def _pass(self) -> float | None:
        """Do what is due; for how long nothing will be (None: until woken)."""
        if not self._enabled():
            await self._let_go()
            self._asked, self.state = [], PortMapping(enabled=False)
            return None
        sites = await self._find_sites()
        now = asyncio.get_running_loop().time()
        if not sites:
            return await self._without_gateway()
        self._no_gateway_s = NO_GATEWAY_S
        if sites == self._asked and now < self._due_at:
            return self._due_at - now
        wait_s = await self._ask(sites)
        self._asked, self._due_at = sites, asyncio.get_running_loop().time() + wait_s
        return wait_s

    async def _without_gateway(self) -> float:
        await self._let_go()
        self._asked, self.state = [], PortMapping(enabled=True)
        wait_s = self._no_gateway_s
        self._no_gateway_s = min(2 * wait_s, NO_GATEWAY_MOST_S)
        return wait_s

    async def _ask(self, sites: list[Site]) -> float:
        """Renew what is held, else try everything; seconds until it is to be done again."""
        trials: list[Trial] = []
        if self._held is not None and self._held.site not in sites:
            await self._let_go()
        lease = None
        if self._held is not None:
            lease = await self._try(self._held.site, self._held.client, trials)
        if lease is None:
            lease = await self._try_all(sites, trials)
        if lease is None:
            self._held = None
        self._show(tuple(trials))
        return RETRY_S if lease is None else lease.renew_in_s

    async def _try_all(self, sites: list[Site], trials: list[Trial]) -> Lease | None:
        for site in sites:
            for make in self._protocols:
                lease = await self._try(site, await make(site), trials)
                if lease is not None:
                    return lease
        return None

    async def _try(self, site: Site, client: Client, trials: list[Trial]) -> Lease | None:
        """Ask for the external port that was ours last, else for the same as inside."""
        held = self._held
        wished = site.port if held is None else held.lease.external.port
        try:
            async with asyncio.timeout(TRY_S):
                lease = await client.map(wished)
        except (NotMapped, TimeoutError) as refusal:
            failure = str(refusal) or f"no result within {TRY_S:.0f} s"
            trials.append(Trial(client.name, site.gateway, failure))
            return None
        trials.append(Trial(client.name, site.gateway, None))
        self._held = _Held(site, client, lease)
        return lease

    async def _let_go(self) -> None:
        """Remove what is mapped, as far as the gateway can still be asked."""
        held, self._held = self._held, None
        if held is None:
            return
        self._show(())
        try:
            async with asyncio.timeout(GOODBYE_S):
                await held.client.release()
            log.info("port_unmapped", external=str(held.lease.external))
        except (NotMapped, TimeoutError) as refusal:
            log.warning("port_not_unmapped", external=str(held.lease.external), error=str(refusal))

    def _show(self, trials: tuple[Trial, ...]) -> None:
        """Tell the node and the log, where there is news."""
        before, held = self.state, self._held
        if held is None:
            self.state = PortMapping(enabled=True, tried=trials)
        else:
            life_ms = held.lease.lifetime_s * 1000
            self.state = PortMapping(
                enabled=True,
                protocol=held.client.name,
                gateway=held.site.gateway,
                external=held.lease.external,
                internal_port=held.site.port,
                expires_at=wall_ms() + life_ms if life_ms else None,
                tried=trials,
            )
        external = self.state.external
        self._mapped(() if external is None else (external,))
        if external is not None and external != before.external:
            log.info("port_mapped", external=str(external), protocol=self.state.protocol)
        elif external is None and trials and trials != before.tried:
            log.info("port_not_mapped", tried={t.protocol: t.failure for t in trials})
