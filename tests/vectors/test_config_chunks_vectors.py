"""config_chunks.json: configurations cut, signed, sent and put together (01, 6.15; 03, 3.1)."""

from __future__ import annotations

import pytest

from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.messages.config import ConfigChunk, split_config
from earthline.wire.messages.ok import Ok
from earthline.wire.network_config import NetworkConfig
from earthline.wire.packet import Verb


def check_send(case):
    controller = SecretIdentity.parse(case["controller_secret"])
    dictionary = bytes.fromhex(case["dictionary"])
    chunks = [check_packet(case, packet, controller.public) for packet in case["packets"]]
    assert b"".join(chunk.data for chunk in chunks) == dictionary
    network, update_id = int(case["network_id"], 16), chunks[0].update_id
    assert split_config(network, dictionary, update_id, controller) == chunks
    assert NetworkConfig.parse(dictionary).network == network


def check_packet(case, packet, controller):
    payload = bytes.fromhex(packet["payload"])
    start, end = packet["signed_bytes_start"], packet["signed_bytes_end"]
    if packet["verb"] == Verb.OK:
        ok = Ok.parse(payload)
        assert ok.in_re_verb == packet["in_re_verb"] == Verb.NETWORK_CONFIG_REQUEST
        assert f"{ok.in_re_packet_id:016x}" == packet["in_re_packet_id"]
        assert packet["in_re_packet_id"] == case["request_packet_id"]
        chunk = ConfigChunk.parse(ok.payload)
        assert Ok(ok.in_re_verb, ok.in_re_packet_id, chunk.emit()).emit() == payload
    else:
        assert packet["verb"] == Verb.NETWORK_CONFIG
        chunk = ConfigChunk.parse(payload)
        assert chunk.emit() == payload
    assert chunk.signed_bytes() == payload[start:end]
    check_fields(packet, chunk)
    assert chunk.verify(controller) is packet["signature_valid"]
    return chunk


def check_fields(packet, chunk):
    assert len(chunk.data) == packet["chunk_length"]
    assert chunk.flags == packet["flags"]
    assert f"{chunk.update_id:016x}" == packet["update_id"]
    assert chunk.total == packet["total_length"]
    assert chunk.offset == packet["chunk_index"]
    assert chunk.signature.hex() == packet["signature"]


def check_receive(case):
    """What the codec can tell: signatures, whose word an unsigned chunk is, the text complete."""
    controller = Identity.parse(case["controller_identity"])
    member = SecretIdentity.parse(case["member_secret"])
    received, applied = {}, None
    for step in case["steps"]:
        chunk = ConfigChunk.parse(bytes.fromhex(step["chunk"]))
        text = complete_text(chunk, int(step["from"], 16), controller, received)
        assert (text is not None) is (step["result_update_id"] is not None)
        if text is None:
            continue
        if chunk.signature is not None:
            assert f"{chunk.update_id:016x}" == step["result_update_id"]
        config = NetworkConfig.parse(text)
        if (config.network, config.issued_to) == (int(case["network_id"], 16), member.address):
            applied = config
    assert (applied is not None) is case["has_config"]
    if applied is not None:
        assert applied.name == case["config_name"]
        assert f"{applied.revision:016x}" == case["config_revision"]


def complete_text(chunk, source, controller, received):
    if chunk.signature is None:
        return chunk.data if source == controller.address else None
    if not chunk.verify(controller) or chunk in received.get(chunk.update_id, ()):
        return None
    chunks = received.setdefault(chunk.update_id, [])
    chunks.append(chunk)
    if sum(len(piece.data) for piece in chunks) != chunk.total:
        return None
    return b"".join(piece.data for piece in sorted(chunks, key=lambda piece: piece.offset))


@pytest.mark.vectors("config_chunks")
def test_config_chunks(run_check):
    run_check({"send": check_send, "receive": check_receive})
