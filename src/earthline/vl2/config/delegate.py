"""Speaking for our own controller: requests to it, its answers to members (04, 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earthline.bounded import FairTable
from earthline.effects import RequestConfig
from earthline.vl2.ground.network import NetworkStatus
from earthline.wire.address import controller_of
from earthline.wire.messages.config import NetworkConfigRequest, split_config
from earthline.wire.messages.error import AuthenticationRequired, Error
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import ErrorCode, Verb

if TYPE_CHECKING:
    from earthline.effects import PacketReceived, SendConfig, SendConfigError, SendCredentials
    from earthline.vl2.config.configuration import Configuration
    from earthline.vl2.config.requests import Requests
    from earthline.vl2.ground.underlay import Station
    from earthline.vl2.members.credentials import CredentialExchange

PERMISSION_MS = 180_000
"""How long a member may announce and gather with us after it was configured (03, 3.7)."""

PERMISSION_LIMIT = 262_144
"""Of more, the oldest of the member goes that has most."""

_STATUS_OF_ERROR = {
    ErrorCode.OBJECT_NOT_FOUND: NetworkStatus.NOT_FOUND,
    ErrorCode.UNSUPPORTED_OPERATION: NetworkStatus.NOT_FOUND,
    ErrorCode.NETWORK_ACCESS_DENIED: NetworkStatus.ACCESS_DENIED,
}


class ControllerDelegate:
    """The node's half of the controller: the keys and the wire; the authority has the say."""

    def __init__(
        self,
        station: Station,
        configuration: Configuration,
        requests: Requests,
        credentials: CredentialExchange,
    ) -> None:
        self._station = station
        self._configuration = configuration
        self._requests = requests
        self._credentials = credentials
        self._configured_at: FairTable[tuple[int, int], int, int] = FairTable(PERMISSION_LIMIT)
        station.underlay.register(Verb.NETWORK_CONFIG_REQUEST, self.on_request)

    def on_request(self, packet: PacketReceived, now: int) -> None:
        """A member asks; for networks of others we run no controller, and say so (03, 2.5)."""
        request = NetworkConfigRequest.parse(packet.payload)
        if controller_of(request.network) != self._station.address:
            self._station.underlay.count("config_request_not_ours")
            network = request.network.to_bytes(8, "big")
            unsupported = ErrorCode.UNSUPPORTED_OPERATION
            self._station.underlay.reply_error(packet, unsupported, network, now)
            return
        # A configuration is several times as long as a request, and goes by way of others.
        if not self._station.underlay.assured(packet, now):
            return
        identity = self._station.underlay.proven(packet.source, now, packet.path)
        if identity is None:
            # The first key seen at an address is its member's for good: it has to be the right one.
            self._station.underlay.defer(packet, now)
            return
        self._station.emit(
            RequestConfig(
                request.network,
                packet.source,
                identity.emit(),
                packet.packet_id,
                request.metadata,
                packet.path if packet.hops == 0 else None,
            )
        )

    def configured(self, network: int, member: int, now: int) -> bool:
        """Whether our controller configured the member lately."""
        at = self._configured_at.get((network, member))
        return at is not None and now - at < PERMISSION_MS

    def send_config(self, command: SendConfig, now: int) -> None:
        """Cut, sign and send a configuration; ourselves we configure directly."""
        if command.member == self._station.address:
            network = self._station.networks.get(command.network)
            if network is not None:
                self._configuration.receive(network, command.dictionary, now)
            return
        self._permit(command.network, command.member, now)
        for chunk in split_config(
            command.network, command.dictionary, self._update_id(), self._station.identity
        ):
            payload, verb = chunk.emit(), Verb.NETWORK_CONFIG
            if command.in_re:
                payload = Ok(Verb.NETWORK_CONFIG_REQUEST, command.in_re, payload).emit()
                verb = Verb.OK
            self._station.underlay.send(command.member, verb, payload, now, compress=True)

    def send_error(self, command: SendConfigError, now: int) -> None:
        """Refuse a request."""
        if command.member == self._station.address:
            self._refuse_ourselves(command)
            return
        payload = AuthenticationRequired(command.network, command.data).emit()
        error = Error(Verb.NETWORK_CONFIG_REQUEST, command.in_re, command.code, payload)
        self._station.underlay.send(command.member, Verb.ERROR, error.emit(), now)

    def send_credentials(self, command: SendCredentials, now: int) -> None:
        """Send what the controller has for a member, such as a revocation."""
        if command.member == self._station.address:
            self._credentials.take_own(command.payload, now)
        else:
            self._station.underlay.send(
                command.member, Verb.NETWORK_CREDENTIALS, command.payload, now, compress=True
            )

    def expire(self, now: int) -> None:
        """Drop old permissions; they are kept in order of time."""
        while (oldest := next(self._configured_at.items(), None)) is not None:
            key, at = oldest
            if now - at < PERMISSION_MS:
                return
            self._configured_at.pop(key)

    def _permit(self, network: int, member: int, now: int) -> None:
        self._configured_at.put((network, member), member, now)

    def _refuse_ourselves(self, command: SendConfigError) -> None:
        network = self._station.networks.get(command.network)
        if network is None:
            return
        if command.code == ErrorCode.NETWORK_AUTHENTICATION_REQUIRED:
            self._requests.require_authentication(network, command.data)
        elif command.code in _STATUS_OF_ERROR:
            status = _STATUS_OF_ERROR[ErrorCode(command.code)]
            self._configuration.refuse(network, status)

    def _update_id(self) -> int:
        """Random, and not 0."""
        return self._station.below(0xFFFFFFFFFFFFFFFF) + 1
