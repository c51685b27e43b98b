"""From joining to a configuration in force, and what may come between (03, 2 and 3)."""

from __future__ import annotations

import pytest
from vl2_bench import NOW, Bench, identity

from earthline import effects
from earthline.vl2.ground.network import NetworkStatus
from earthline.wire.dictionary import Dictionary
from earthline.wire.inet import InetAddress
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.config import FLAG_FAST_PROPAGATE, ConfigChunk, split_config
from earthline.wire.messages.error import AuthenticationRequired
from earthline.wire.packet import ErrorCode, Verb

CONTROLLER = identity(0)
OWN = identity(1)
OTHER = identity(2)
NETWORK = CONTROLLER.address << 24 | 1


@pytest.fixture
def bench():
    bench = Bench(OWN)
    bench.meet(CONTROLLER.public)
    bench.meet(OTHER.public)
    return bench


def answer(bench, **changes):
    dictionary = bench.member_config(NETWORK, CONTROLLER, **changes).emit()
    for chunk in split_config(NETWORK, dictionary, bench.now, CONTROLLER):
        bench.give_ok(CONTROLLER.address, Verb.NETWORK_CONFIG_REQUEST, chunk.emit())


def requests(bench):
    return len(bench.sent(Verb.NETWORK_CONFIG_REQUEST))


def status(bench):
    return bench.engine.networks()[0].status


def refuse(bench, code, source=CONTROLLER.address, data=b""):
    payload = AuthenticationRequired(NETWORK, data).emit()
    bench.give_error(source, Verb.NETWORK_CONFIG_REQUEST, code, payload)


def test_request_is_repeated_every_5_s_until_answered_and_then_every_60_s(bench):
    bench.command(effects.Join(NETWORK))
    bench.advance(0)
    assert requests(bench) == 1
    bench.advance(20_000)
    assert requests(bench) == 5

    answer(bench)
    bench.forget()
    bench.advance(59_999)
    assert requests(bench) == 0
    bench.advance(1)
    assert requests(bench) == 1


def test_tap_exists_before_the_configuration_and_changes_with_it(bench):
    bench.command(effects.Join(NETWORK))
    (tap,) = bench.of(effects.ConfigureTap)
    assert (tap.mtu, tap.addresses) == (2800, ())
    assert bench.of(effects.Store) == [effects.Store("network", NETWORK, b"\n")]

    answer(bench, mtu=1500)
    assert [tap.mtu for tap in bench.of(effects.ConfigureTap)] == [2800, 1500]
    assert bench.of(effects.InstallNetwork)[0].mtu == 1500
    assert status(bench) is NetworkStatus.OK


def test_unchanged_configuration_does_not_touch_the_tap_again(bench):
    bench.command(effects.Join(NETWORK))
    answer(bench)
    bench.forget()
    bench.now += 60_000
    answer(bench)
    assert bench.of(effects.ConfigureTap) == []
    assert bench.of(effects.Store) != []


def test_cached_configuration_is_in_force_at_once_but_asked_for_again(bench):
    cached = bench.member_config(NETWORK, CONTROLLER, name="cached").emit()
    bench.tell(effects.StateLoaded("network", NETWORK, cached))
    assert status(bench) is NetworkStatus.OK
    assert requests(bench) == 1
    bench.advance(5_000)
    assert requests(bench) == 2


@pytest.mark.parametrize("content", [b"\n", b"v=\\", b"nwid=1\nid=ff", b"\x00" * 40])
def test_unusable_cache_means_joined_without_configuration(bench, content):
    bench.tell(effects.StateLoaded("network", NETWORK, content))
    assert status(bench) is NetworkStatus.REQUESTING_CONFIGURATION
    assert requests(bench) == 1


def test_refusal_changes_the_status_but_not_the_configuration(bench):
    bench.command(effects.Join(NETWORK))
    answer(bench, name="kept")
    refuse(bench, ErrorCode.NETWORK_ACCESS_DENIED)
    assert status(bench) is NetworkStatus.ACCESS_DENIED
    assert bench.engine.networks()[0].name == "kept"
    assert bench.of(effects.RemoveNetwork) == []

    bench.now += 60_000
    answer(bench)
    assert status(bench) is NetworkStatus.OK


def test_member_that_is_denied_has_no_address_and_no_route_until_it_is_let_in(bench):
    given = {"static_ips": (InetAddress.parse("10.7.0.5/24"),), "mtu": 1400}
    bench.command(effects.Join(NETWORK))
    answer(bench, **given)
    full = bench.of(effects.ConfigureTap)[-1]
    assert full.addresses
    bench.forget()
    for _ in range(3):
        refuse(bench, ErrorCode.NETWORK_ACCESS_DENIED)
    assert bench.of(effects.ConfigureTap) == [effects.ConfigureTap(NETWORK, full.mac, 1400)]
    bench.forget()
    bench.now += 5_000
    answer(bench, **given)
    assert bench.of(effects.ConfigureTap) == [full]


