"""config_chunks.json, what is received: chunks put together by a member (03, 3.2 and 3.8)."""

from __future__ import annotations

import pytest

from earthline.vl2.ground.assembly import Assembly, Chunk
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.messages.config import ConfigChunk
from earthline.wire.network_config import NetworkConfig


def check_receive(case):
    member = SecretIdentity.parse(case["member_secret"])
    controller = Identity.parse(case["controller_identity"])
    assembly, held = Assembly(), None
    for step in case["steps"]:
        chunk = ConfigChunk.parse(bytes.fromhex(step["chunk"]))
        assembled = assembly.accept(chunk, int(step["from"], 16), controller)
        assert (assembled.outcome is Chunk.COMPLETE) is (step["result_update_id"] is not None)
        if assembled.outcome is not Chunk.COMPLETE:
            continue
        if chunk.signature:
            assert f"{chunk.update_id:016x}" == step["result_update_id"]
        config = NetworkConfig.parse(assembled.dictionary)
        if config.issued_to == member.address and f"{config.network:016x}" == case["network_id"]:
            held = config
    assert (held is not None) is case["has_config"]
    if held is not None:
        assert held.name == case["config_name"]
        assert held.revision == int(case["config_revision"], 16)


@pytest.mark.vectors("config_chunks")
def test_config_reception(document, case):
    if case["kind"] == "receive":
        check_receive(case)
