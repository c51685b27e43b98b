"""A controller in memory, and members that ask it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

from earthline import _native
from earthline.controller.authority import Authority
from earthline.controller.issue.request import Command
from earthline.controller.members.strangers import FORGET_MS
from earthline.controller.store import Store
from earthline.effects import RequestConfig, SendConfig
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.metadata import RequestMetadata
from earthline.wire.network_config import NetworkConfig

CONTROLLER = 0xB48062DE76
LAB = 0xB48062DE76000001
MEMBER = 0xE2189D2483
NOW = 1_795_337_000_000


def secret_identity(address: int) -> SecretIdentity:
    """Any key under the wanted address; the controller leaves proofs of work to the peer engine."""
    private = hashlib.sha512(address.to_bytes(5, "big")).digest()
    return SecretIdentity(Identity(address, _native.public_key_of(private)), private)


class Lab:
    """An authority with a clock of its own."""

    def __init__(self, store: Store, forget_ms: int = FORGET_MS) -> None:
        self.store = store
        self.now = NOW
        self.identity = secret_identity(CONTROLLER)
        entropy = random.Random(7).randbytes
        self.authority = Authority(self.identity, store, entropy, forget_ms=forget_ms)

    def create(self, network: int = LAB, **fields: object) -> None:
        self.authority.post_network(network, fields, self.now)

    def ask(
        self,
        member: int = MEMBER,
        *,
        network: int = LAB,
        packet_id: int = 0x1122,
        identity: Identity | None = None,
        token: str = "",
        rules_engine: int = 1,
        prefix: int | None = None,
    ) -> list[Command]:
        """``prefix``: of the /24 it comes from; None: through a root."""
        metadata = RequestMetadata(1, 14, 1, "linux/x86_64", token, rules_engine=rules_engine)
        asker = identity or secret_identity(member).public
        path = None if prefix is None else (1, bytes((81, prefix >> 8, prefix & 0xFF, 1)), 9993)
        request = RequestConfig(network, member, asker.emit(), packet_id, metadata.emit(), path)
        return self.authority.handle_request(request, self.now)

    def config(self, member: int = MEMBER, **asked: object) -> NetworkConfig:
        """The configuration a request is answered with, a while after the last request."""
        self.now += 5_000
        return only_config(self.ask(member, **asked))  # type: ignore[arg-type]

    def post_member(
        self, member: int = MEMBER, network: int = LAB, **fields: object
    ) -> list[Command]:
        self.now += 10
        _, commands = self.authority.post_member(network, member, fields, self.now)
        return commands

    def member(self, member: int = MEMBER, network: int = LAB) -> dict[str, object]:
        found = self.authority.get_member(network, member)
        assert found is not None
        return found

    def find_identity(self, address: int) -> Identity | None:
        return self.identity.public if address == CONTROLLER else None


def only_config(commands: list[Command]) -> NetworkConfig:
    """Parse the one configuration among the commands."""
    configs = [command for command in commands if isinstance(command, SendConfig)]
    assert len(configs) == 1, commands
    return NetworkConfig.parse(configs[0].dictionary)


def in_a_group_that_fails(grouped: Store | Authority, change: Callable[[], object]) -> None:
    """Raises `ZeroDivisionError`."""
    with grouped.group():
        change()
        raise ZeroDivisionError
