"""Between a `Node` and its `Switch`: punts become events, table commands become table entries.

The service and the simulator share this adapter, so that both run the same core on the same switch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from earthline import effects
from earthline._native import Output, Punt, Switch


def _path(punt: Punt) -> effects.Path:
    """The path of a punt whose kind always has one."""
    if punt.path is None:
        raise ValueError(f"punt {punt.kind} without path")
    return punt.path


def _packet(punt: Punt) -> effects.PacketReceived:
    return effects.PacketReceived(
        path=_path(punt),
        source=punt.source,
        packet_id=punt.packet_id,
        hops=punt.hops,
        suite=punt.suite,
        verb=punt.verb,
        payload=punt.data,
        size=punt.size,
    )


def _hello(punt: Punt) -> effects.HelloReceived:
    return effects.HelloReceived(_path(punt), punt.data)


def _unknown_source(punt: Punt) -> effects.UnknownSource:
    return effects.UnknownSource(_path(punt), punt.source, punt.data)


def _gate(punt: Punt) -> effects.GateRefused:
    return effects.GateRefused(_packet(punt), punt.network)


def _rules(punt: Punt) -> effects.RulesRefused:
    return effects.RulesRefused(_packet(punt), punt.network)


def _frame(punt: Punt) -> effects.FramePunted:
    return effects.FramePunted(
        punt.network, punt.data, punt.reason, punt.destination or punt.source
    )


def _new_path(punt: Punt) -> effects.PathSeen:
    return effects.PathSeen(punt.source, _path(punt), punt.size)


def _introduce(punt: Punt) -> effects.PairRelayed:
    return effects.PairRelayed(punt.source, punt.destination)


def _push_due(punt: Punt) -> effects.CredentialDue:
    return effects.CredentialDue(punt.network, punt.destination)


def _gather(punt: Punt) -> effects.GatherRequested:
    return effects.GatherRequested(
        _path(punt),
        punt.source,
        punt.packet_id,
        punt.network,
        punt.mac,
        punt.adi,
        punt.limit,
        punt.hops,
        punt.size,
    )


def _ack(punt: Punt) -> effects.AckRequested:
    return effects.AckRequested(
        _path(punt), punt.source, punt.packet_id, punt.network, punt.hops, punt.size
    )


EVENT_OF_PUNT: dict[str, Callable[[Punt], effects.Event]] = {
    "hello": _hello,
    "unknown_source": _unknown_source,
    "packet": _packet,
    "gate": _gate,
    "rules": _rules,
    "frame": _frame,
    "new_path": _new_path,
    "introduce": _introduce,
    "push_due": _push_due,
    "gather": _gather,
    "ack": _ack,
}


class SwitchHost:
    """Translates for one switch."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self._carry_out: dict[type, Callable[[Any, int], Output | None]] = {
            effects.InstallSession: self._install_session,
            effects.RemoveSession: self._remove_session,
            effects.InstallRoute: self._install_route,
            effects.InstallPaths: self._install_paths,
            effects.InstallRelay: self._install_relay,
            effects.TrustPath: self._trust_path,
            effects.InstallNetwork: self._install_network,
            effects.RemoveNetwork: self._remove_network,
            effects.InstallMember: self._install_member,
            effects.InstallMemberCredentials: self._install_member_credentials,
            effects.RemoveMember: self._remove_member,
            effects.InstallMulticast: self._install_multicast,
            effects.InstallReplicator: self._install_replicator,
            effects.RemoveMulticast: self._remove_multicast,
            effects.IngestDatagram: self._ingest_datagram,
            effects.DeliverPacket: self._deliver_packet,
            effects.IngestFrame: self._ingest_frame,
        }

    def events(self, punts: Iterable[Punt]) -> Iterator[effects.Event]:
        """The event each punt stands for, in order."""
        for punt in punts:
            yield EVENT_OF_PUNT[punt.kind](punt)

    def activity(self) -> effects.Activity:
        """What moved in the switch since the last call."""
        sessions, slots, paths = self.switch.take_activity()
        return effects.Activity(
            tuple(effects.SessionActivity(*session) for session in sessions),
            tuple(slots),
            tuple(paths),
        )

    def handles(self, command: object) -> bool:
        """Whether the command is for the switch; all others are for the host itself."""
        return type(command) in self._carry_out

    def apply(self, command: object, now: int) -> Output | None:
        """Carry out a command for the switch; commands that give it traffic return its output."""
        return self._carry_out[type(command)](command, now)

    # Tables

    def _install_session(self, command: effects.InstallSession, _now: int) -> None:
        self.switch.set_session(command.address, command.key, command.suite)

    def _remove_session(self, command: effects.RemoveSession, _now: int) -> None:
        self.switch.remove_session(command.address)

    def _install_route(self, command: effects.InstallRoute, _now: int) -> None:
        self.switch.set_route(
            command.address, command.path, command.direct, command.mtu, command.trusted_path_id
        )

    def _install_paths(self, command: effects.InstallPaths, _now: int) -> None:
        self.switch.set_known_paths(command.address, command.paths)

    def _install_relay(self, command: effects.InstallRelay, _now: int) -> None:
        self.switch.set_relay(command.open, command.upstream, command.path)

    def _trust_path(self, command: effects.TrustPath, now: int) -> None:
        self.switch.trust_path(command.path, now)

    def _install_network(self, command: effects.InstallNetwork, _now: int) -> None:
        self.switch.set_network(command)

    def _remove_network(self, command: effects.RemoveNetwork, _now: int) -> None:
        self.switch.remove_network(command.network)

    def _install_member(self, command: effects.InstallMember, _now: int) -> None:
        self.switch.set_member(
            command.network,
            command.address,
            command.admitted,
            command.ready,
            command.push_due_at,
        )

    def _install_member_credentials(
        self, command: effects.InstallMemberCredentials, _now: int
    ) -> None:
        self.switch.set_member_credentials(
            command.network,
            command.address,
            command.tags,
            command.ips,
            command.macs,
            command.capabilities,
        )

    def _remove_member(self, command: effects.RemoveMember, _now: int) -> None:
        self.switch.remove_member(command.network, command.address)

    def _install_multicast(self, command: effects.InstallMulticast, _now: int) -> None:
        self.switch.set_multicast(
            command.network,
            command.mac,
            command.adi,
            command.recipients,
            command.gather_limit,
            command.refresh_at,
        )

    def _install_replicator(self, command: effects.InstallReplicator, _now: int) -> None:
        self.switch.set_replicator(
            command.network, command.mac, command.adi, command.replicator, command.refresh_at
        )

    def _remove_multicast(self, command: effects.RemoveMulticast, _now: int) -> None:
        self.switch.remove_multicast(command.network, command.mac, command.adi)

    # Traffic

    def _ingest_datagram(self, command: effects.IngestDatagram, now: int) -> Output:
        return self.switch.ingest_packet(command.path, command.datagram, now)

    def _deliver_packet(self, command: effects.DeliverPacket, now: int) -> Output:
        packet = command.packet
        return self.switch.deliver(
            packet.source,
            packet.path,
            packet.hops,
            packet.packet_id,
            packet.verb,
            packet.payload,
            command.judged,
            now,
        )

    def _ingest_frame(self, command: effects.IngestFrame, now: int) -> Output:
        return self.switch.ingest_again(command.network, command.frame, command.origin, now)
