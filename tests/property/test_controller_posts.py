"""Whatever JSON is posted to the controller, and whatever a member asks, it stays in one piece."""

from __future__ import annotations

import hashlib
import json
import random

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from earthline import _native
from earthline.controller.authority import Authority
from earthline.controller.objects.coercion import UnfitObject, parse_object, render
from earthline.controller.objects.rules_json import _KINDS
from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore
from earthline.effects import RequestConfig, SendConfig
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.network_config import NetworkConfig

CONTROLLER = 0xB48062DE76
LAB = CONTROLLER << 24 | 1
NOW = 1_795_337_000_000


def identity(address: int) -> SecretIdentity:
    private = hashlib.sha512(address.to_bytes(5, "big")).digest()
    return SecretIdentity(Identity(address, _native.public_key_of(private)), private)


SELF, MEMBER = identity(CONTROLLER), identity(0xE2189D2483)
ASK = RequestConfig(LAB, MEMBER.address, MEMBER.public.emit(), 1, b"v=7\nrevr=1\npv=c", None)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        ["10.7.0.0/16", "10.7.0.9", "fd00::/64", "fd00::5", "0.0.0.0/0", "zt", "true", "7f", "a,zt"]
    ),
)
rules = st.fixed_dictionaries(
    {"type": st.sampled_from([*_KINDS, "X"])},
    optional=dict.fromkeys(
        ("not", "or", "address", "zt", "mac", "ip", "mask", "start", "end", "idx", "bits"), scalars
    ),
)
elements = st.one_of(
    scalars,
    rules,
    st.lists(scalars, max_size=3),
    st.dictionaries(
        st.sampled_from(
            ["id", "default", "rules", "target", "via", "ipRangeStart", "ipRangeEnd", "zt"]
        ),
        st.one_of(scalars, st.lists(rules, max_size=2)),
    ),
)
values = st.one_of(scalars, elements, st.lists(elements, max_size=4))
NETWORK_KEYS = [
    "name",
    "private",
    "enableBroadcast",
    "multicastLimit",
    "mtu",
    "remoteTraceTarget",
    "remoteTraceLevel",
    "v4AssignMode",
    "v6AssignMode",
    "routes",
    "ipAssignmentPools",
    "rules",
    "capabilities",
    "tags",
    "dns",
    "authTokens",
    "x",
]
MEMBER_KEYS = [
    "authorized",
    "activeBridge",
    "noAutoAssignIps",
    "ipAssignments",
    "tags",
    "capabilities",
    "name",
    "authenticationExpiryTime",
    "remoteTraceTarget",
    "remoteTraceLevel",
    "x",
]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(
    network=st.dictionaries(st.sampled_from(NETWORK_KEYS), values),
    member=st.dictionaries(st.sampled_from(MEMBER_KEYS), values),
)
def test_any_post_is_refused_or_gives_a_configuration_that_parses(
    network: dict[str, object], member: dict[str, object]
) -> None:
    store = SqliteStore(IN_MEMORY)
    authority = Authority(SELF, store, random.Random(1).randbytes)
    try:
        posted, _ = authority.post_network(LAB, parse_object(json.dumps(network).encode()), NOW)
        authority.post_member(LAB, MEMBER.address, parse_object(json.dumps(member).encode()), NOW)
        assert authority.get_network(LAB) == json.loads(render(posted))
        normal, _ = authority.post_network(LAB, posted, NOW)
        assert authority.post_network(LAB, normal, NOW) == (normal, [])
    except UnfitObject as refused:
        event(str(refused))
    for answer in authority.handle_request(ASK, NOW):
        if isinstance(answer, SendConfig):
            assert NetworkConfig.parse(answer.dictionary).issued_to == MEMBER.address
    assert authority.counters.get("store_faults", 0) == 0
    store.close()


@settings(deadline=None)
@given(who=st.binary(max_size=90), metadata=st.binary(max_size=1200))
def test_any_request_is_answered_or_dropped(who: bytes, metadata: bytes) -> None:
    store = SqliteStore(IN_MEMORY)
    authority = Authority(SELF, store, random.Random(1).randbytes)
    authority.post_network(LAB, {"private": False}, NOW)
    for asker in (who, MEMBER.public.emit()):
        authority.handle_request(RequestConfig(LAB, MEMBER.address, asker, 1, metadata, None), NOW)
        assert len(authority.members(LAB) or ()) <= 1
    store.close()
