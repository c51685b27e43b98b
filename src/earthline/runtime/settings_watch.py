"""``local.conf`` while the service runs: looked at, taken over, and changed (05, 3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from earthline.runtime.base.watch import Watch
from earthline.runtime.home.home import StartFault
from earthline.runtime.settings.settings import restart_needed

if TYPE_CHECKING:
    from earthline.runtime.service import Service

log = structlog.get_logger()

SETTINGS_S = 10.0
"""`local.conf` is looked at this often (05, 3)."""


class SettingsWatch:
    """Has a service go by its settings as they are now."""

    def __init__(self, service: Service) -> None:
        self.watch = Watch("settings", SETTINGS_S, self._reread)
        self.management_moved = asyncio.Event()
        """Set when others begin, or cease, to be allowed to manage this node."""
        self._service = service
        self._settings = service.settings
        self._started_with = self._said = service.settings.parsed.settings

    def change(self, changes: dict[str, Any]) -> None:
        """Rewrite the file and take over what can be; ``OSError`` if it cannot be kept."""
        self._settings.change(changes, self._service.home.keeping.write_now)
        self._take_over()

    async def _reread(self) -> None:
        """Take over a changed file; an unusable one changes nothing while we run."""
        self._service.home.keeping.again()
        self._service.taps.check()
        self._service.tcp_relay_role.check()
        try:
            if not self._settings.reload_if_changed():
                return
        except StartFault as fault:
            log.warning("settings_ignored", fault=str(fault))
            return
        self._take_over()

    def _take_over(self) -> None:
        said = self._settings.parsed.settings
        keys = restart_needed(self._started_with, said)
        if keys and restart_needed(self._said, said):
            log.warning("settings_wait_for_restart", settings=keys)
        if bool(self._said.allow_management_from) != bool(said.allow_management_from):
            self.management_moved.set()
        self._said = said
        service = self._service
        service.tcp_relay_role.check()
        service.underlay.apply_settings(service.node, service.switch)
