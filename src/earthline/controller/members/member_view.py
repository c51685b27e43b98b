"""A member as a person wants to see it: is it there, since when, from where, and what is odd.

The stock object has none of this (04, 5.2), so it stands beside it under a key of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from earthline.controller.members.sightings import Sighting
from earthline.controller.objects.addresses import AddressPolicy, Taken, is_reserved
from earthline.controller.objects.coercion import (
    JsonObject,
    as_array,
    as_bool,
    as_int,
    read_address,
)
from earthline.wall import Wall
from earthline.wire.inet import InetAddress
from earthline.wire.network_config import MAX_STATIC_IPS

_MAX_NAMED = 3
"""Addresses that one note names; the number of the others follows."""


def extension(
    member: JsonObject, sighting: Sighting | None, notes: list[str], now: int, wall: Wall
) -> dict[str, Any]:
    """What is said of a member under the key ``earthline``.

    ``online`` within 120 s of its last request; ``lastSeen`` in ms, None since before this start;
    ``physicalAddress`` as ``ip/port``, None by way of a root; ``version`` as ``1.14.1``, None of a
    member that nothing is known of; ``notes``: a line for each thing that is odd about it.
    """
    return {
        "online": sighting is not None and sighting.is_online(now),
        "lastSeen": None if sighting is None else wall.at(sighting.at),
        "physicalAddress": _physical_address(sighting),
        "version": _version(member, sighting),
        "notes": notes,
    }


def assigned_addresses(member: JsonObject) -> list[InetAddress]:
    """The addresses of a record, each once."""
    read = (read_address(text) for text in as_array(member.get("ipAssignments")) or ())
    return [InetAddress(ip, 0) for ip in dict.fromkeys(it.ip for it in read if it is not None)]


def standing_notes(member: JsonObject, *, private: bool) -> list[str]:
    """Whether it is in though a person put it out: a public network lets anybody in (04, 8)."""
    out_at = as_int(member.get("lastDeauthorizedTime"), 0)
    again = 0 < out_at <= as_int(member.get("lastAuthorizedTime"), 0)
    if private or not again or member.get("lastAuthorizedCredentialType") != "public":
        return []
    return ["deauthorized, and in again by itself: the network is public, and lets in whoever asks"]


def address_notes(member: JsonObject, policy: AddressPolicy, taken: Taken) -> list[str]:
    """One line for each thing that makes an assigned address useless, or harmful.

    ``taken`` tells which addresses other members have.
    """
    assigned = assigned_addresses(member)
    others = taken([address.ip for address in assigned]) if assigned else set()
    lines = (
        ("in no route of the network, and not given", _unrouted(assigned, policy)),
        ("reserved by its subnet, and no host can use it", _reserved(assigned, policy)),
        ("another member's too", (it for it in assigned if it.ip in others)),
        (f"more than the {MAX_STATIC_IPS} that a member takes", _too_many(member, policy)),
    )
    return [f"{_named(found)}: {why}" for why, it in lines if (found := list(it))]


def _unrouted(assigned: Iterable[InetAddress], policy: AddressPolicy) -> Iterator[InetAddress]:
    return (address for address in assigned if policy.routed(address) is None)


def _reserved(assigned: Iterable[InetAddress], policy: AddressPolicy) -> Iterator[InetAddress]:
    for address in assigned:
        subnet = policy.subnet(address)
        if subnet is not None and is_reserved(address, subnet):
            yield address


def _too_many(member: JsonObject, policy: AddressPolicy) -> list[InetAddress]:
    """Those that come after the computed ones and the first of the assigned (04, 9.7)."""
    computed = 0
    if not as_bool(member.get("noAutoAssignIps"), False):
        computed = policy.rfc4193 + policy.six_plane
    routed = [it for it in assigned_addresses(member) if policy.routed(it) is not None]
    return routed[MAX_STATIC_IPS - computed :]


def _named(addresses: list[InetAddress]) -> str:
    named = ", ".join(address.ip_text for address in addresses[:_MAX_NAMED])
    more = len(addresses) - _MAX_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _physical_address(sighting: Sighting | None) -> str | None:
    if sighting is None or sighting.path is None:
        return None
    _, ip, port = sighting.path
    return str(InetAddress(ip, port))


def _version(member: JsonObject, sighting: Sighting | None) -> str | None:
    """As its last request says; before that, as the record does."""
    if sighting is not None:
        return _text_of(sighting.version)
    if as_int(member.get("vProto"), 0) > 0xFFFF:
        return None  # -1: it was never let in
    return _text_of([as_int(member.get(key), 0) for key in ("vMajor", "vMinor", "vRev")])


def _text_of(version: Iterable[int]) -> str:
    return ".".join(map(str, version))
