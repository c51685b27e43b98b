"""Asking for a configuration, and the answers: chunks, or an error (03, 2.2 to 2.5 and 3.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from earthline.effects import RequestConfig
from earthline.vl2.config.adhoc import NoConfig, is_adhoc, synthesise
from earthline.vl2.ground.assembly import Chunk
from earthline.vl2.ground.network import Authentication, NetworkStatus
from earthline.vl2.ground.underlay import TICK_MS
from earthline.wire.dictionary import Dictionary
from earthline.wire.messages.config import ConfigChunk, NetworkConfigRequest
from earthline.wire.messages.error import AuthenticationRequired
from earthline.wire.messages.ok import OkConfigPush
from earthline.wire.packet import ErrorCode, Verb
from earthline.wire.reader import Malformed

if TYPE_CHECKING:
    from earthline.effects import PacketReceived
    from earthline.vl2.config.configuration import Configuration
    from earthline.vl2.ground.network import Network
    from earthline.vl2.ground.underlay import Station
    from earthline.wire.messages.error import Error
    from earthline.wire.messages.ok import Ok

REFRESH_MS = 60_000
"""A configuration is asked for again when it is this old."""
FRUGAL_REFRESH_MS = 64 * REFRESH_MS
"""The same in low-bandwidth mode (02, 1.7)."""

OWN_REQUEST = 0xFFFFFFFFFFFFFFFF
"""Packet ID of a request to our own controller (04, 8)."""


class Requests:
    """Keeps the configurations of the joined networks fresh."""

    def __init__(self, station: Station, configuration: Configuration, metadata: bytes) -> None:
        """``metadata``: the dictionary of 03, 2.3 that goes with every request."""
        self._station = station
        self._configuration = configuration
        self._metadata = metadata
        underlay = station.underlay
        underlay.register_ok(Verb.NETWORK_CONFIG_REQUEST, self.on_answer)
        underlay.register(Verb.NETWORK_CONFIG, self.on_push)
        underlay.register_error(ErrorCode.OBJECT_NOT_FOUND, self.on_not_found)
        underlay.register_error(ErrorCode.UNSUPPORTED_OPERATION, self.on_not_found)
        underlay.register_error(ErrorCode.NETWORK_ACCESS_DENIED, self.on_denied)
        underlay.register_error(
            ErrorCode.NETWORK_AUTHENTICATION_REQUIRED, self.on_authentication_required
        )

    def due_at(self, network: Network) -> int:
        """When the next request is due: every 5 s until there is an answer, then after 60 s.

        A configuration whose certificate was revoked is no answer any more.
        """
        if network.requested_at == 0:
            return 0
        lifetime = FRUGAL_REFRESH_MS if self._station.low_bandwidth else REFRESH_MS
        fresh = network.config is not None and not network.is_revoked
        fresh_until = network.updated_at + lifetime if fresh else 0
        return max(network.requested_at + TICK_MS, fresh_until)

    def ask(self, network: Network, now: int) -> None:
        """Ask now. The controller may be ourselves, or nobody."""
        network.requested_at = now
        if is_adhoc(network.id):
            self._synthesise(network, now)
        elif network.controller == self._station.address:
            own = self._station.identity.public.emit()
            self._station.emit(
                RequestConfig(
                    network.id, self._station.address, own, OWN_REQUEST, self._metadata, None
                )
            )
        elif network.controller is not None:
            held = network.config
            request = NetworkConfigRequest(
                network.id,
                self._metadata,
                0 if held is None else held.revision,
                0 if held is None else held.timestamp,
            )
            self._station.underlay.send(
                network.controller, Verb.NETWORK_CONFIG_REQUEST, request.emit(), now
            )

    def _synthesise(self, network: Network, now: int) -> None:
        config = synthesise(network.id, self._station.address, self._station.wall.at(now))
        if config is NoConfig.BAD_RANGE:
            self._configuration.refuse(network, NetworkStatus.NOT_FOUND)
        elif not isinstance(config, NoConfig):
            self._configuration.apply(network, config, now)

    # Chunks

    def on_answer(self, packet: PacketReceived, ok: Ok, now: int) -> None:
        """A chunk that answers a request of ours."""
        self._take(ConfigChunk.parse(ok.payload), packet, now, asked=True)

    def on_push(self, packet: PacketReceived, now: int) -> None:
        """A chunk nobody asked for; a complete configuration is acknowledged."""
        chunk = ConfigChunk.parse(packet.payload)
        if self._take(chunk, packet, now, asked=False):
            update_id = chunk.update_id or packet.packet_id
            # Stock nodes name ECHO as the verb they answer, so we do (03, 3.2).
            request = replace(packet, verb=int(Verb.ECHO))
            answer = OkConfigPush(chunk.network, update_id).emit()
            self._station.underlay.reply_ok(request, answer, now)

    def _take(self, chunk: ConfigChunk, packet: PacketReceived, now: int, *, asked: bool) -> bool:
        """Whether the chunk completed a configuration that parses."""
        network = self._station.networks.get(chunk.network)
        if network is None or network.controller is None:
            self._station.underlay.count("config_for_unknown_network")
            return False
        controller = self._station.underlay.proven(network.controller, now)
        if controller is None:
            self._station.underlay.count("config_controller_unknown")
            self._station.underlay.whois(network.controller, now)
            return False
        assembled = network.assembly.accept(chunk, packet.source, controller)
        if assembled.outcome is Chunk.REJECTED:
            self._station.underlay.count("config_chunk_rejected")
        if assembled.is_news and chunk.signature and chunk.fast_propagate:
            self._pass_on(network, chunk, packet.source, now)
        if assembled.outcome is not Chunk.COMPLETE:
            return False
        return self._configuration.receive(network, assembled.dictionary, now, asked=asked)

    def _pass_on(self, network: Network, chunk: ConfigChunk, sender: int, now: int) -> None:
        """Fast propagation: to every member we know (03, 3.2)."""
        payload = chunk.emit()
        for address in list(network.members):
            if address not in (sender, network.controller, self._station.address):
                self._station.underlay.send(
                    address, Verb.NETWORK_CONFIG, payload, now, compress=True
                )

    # Errors

    def on_not_found(self, packet: PacketReceived, error: Error, now: int) -> None:
        """There is no such network, or no controller at all."""
        network = self._from_controller(packet, error, now)
        if network is not None and error.in_re_verb == Verb.NETWORK_CONFIG_REQUEST:
            self._configuration.refuse(network, NetworkStatus.NOT_FOUND)

    def on_denied(self, packet: PacketReceived, error: Error, now: int) -> None:
        """We are not authorised, or not yet."""
        network = self._from_controller(packet, error, now)
        if network is not None:
            self._configuration.refuse(network, NetworkStatus.ACCESS_DENIED)

    def on_authentication_required(self, packet: PacketReceived, error: Error, now: int) -> None:
        """The user has to log in first."""
        network = self._from_controller(packet, error, now)
        if network is not None:
            self.require_authentication(
                network, AuthenticationRequired.parse(error.payload).dictionary
            )

    def require_authentication(self, network: Network, dictionary: bytes) -> None:
        """Take over how to log in (03, 2.6); what does not say so is ignored."""
        try:
            authentication = _authentication(dictionary)
        except Malformed:
            self._station.underlay.count("authentication_malformed")
            return
        self._configuration.refuse(network, NetworkStatus.AUTHENTICATION_REQUIRED, authentication)

    def _from_controller(self, packet: PacketReceived, error: Error, now: int) -> Network | None:
        network = self._station.networks.get(error.network())
        if network is None or packet.source != network.controller:
            self._station.underlay.count("network_error_not_from_controller")
            return None
        if self._station.underlay.proven(packet.source, now) is None:
            self._station.underlay.count("config_controller_unknown")
            return None
        return network


def _authentication(dictionary: bytes) -> Authentication:
    """Read the data of an "authentication required" error; `Malformed` if it is no use."""
    if not dictionary:
        return Authentication(0)
    entries = Dictionary.parse(dictionary)
    version = entries.get_int("aV")
    if version == 0 and "aU" in entries:
        return Authentication(0, url=entries.get_text("aU")[:2047])
    if version != 1:
        raise Malformed(f"sign-on of version {version}")
    return Authentication(
        1,
        issuer_url=entries.get_text("iU")[:2047],
        central_url=entries.get_text("aCU")[:2047],
        nonce=entries.get_text("aN")[:63],
        state=entries.get_text("aS")[:127],
        client_id=entries.get_text("aCID")[:255],
        provider=entries.get_text("aSSOp", "default")[:63],
    )
