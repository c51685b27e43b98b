"""The systems that are compared: how two hosts of a lab are connected by each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from earthline.lab import Lab
from measures import Pair
from systems import bare, easytier, fastd, nebula, tinc, wireguard, zerotier

_STOCK = [zerotier.STOCK]


@dataclass(frozen=True, slots=True)
class System:
    """How two hosts are connected."""

    connect: Callable[[Lab], Pair]
    relay: Callable[[Lab], Pair] | None = None
    """The same with a third host between them; None where that is not measured."""
    programs: tuple[str, ...] = ()
    """What has to be on this machine."""

    @property
    def present(self) -> bool:
        return all(shutil.which(program) for program in self.programs)


SYSTEMS = {
    "raw": System(bare.connect, bare.relay),
    "earthline": System(zerotier.connect, zerotier.relay),
    "zerotier-one": System(
        partial(zerotier.connect, near=_STOCK, far=_STOCK),
        partial(zerotier.relay, program=_STOCK),
        (zerotier.STOCK,),
    ),
    "earthline-to-zerotier-one": System(
        partial(zerotier.connect, far=_STOCK), programs=(zerotier.STOCK,)
    ),
    "zerotier-one-to-earthline": System(
        partial(zerotier.connect, near=_STOCK), programs=(zerotier.STOCK,)
    ),
    "nebula": System(nebula.connect, programs=("nebula", "nebula-cert")),
    "tinc": System(tinc.connect, programs=("tincd",)),
    "wireguard-go": System(wireguard.connect, programs=("wireguard-go", "wg")),
    "fastd": System(fastd.connect, programs=("fastd",)),
    "easytier": System(easytier.connect, programs=("easytier-core",)),
}


def available() -> list[str]:
    """What can be measured here."""
    return [name for name, system in SYSTEMS.items() if system.present]


def left_out() -> dict[str, str]:
    """What is installed here and yet not measured, each with the reason."""
    reason = "it needs a control server of its own, which nothing here sets up"
    return {"tailscaled": reason} if shutil.which("tailscaled") else {}
