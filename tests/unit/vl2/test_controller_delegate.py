"""The node speaking for its own controller (04, 8)."""

from __future__ import annotations

import pytest
from vl2_bench import Bench, identity

from earthline import effects
from earthline.vl2.config.requests import OWN_REQUEST
from earthline.vl2.ground.network import NetworkStatus
from earthline.wire.messages.config import ConfigChunk, NetworkConfigRequest
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.error import Error
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import ErrorCode, Verb
from earthline.wire.reader import Malformed

CONTROLLER = identity(0)
MEMBER = identity(1)
NETWORK = CONTROLLER.address << 24 | 1


@pytest.fixture
def bench():
    bench = Bench(CONTROLLER)
    bench.meet(MEMBER.public)
    return bench


def ask(bench, network=NETWORK):
    request = NetworkConfigRequest(network, b"v=7")
    return bench.give(MEMBER.address, Verb.NETWORK_CONFIG_REQUEST, request.emit())


def test_request_of_a_member_is_handed_to_the_controller(bench):
    packet = ask(bench)
    assert bench.of(effects.RequestConfig) == [
        effects.RequestConfig(
            NETWORK,
            MEMBER.address,
            MEMBER.public.emit(),
            packet.packet_id,
            b"v=7",
            packet.path,
        )
    ]


def test_request_for_somebody_elses_network_is_told_that_we_run_no_controller_for_it(bench):
    network = MEMBER.address << 24 | 1
    ask(bench, network)
    assert bench.commands == []
    (sent,) = bench.sent(Verb.ERROR)
    error = Error.parse(sent.payload)
    assert (error.code, error.network()) == (ErrorCode.UNSUPPORTED_OPERATION, network)


def test_truncated_request_is_malformed(bench):
    with pytest.raises(Malformed):
        bench.give(
            MEMBER.address, Verb.NETWORK_CONFIG_REQUEST, NETWORK.to_bytes(8, "big") + b"\x01"
        )


@pytest.mark.parametrize("size", [500, 9_740, 9_741, 40_000])
def test_configuration_is_cut_signed_and_sent_as_the_answer(bench, size):
    dictionary = bytes(number % 250 for number in range(size))
    bench.command(effects.SendConfig(NETWORK, MEMBER.address, dictionary, 42))
    chunks = []
    for sent in bench.sent(Verb.OK):
        ok = Ok.parse(sent.payload)
        assert (ok.in_re_verb, ok.in_re_packet_id) == (Verb.NETWORK_CONFIG_REQUEST, 42)
        chunks.append(ConfigChunk.parse(ok.payload))
    assert b"".join(chunk.data for chunk in chunks) == dictionary
    assert all(chunk.verify(CONTROLLER.public) for chunk in chunks)
    assert len({chunk.update_id for chunk in chunks}) == 1


def test_push_is_a_network_config_packet_with_an_update_id_of_its_own(bench):
    for _ in range(2):
        bench.command(effects.SendConfig(NETWORK, MEMBER.address, b"v=7", 0))
    ids = [ConfigChunk.parse(s.payload).update_id for s in bench.sent(Verb.NETWORK_CONFIG)]
    assert len(set(ids)) == 2
    assert 0 not in ids


def test_refusal_is_an_error_with_the_network(bench):
    code = ErrorCode.NETWORK_ACCESS_DENIED
    bench.command(effects.SendConfigError(NETWORK, MEMBER.address, 42, code))
    (sent,) = bench.sent(Verb.ERROR)
    expected = Error(Verb.NETWORK_CONFIG_REQUEST, 42, code, NETWORK.to_bytes(8, "big"))
    assert Error.parse(sent.payload) == expected


def test_controller_configures_itself_without_a_packet(bench):
    bench.command(effects.Join(NETWORK))
    (request,) = bench.of(effects.RequestConfig)
    assert (request.packet_id, request.path) == (OWN_REQUEST, None)

    config = bench.member_config(NETWORK, CONTROLLER, name="home")
    bench.command(effects.SendConfig(NETWORK, CONTROLLER.address, config.emit(), request.packet_id))
    (state,) = bench.engine.networks()
    assert (state.status, state.name) == (NetworkStatus.OK, "home")
    assert bench.sent() == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.OBJECT_NOT_FOUND, NetworkStatus.NOT_FOUND),
        (ErrorCode.NETWORK_ACCESS_DENIED, NetworkStatus.ACCESS_DENIED),
        (ErrorCode.NETWORK_AUTHENTICATION_REQUIRED, NetworkStatus.AUTHENTICATION_REQUIRED),
    ],
)
def test_controller_refuses_itself_without_a_packet(bench, code, status):
    bench.command(effects.Join(NETWORK))
    bench.command(effects.SendConfigError(NETWORK, CONTROLLER.address, OWN_REQUEST, code))
    assert bench.engine.networks()[0].status is status
    assert bench.sent() == []


def test_credentials_for_a_member_are_sent_as_they_are(bench):
    payload = NetworkCredentials().emit()
    bench.command(effects.SendCredentials(MEMBER.address, payload))
    bench.command(effects.SendCredentials(CONTROLLER.address, payload))
    assert [(s.to, s.payload) for s in bench.sent()] == [(MEMBER.address, payload)]