def test_network_that_is_not_found_keeps_its_addresses(bench):
    """Its controller may have lost its database for a moment."""
    bench.command(effects.Join(NETWORK))
    answer(bench, static_ips=(InetAddress.parse("10.7.0.5/24"),))
    bench.forget()
    refuse(bench, ErrorCode.OBJECT_NOT_FOUND)
    assert status(bench) is NetworkStatus.NOT_FOUND
    assert bench.of(effects.ConfigureTap) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (ErrorCode.OBJECT_NOT_FOUND, NetworkStatus.NOT_FOUND),
        (ErrorCode.UNSUPPORTED_OPERATION, NetworkStatus.NOT_FOUND),
        (ErrorCode.NETWORK_ACCESS_DENIED, NetworkStatus.ACCESS_DENIED),
        (ErrorCode.NETWORK_AUTHENTICATION_REQUIRED, NetworkStatus.AUTHENTICATION_REQUIRED),
    ],
)
def test_only_the_controller_may_refuse(bench, code, expected):
    bench.command(effects.Join(NETWORK))
    refuse(bench, code, source=OTHER.address)
    assert status(bench) is NetworkStatus.REQUESTING_CONFIGURATION
    refuse(bench, code)
    assert status(bench) is expected


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    "code",
    [ErrorCode.NETWORK_ACCESS_DENIED, ErrorCode.NETWORK_AUTHENTICATION_REQUIRED],
)
def test_member_that_is_refused_asks_every_5_s_until_it_is_let_in(bench, code, held):
    bench.command(effects.Join(NETWORK))
    bench.advance(0)
    if held:
        answer(bench)
        bench.advance(60_000)
    for _ in range(30):
        refuse(bench, code)
        bench.forget()
        bench.advance(5_000)
        assert requests(bench) == 1
    answer(bench)
    assert status(bench) is NetworkStatus.OK


def test_login_url_reaches_the_host(bench):
    bench.command(effects.Join(NETWORK))
    data = Dictionary([("aV", b"0"), ("aU", b"https://login.example/")]).emit()
    refuse(bench, ErrorCode.NETWORK_AUTHENTICATION_REQUIRED, data=data)
    assert bench.engine.networks()[0].authentication.url == "https://login.example/"


def test_login_of_an_unknown_version_is_ignored(bench):
    bench.command(effects.Join(NETWORK))
    refuse(bench, ErrorCode.NETWORK_AUTHENTICATION_REQUIRED, data=b"aV=7")
    assert status(bench) is NetworkStatus.REQUESTING_CONFIGURATION


def test_configuration_for_another_member_is_not_applied(bench):
    bench.command(effects.Join(NETWORK))
    stolen = Bench(OTHER).member_config(NETWORK, CONTROLLER).emit()
    for chunk in split_config(NETWORK, stolen, 5, CONTROLLER):
        bench.give_ok(CONTROLLER.address, Verb.NETWORK_CONFIG_REQUEST, chunk.emit())
    assert status(bench) is NetworkStatus.REQUESTING_CONFIGURATION


def test_chunk_with_a_forged_signature_leaves_no_trace(bench):
    bench.command(effects.Join(NETWORK))
    dictionary = bench.member_config(NETWORK, CONTROLLER).emit()
    for chunk in split_config(NETWORK, dictionary, 5, OTHER):
        bench.give(CONTROLLER.address, Verb.NETWORK_CONFIG, chunk.emit())
    network = bench.engine._station.networks[NETWORK]
    assert network.assembly._slots == []
    assert bench.underlay.counted.count("config_chunk_rejected") == 1


def test_pushed_configuration_is_applied_and_acknowledged(bench):
    bench.command(effects.Join(NETWORK))
    dictionary = bench.member_config(NETWORK, CONTROLLER).emit()
    (chunk,) = split_config(NETWORK, dictionary, 0x1122334455667788, CONTROLLER)
    packet = bench.give(OTHER.address, Verb.NETWORK_CONFIG, chunk.emit())
    assert status(bench) is NetworkStatus.OK
    (acknowledgement,) = bench.sent(Verb.OK)
    expected = b"\x08" + packet.packet_id.to_bytes(8, "big") + NETWORK.to_bytes(8, "big")
    assert acknowledgement.payload == expected + bytes.fromhex("1122334455667788")


