"""Commands of the host to the node: what `Node.send` takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from earthline.effects.configure import Configure


@dataclass(frozen=True, slots=True)
class Join:
    """Become a member of a network."""

    network: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave a network and forget it."""

    network: int


@dataclass(frozen=True, slots=True)
class Orbit:
    """Take part in a moon; ``seed`` is the address of one of its roots, or 0."""

    world_id: int
    seed: int


@dataclass(frozen=True, slots=True)
class Deorbit:
    """Leave a moon."""

    world_id: int


@dataclass(frozen=True, slots=True)
class TakeWorld:
    """A planet or moon from a file of the user: taken under the rules of 01, 7.3."""

    world: bytes


@dataclass(frozen=True, slots=True)
class AskRoots:
    """Ask every root for a sign of life, by datagrams of ``size`` bytes; 0: small ones."""

    size: int


@dataclass(frozen=True, slots=True)
class SendEcho:
    """Ask a node for a sign of life; its answer is an `EchoAnswered` with the same payload."""

    address: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class SendConfig:
    """Our controller's configuration for a member (04, 8): the node cuts, signs and sends it."""

    network: int
    member: int
    dictionary: bytes
    in_re: int
    """Packet ID of the request answered; 0: an unsolicited push."""


@dataclass(frozen=True, slots=True)
class SendConfigError:
    """Our controller's refusal (03, 2.5). ``data`` is the dictionary of code 0x09, or empty."""

    network: int
    member: int
    in_re: int
    code: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class SendCredentials:
    """A NETWORK_CREDENTIALS payload of our controller, such as a revocation (04, 10.3)."""

    member: int
    payload: bytes


HostCommand: TypeAlias = (
    Join
    | Leave
    | Orbit
    | Deorbit
    | TakeWorld
    | AskRoots
    | SendEcho
    | Configure
    | SendConfig
    | SendConfigError
    | SendCredentials
)
"""What `Node.send` takes."""
