"""Frames of the TAP that the switch has no entry for (03, 7.3 and 8.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earthline.effects import IngestFrame, WriteFrame
from earthline.vl2.frames.neighbour import ETHERNET_HEADER, emulate
from earthline.wire.mac import address_of
from earthline.wire.messages.frame import ExtFrame
from earthline.wire.packet import Verb

if TYPE_CHECKING:
    from earthline.effects import CredentialDue, FramePunted
    from earthline.vl2.frames.waiting import WaitingFrames
    from earthline.vl2.ground.network import Network
    from earthline.vl2.ground.underlay import Station
    from earthline.vl2.members.credentials import CredentialExchange
    from earthline.vl2.multicast.distribution import Distribution
    from earthline.wire.network_config import NetworkConfig


class PuntedFrames:
    """One step per reason, so that the next frame of the flow stays in the switch."""

    def __init__(
        self,
        station: Station,
        credentials: CredentialExchange,
        distribution: Distribution,
        waiting: WaitingFrames,
    ) -> None:
        self._station = station
        self._credentials = credentials
        self._distribution = distribution
        self._waiting = waiting
        self._steps = {
            "member": self._to_member,
            "route": self._without_route,
            "multicast": self._to_group,
            "neighbour": self._solicitation,
            "bridge": self._to_bridge,
            "replicate": self._to_replicate,
        }

    def on_frame(self, event: FramePunted, now: int) -> None:
        """Do what the frame lacks, and give it back."""
        network = self._station.networks.get(event.network)
        step = self._steps.get(event.reason)
        if network is None or network.config is None or step is None:
            self._station.underlay.count("frame_for_unknown_network")
        elif len(event.frame) < ETHERNET_HEADER:
            self._station.underlay.count("frame_too_short")
        else:
            step(_Frame(network, network.config, event.frame, event.node), now)

    def on_credential_due(self, event: CredentialDue, now: int) -> None:
        """Frames flow to a member whose copy of our credentials is old."""
        network = self._station.networks.get(event.network)
        if network is not None and network.config is not None:
            self._credentials.make_ready(network, event.address, now)

    def _to_member(self, frame: _Frame, now: int) -> None:
        """Push our credentials, then send (03, 4.8)."""
        network, address = frame.network, frame.destination_node
        ready = self._credentials.make_ready
        if address is not None and ready(network, address, now, chosen=True):
            self._station.emit(IngestFrame(network.id, frame.data))
        else:
            self._station.underlay.count("frame_for_nobody")

    def _without_route(self, frame: _Frame, now: int) -> None:
        address = frame.destination_node
        if address is not None:
            self._waiting.hold(frame.network.id, frame.data, address, now)

    def _to_group(self, frame: _Frame, now: int) -> None:
        self._distribution.on_frame(frame.network, frame.data, now)

    def _solicitation(self, frame: _Frame, now: int) -> None:
        """Answer for the neighbour if its address tells who it is (03, 8.8)."""
        own, network = self._station.address, frame.network.id
        advertisement = emulate(frame.data, network, own, frame.config.static_ips)
        if advertisement is None:
            self._to_group(frame, now)
        else:
            self._station.emit(WriteFrame(network, advertisement))

    def _to_bridge(self, frame: _Frame, now: int) -> None:
        """For a bridge out of reach: the packet waits until it is found. The rules were asked."""
        data = frame.data
        message = ExtFrame(
            frame.network.id,
            int.from_bytes(data[:6], "big"),
            int.from_bytes(data[6:12], "big"),
            int.from_bytes(data[12:14], "big"),
            data[ETHERNET_HEADER:],
        )
        self._station.underlay.send(frame.node, Verb.EXT_FRAME, message.emit(), now)

    def _to_replicate(self, frame: _Frame, now: int) -> None:
        """A member asks us to send its frame on (03, 8.6)."""
        self._distribution.on_frame(frame.network, frame.data, now, origin=frame.node)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A whole Ethernet frame and where it belongs."""

    network: Network
    config: NetworkConfig
    data: bytes
    node: int
    """The bridge it is for, or the member that it comes from."""

    @property
    def destination_node(self) -> int | None:
        """The node the destination MAC belongs to; None for one behind a bridge."""
        return address_of(int.from_bytes(self.data[:6], "big"), self.network.id)