def test_fast_propagated_chunk_goes_to_the_other_members_once(bench):
    bench.command(effects.Join(NETWORK))
    answer(bench)
    far = identity(3).address
    for member in (OTHER.address, far):
        ends = mac_bytes(mac_of(member, NETWORK)) + mac_bytes(mac_of(OWN.address, NETWORK))
        bench.tap(NETWORK, ends + b"\x08\x00" + b"hello")
    bench.forget()

    dictionary = bench.member_config(NETWORK, CONTROLLER).emit()
    total = len(dictionary)
    chunk = ConfigChunk(NETWORK, dictionary, 77, total, 0, FLAG_FAST_PROPAGATE).sign(CONTROLLER)
    for _ in range(2):
        bench.give(OTHER.address, Verb.NETWORK_CONFIG, chunk.emit())
    assert [(s.to, s.payload) for s in bench.sent(Verb.NETWORK_CONFIG)] == [(far, chunk.emit())]


def test_chunk_before_the_controller_is_known_asks_for_it():
    bench = Bench(OWN)
    bench.command(effects.Join(NETWORK))
    dictionary = bench.member_config(NETWORK, CONTROLLER).emit()
    (chunk,) = split_config(NETWORK, dictionary, 5, CONTROLLER)
    bench.give(OTHER.address, Verb.NETWORK_CONFIG, chunk.emit())
    assert bench.underlay.asked == [CONTROLLER.address]
    assert status(bench) is NetworkStatus.REQUESTING_CONFIGURATION


def test_leaving_removes_everything_and_late_answers_are_ignored(bench):
    bench.command(effects.Join(NETWORK))
    answer(bench)
    bench.forget()
    bench.command(effects.Leave(NETWORK))
    assert bench.of(effects.RemoveTap) == [effects.RemoveTap(NETWORK)]
    assert bench.of(effects.RemoveNetwork) == [effects.RemoveNetwork(NETWORK)]
    assert bench.of(effects.Store) == [effects.Store("network", NETWORK, None)]

    bench.forget()
    answer(bench)
    assert bench.commands == []
    assert bench.engine.networks() == []


def test_port_error_takes_precedence_and_goes_away(bench):
    bench.command(effects.Join(NETWORK))
    answer(bench)
    bench.tell(effects.PortFailed(NETWORK, "no TUN device"))
    assert status(bench) is NetworkStatus.PORT_ERROR
    bench.tell(effects.PortFailed(NETWORK, ""))
    assert status(bench) is NetworkStatus.OK


def test_adhoc_network_configures_itself_and_stores_nothing_but_the_membership(bench):
    adhoc = 0xFF00160016000000
    bench.command(effects.Join(adhoc))
    state = bench.engine.networks()[0]
    assert (state.status, state.name) == (NetworkStatus.OK, "adhoc-0016-0016")
    assert bench.of(effects.Store) == [effects.Store("network", adhoc, b"\n")]
    assert bench.sent() == []


def test_adhoc_network_with_a_bad_range_is_not_found(bench):
    bench.command(effects.Join(0xFF00500016000000))
    assert status(bench) is NetworkStatus.NOT_FOUND


def test_request_tells_what_is_held(bench):
    bench.command(effects.Join(NETWORK))
    answer(bench, revision=9)
    bench.forget()
    bench.advance(60_000)
    (request,) = bench.sent(Verb.NETWORK_CONFIG_REQUEST)
    held = (9).to_bytes(8, "big") + NOW.to_bytes(8, "big")
    assert request.payload == NETWORK.to_bytes(8, "big") + b"\x00\x03v=7" + held


def push(bench, **changes):
    """A configuration that nobody asked for, maybe recorded long ago, from whoever has it."""
    dictionary = bench.member_config(NETWORK, CONTROLLER, **changes).emit()
    for chunk in split_config(NETWORK, dictionary, bench.now, CONTROLLER):
        bench.give(OTHER.address, Verb.NETWORK_CONFIG, chunk.emit())


def test_replayed_configuration_does_not_bring_back_old_rules(bench):
    bench.command(effects.Join(NETWORK))
    answer(bench, name="old")
    held = bench.engine.networks()[0]
    bench.now += 60_000
    push(bench, name="new")
    assert bench.engine.networks()[0].name == "new"
    bench.now += 1
    push(bench, name="old", timestamp=bench.now - 60_000)
    assert (bench.engine.networks()[0].name, held.name) == ("new", "old")
    assert bench.underlay.counted == ["config_older"]


def test_controller_whose_clock_was_set_back_is_obeyed_when_it_is_asked(bench):
    bench.command(effects.Join(NETWORK))
    answer(bench, name="of the future", timestamp=bench.now + 86_400_000)
    bench.now += 1
    answer(bench, name="of today")
    assert bench.engine.networks()[0].name == "of today"


def test_address_of_an_impossible_prefix_is_no_network_of_ours_and_not_for_the_host(bench):
    """A controller may name it: each look at whether a path is a virtual one would raise."""
    bench.command(effects.Join(NETWORK))
    good, bad = InetAddress.parse("10.1.2.3/24"), InetAddress.parse("10.1.2.4/26589")
    answer(bench, static_ips=(bad, good))
    assert list(bench.engine.assigned()) == [good]
    assert bench.of(effects.ConfigureTap)[-1].addresses == (good,)
