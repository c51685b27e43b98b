"""What crosses the border of the switch: commands as they are, events as the engines take them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data_plane import HONEST, NETWORK, NOW, OWN, STRANGER, THIRD, Plane, place
from earthline import effects
from earthline._native import Switch
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.frame import FLAG_ACKNOWLEDGE, ExtFrame, Frame
from earthline.wire.packet import Verb
from earthline.wire.rules import ACCEPT_ALL

KEY = bytes(48)
PUBLIC_KEY = bytes(64)
PATH = (1, bytes([80, 0, 0, 1]), 9993)
OPENED = effects.PacketReceived(PATH, HONEST, 7, 0, 1, Verb.FRAME, bytes(20))
NETWORK_ENTRY = effects.InstallNetwork(
    NETWORK, 2800, False, True, False, False, 32, bridges=(), rules=ACCEPT_ALL
)
ONE_OF_EACH = [
    effects.InstallSession(HONEST, KEY, 1, PUBLIC_KEY),
    effects.InstallRoute(HONEST, PATH, direct=True),
    effects.InstallPaths(HONEST, (PATH, (2, bytes(16), 1))),
    effects.InstallRelay(True, STRANGER, PATH),
    effects.TrustPath(HONEST, PATH),
    NETWORK_ENTRY,
    effects.InstallMember(NETWORK, HONEST, True, True, 0),
    effects.InstallMemberCredentials(
        NETWORK, HONEST, ((1, 2),), (bytes(4), bytes(16)), (3,), (ACCEPT_ALL,)
    ),
    effects.InstallMulticast(NETWORK, 1, 2, (HONEST,), 3, NOW),
    effects.InstallReplicator(NETWORK, 1, 2, HONEST, NOW),
    effects.IngestDatagram(PATH, b"sealed"),
    effects.DeliverPacket(OPENED),
    effects.IngestFrame(NETWORK, bytes(60)),
    effects.RemoveMulticast(NETWORK, 1, 2),
    effects.RemoveMember(NETWORK, HONEST),
    effects.RemoveNetwork(NETWORK),
    effects.RemoveSession(HONEST),
]


def frame_to(address, source=OWN):
    macs = mac_bytes(mac_of(address, NETWORK)) + mac_bytes(mac_of(source, NETWORK))
    return macs + b"\x08\x00" + bytes(46)


def last_id(plane):
    """The ID of the packet that was sealed last."""
    return next(plane._ids) - 1


# Commands


def test_every_command_for_the_switch_is_taken():
    assert {type(command) for command in ONE_OF_EACH} == effects.SWITCH_COMMANDS
    Switch(OWN, bytes(32), threads=3).apply(ONE_OF_EACH, NOW)


@pytest.mark.parametrize(
    "command",
    [
        effects.InstallSession(0, KEY, 1, PUBLIC_KEY),
        effects.InstallSession(0xFF_0000_0001, KEY, 1, PUBLIC_KEY),
        effects.InstallSession(HONEST, KEY[1:], 1, PUBLIC_KEY),
        effects.InstallSession(HONEST, KEY, 2, PUBLIC_KEY),
        effects.InstallSession(HONEST, KEY, 1, PUBLIC_KEY[1:]),
        effects.InstallRoute(0, PATH, direct=True),
        effects.InstallRoute(HONEST, PATH, direct=True, mtu=27),
        effects.InstallRoute(HONEST, (1, bytes(5), 9993), direct=True),
        effects.InstallPaths(0, ()),
        effects.InstallMember(NETWORK, 0, True, True, 0),
        effects.InstallMemberCredentials(NETWORK, 0),
        effects.InstallMemberCredentials(NETWORK, HONEST, ips=(bytes(3),)),
        replace(NETWORK_ENTRY, owned_ips=(b"",)),
    ],
    ids=lambda command: type(command).__name__,
)
def test_of_a_batch_with_a_command_that_cannot_be_none_is_carried_out(command):
    plane = Plane(STRANGER)
    frame = effects.IngestFrame(NETWORK, frame_to(STRANGER))
    with pytest.raises(ValueError, match=r"\w"):
        plane.switch.apply([effects.RemoveMember(NETWORK, STRANGER), frame, command, frame], NOW)
    assert plane.switch.counters()["frames_tx"] == 0
    assert len(plane.switch.apply([frame], NOW).datagrams) == 1


@pytest.mark.parametrize("command", [effects.Join(NETWORK), effects.RemoveTap(NETWORK), "x", None])
def test_what_is_not_for_the_switch_is_refused(command):
    with pytest.raises(TypeError, match="no command for the switch"):
        Switch(OWN, bytes(32)).apply([command], NOW)


def test_traffic_meets_the_entries_before_it_and_not_those_behind():
    plane = Plane(STRANGER)
    frame = effects.IngestFrame(NETWORK, frame_to(STRANGER))
    output = plane.switch.apply([frame, effects.RemoveMember(NETWORK, STRANGER), frame], NOW)
    assert len(output.datagrams) == 1
    assert output.punts == [effects.FramePunted(NETWORK, frame.frame, "member")]


def test_output_is_true_if_anything_is_in_it():
    plane = Plane(STRANGER)
    assert not plane.switch.apply([], NOW)
    assert not plane.switch.apply([effects.RemoveSession(HONEST)], NOW)
    assert plane.switch.apply([effects.IngestFrame(NETWORK, frame_to(STRANGER))], NOW)
    assert plane.switch.apply([effects.IngestFrame(NETWORK, frame_to(THIRD))], NOW)
    assert plane.switch.apply([effects.IngestFrame(NETWORK, frame_to(OWN))], NOW).frames


# Events


def test_hello_and_sealed_packet_of_an_unknown_address_come_whole():
    plane = Plane()
    (hello,) = plane.hello(STRANGER, PATH).punts
    assert (type(hello), hello.path) == (effects.HelloReceived, PATH)
    assert hello.packet[13:18] == STRANGER.to_bytes(5, "big")
    (unknown,) = plane.unknown(STRANGER, PATH).punts
    assert unknown == effects.UnknownSource(PATH, STRANGER, unknown.packet)
    assert unknown.packet[13:18] == STRANGER.to_bytes(5, "big")


def test_packet_comes_opened_with_all_that_is_known_of_it():
    plane = Plane(HONEST)
    (event,) = plane.send(HONEST, Verb.WHOIS, b"whom").punts
    assert event == effects.PacketReceived(
        place(HONEST), HONEST, last_id(plane), 0, 1, Verb.WHOIS, b"whom", size=28 + 4
    )


def test_frame_at_the_gate_is_delivered_once_its_sender_is_admitted():
    plane = Plane(HONEST, admitted=False)
    (event,) = plane.frame(HONEST).punts
    payload = Frame(NETWORK, 0x0800, b"frame").emit()
    size = 28 + len(payload)
    assert event == effects.GateRefused(
        effects.PacketReceived(
            place(HONEST), HONEST, last_id(plane), 0, 1, Verb.FRAME, payload, size
        ),
        NETWORK,
    )
    admitted = effects.InstallMember(NETWORK, HONEST, True, True, NOW + 1)
    output = plane.switch.apply([admitted, effects.DeliverPacket(event.packet)], NOW)
    assert [network for network, _ in output.frames] == [NETWORK]


def test_frame_that_rules_refuse_is_judged_again():
    plane = Plane(HONEST, rules=b"\x00\x00")
    (event,) = plane.frame(HONEST).punts
    assert (type(event), event.network, event.packet.size) == (effects.RulesRefused, NETWORK, 0)
    plane.install(NETWORK)
    output = plane.switch.apply([effects.DeliverPacket(event.packet, judged=True)], NOW)
    assert len(output.frames) == 1


def test_frame_of_ours_says_what_is_missing_and_for_whom():
    plane = Plane(HONEST, bridges=(STRANGER,))
    foreign = bytes([6, 0, 0, 0, 0, 1]) + frame_to(OWN)[6:]
    for frame, reason, node in (
        (frame_to(THIRD), "member", 0),
        (bytes([1, 0, 0x5E, 0, 0, 1]) + frame_to(OWN)[6:], "multicast", 0),
        (foreign, "bridge", STRANGER),
    ):
        output = plane.switch.ingest_frames([(NETWORK, frame)], NOW)
        assert output.punts == [effects.FramePunted(NETWORK, frame, reason, node)]


def test_frame_to_replicate_names_its_member_however_often_it_is_tried():
    plane = Plane(HONEST, replicates=True)
    frame = bytes([1, 0, 0x5E, 0, 0, 1]) + frame_to(OWN, HONEST)[6:]
    output = plane.switch.apply([effects.IngestFrame(NETWORK, frame, HONEST)], NOW)
    assert output.punts == [effects.FramePunted(NETWORK, frame, "replicate", HONEST)]


def test_frame_by_another_path_comes_with_its_path():
    plane = Plane(HONEST)
    path = place(HONEST, port=7)
    output = plane.frame(HONEST, path)
    assert output.punts == [effects.PathSeen(HONEST, path, 28 + 10 + 5)]


def test_pair_of_a_relayed_packet_is_named():
    plane = Plane(HONEST, STRANGER)
    plane.write(effects.InstallRelay(open=True, upstream=0, path=None))
    packet = bytearray(plane.sealed(HONEST, Verb.WHOIS, b"x"))
    packet[8:13] = STRANGER.to_bytes(5, "big")
    output = plane.ingest(place(HONEST), bytes(packet))
    assert output.punts == [effects.PairRelayed(HONEST, STRANGER)]


def test_member_with_old_credentials_is_named():
    plane = Plane(HONEST)
    plane.write(effects.InstallMember(NETWORK, HONEST, True, True, NOW))
    output = plane.switch.ingest_frames([(NETWORK, frame_to(HONEST))], NOW)
    assert output.punts == [effects.CredentialDue(NETWORK, HONEST)]


def test_gathering_and_acknowledgement_say_what_is_asked():
    plane = Plane(HONEST)
    output = plane.multicast(HONEST, 5, gather=9)
    group = (NETWORK, 0x0100_0000_0000, 5)
    (event,) = output.punts
    assert event == effects.GatherRequested(
        place(HONEST), HONEST, last_id(plane), *group, 9, 0, event.size
    )
    assert event.size > 28
    payload = ExtFrame(NETWORK, mac_of(OWN, NETWORK), mac_of(HONEST, NETWORK), 0x0800, b"x").emit()
    asked = payload[:8] + bytes([payload[8] | FLAG_ACKNOWLEDGE]) + payload[9:]
    (event,) = plane.send(HONEST, Verb.EXT_FRAME, asked).punts
    size = 28 + len(asked)
    assert event == effects.AckRequested(place(HONEST), HONEST, last_id(plane), NETWORK, 0, size)


def test_activity_of_a_session_counts_its_bytes():
    plane = Plane(HONEST)
    plane.frame(HONEST)
    activity = plane.switch.take_activity()
    (session,) = activity.sessions
    assert session == effects.SessionActivity(HONEST, NOW, NOW, 0, NOW, 0, 28 + 10 + 5, 0)
    assert activity.slots == ((HONEST, place(HONEST), NOW),)
    assert activity.paths == ((place(HONEST), NOW, 0),)
    assert plane.switch.take_activity() == effects.Activity((), (), ())
