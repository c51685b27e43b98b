"""A member asks for its configuration, step by step (04, 8 and 9; the recorded scenarios 3xx)."""

from __future__ import annotations

import pytest
from controller_lab import CONTROLLER, LAB, MEMBER, NOW, Lab, only_config, secret_identity

from earthline.controller import authority as authority_module
from earthline.controller.authority import Authority, NoFreeNetwork
from earthline.controller.members import strangers
from earthline.controller.objects.coercion import render
from earthline.controller.store import Store
from earthline.effects import RequestConfig, SendConfig, SendConfigError, SendCredentials
from earthline.wire.credentials.common import Verification
from earthline.wire.dictionary import Dictionary
from earthline.wire.identity import Identity
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.packet import ErrorCode
from earthline.wire.rules import ACCEPT_ALL

LAB_NET = {
    "name": "lab net",
    "v4AssignMode": {"zt": True},
    "v6AssignMode": {"rfc4193": True, "6plane": True, "zt": True},
    "routes": [
        {"target": "10.7.0.0/16"},
        {"target": "10.8.0.0/16", "via": "10.7.0.1"},
        {"target": "fd12::/64"},
    ],
    "ipAssignmentPools": [
        {"ipRangeStart": "10.7.0.10", "ipRangeEnd": "10.7.0.99"},
        {"ipRangeStart": "fd12::1", "ipRangeEnd": "fd12::ffff"},
    ],
    "dns": {"domain": "lab.example", "servers": ["10.7.0.53"]},
    "tags": [{"id": 1000, "default": 100}, {"id": 1001, "default": None}],
    "capabilities": [
        {"id": 2000, "default": True, "rules": [{"type": "ACTION_ACCEPT"}]},
        {"id": 2001, "default": False, "rules": [{"type": "ACTION_ACCEPT"}]},
    ],
}


def refusal(commands: list[object]) -> ErrorCode:
    (command,) = commands
    assert isinstance(command, SendConfigError)
    return ErrorCode(command.code)


def revocations(commands: list[object]) -> list[tuple[int, int, int]]:
    """(receiver, target, threshold) of every revocation sent."""
    return [
        (command.member, revocation.target, revocation.threshold)
        for command in commands
        if isinstance(command, SendCredentials)
        for revocation in NetworkCredentials.parse(command.payload).revocations
    ]


def test_private_network_records_and_denies_a_stranger(lab: Lab) -> None:
    lab.create(**LAB_NET)
    assert refusal(lab.ask()) is ErrorCode.NETWORK_ACCESS_DENIED
    member = lab.member()
    assert member["identity"] == str(secret_identity(MEMBER).public)
    assert (member["authorized"], member["revision"], member["vMajor"]) == (False, 1, -1)


def test_unknown_network_is_not_found(lab: Lab) -> None:
    assert refusal(lab.ask()) is ErrorCode.OBJECT_NOT_FOUND


def test_network_of_another_controller_is_never_served(lab: Lab) -> None:
    foreign = 0x1234567890ABCDEF
    lab.create(foreign, private=False)
    assert lab.ask(network=foreign) == []
    assert lab.authority.get_member(foreign, MEMBER) is None


def test_second_request_within_a_second_is_dropped(lab: Lab) -> None:
    lab.create(private=False)
    assert lab.ask()
    lab.now += 1_000
    assert lab.ask() == []
    lab.now += 1
    assert lab.ask()


def test_second_request_for_an_unknown_network_is_dropped_too(lab: Lab) -> None:
    assert lab.ask()
    lab.now += 1_000
    assert lab.ask() == []


def test_authorised_member_gets_what_was_recorded(lab: Lab) -> None:
    lab.create(**LAB_NET)
    lab.ask()
    lab.post_member(authorized=True)
    config = lab.config()
    assert [str(ip) for ip in config.static_ips[:2]] == [
        "fdb4:8062:de76:0:199:93e2:189d:2483/88",
        "fcc2:8062:dfe2:189d:2483::1/40",
    ]
    assert config.static_ips[2].ip_text.startswith("fd12::")
    assert config.static_ips[2].port == 64
    assert str(config.static_ips[3]) == "10.7.0.59/16"
    assert config.flags == 0x06
    assert (config.name, config.revision, config.mtu) == ("lab net", 1, 2800)
    assert config.multicast_limit == 32
    assert config.credential_max_delta == 1_800_000
    assert config.dns.domain == "lab.example"
    assert [server.ip_text for server in config.dns.servers] == ["10.7.0.53"]
    assert [(str(r.target), r.via and r.via.ip_text) for r in config.routes] == [
        ("10.7.0.0/16", None),
        ("10.8.0.0/16", "10.7.0.1"),
        ("fd12::/64", None),
    ]
    assert config.rules == ACCEPT_ALL
    assert not config.public
    member = lab.member()
    assert member["ipAssignments"] == [ip.ip_text for ip in config.static_ips[2:]]
    assert member["tags"] == [[1000, 100]]
    # The denied request made the record, so the default capability was missed (04, 9.5).
    assert member["capabilities"] == []
    assert (member["vMajor"], member["vMinor"], member["vRev"], member["vProto"]) == (1, 14, 1, 12)


def test_own_member_of_the_controller_gets_the_recorded_address(lab: Lab) -> None:
    lab.create(**LAB_NET)
    lab.post_member(CONTROLLER, authorized=True)
    config = lab.config(CONTROLLER, packet_id=0xFFFFFFFFFFFFFFFF, identity=lab.identity.public)
    assert "10.7.0.88/16" in map(str, config.static_ips)


def test_every_credential_carries_one_timestamp_and_verifies(lab: Lab) -> None:
    lab.create(**LAB_NET, private=False)
    config = lab.config()
    credentials = [config.com, *config.tags, *config.capabilities, *config.ownerships]
    assert len(credentials) == 4
    for credential in credentials:
        assert credential is not None
        assert credential.timestamp == config.timestamp == lab.now
        assert credential.issued_to == MEMBER
        assert credential.verify(lab.find_identity) is Verification.VALID
    assert config.com is not None
    assert config.com.agrees_with(config.com, secret_identity(MEMBER).public)
    assert all(config.ownerships[0].owns_ip(ip.ip) for ip in config.static_ips)


def test_new_member_of_a_public_network_gets_default_capabilities(lab: Lab) -> None:
    lab.create(**LAB_NET, private=False)
    config = lab.config()
    assert config.public
    assert [capability.capability_id for capability in config.capabilities] == [2000]
    member = lab.member()
    assert member["capabilities"] == [2000]
    assert (member["revision"], member["lastAuthorizedCredentialType"]) == (1, "public")


def test_other_identity_under_a_known_address_is_denied_and_not_saved(lab: Lab) -> None:
    lab.create(private=False)
    lab.config()
    before = lab.member()
    lab.now += 5_000
    impostor = Identity(MEMBER, secret_identity(CONTROLLER).public.public_key)
    assert refusal(lab.ask(identity=impostor)) is ErrorCode.NETWORK_ACCESS_DENIED
    assert lab.member() == before


def test_request_that_lies_about_its_address_is_dropped(lab: Lab) -> None:
    lab.create(private=False)
    assert lab.ask(identity=secret_identity(CONTROLLER).public) == []
    broken = RequestConfig(LAB, MEMBER, b"\x00" * 9, 5, b"", None)
    assert lab.authority.handle_request(broken, lab.now) == []
    assert lab.authority.counters["dropped_malformed_request"] == 2


def test_token_admits_until_it_expires(lab: Lab) -> None:
    lab.create(authTokens={"for-ever": 0, "for-now": NOW + 60_000})
    lab.config(1, token="token:for-ever")
    assert lab.member(1)["lastAuthorizedCredential"] == "for-ever"
    assert lab.member(1)["lastAuthorizedCredentialType"] == "token"
    lab.config(2, token="token:for-now")
    lab.now += 60_000
    for member, token in ((3, "token:for-now"), (4, "token:"), (5, "for-ever"), (6, "token:x")):
        assert refusal(lab.ask(member, token=token)) is ErrorCode.NETWORK_ACCESS_DENIED


def test_token_for_a_network_without_tokens_is_denied(lab: Lab) -> None:
    lab.create()
    assert refusal(lab.ask(token="token:x")) is ErrorCode.NETWORK_ACCESS_DENIED


def test_member_without_rules_engine_gets_one_accept(lab: Lab) -> None:
    lab.create(**LAB_NET, private=False, rules=[{"type": "ACTION_DROP"}])
    config = lab.config(rules_engine=0)
    assert (config.rules, config.tags, config.capabilities) == (ACCEPT_ALL, (), ())
    assert lab.config().rules == b"\x00\x00"


def test_active_bridges_are_listed_for_everyone(lab: Lab) -> None:
    lab.create(private=False)
    lab.post_member(0x9000000002, activeBridge=True)
    lab.post_member(0x1000000001, activeBridge=True)
    assert lab.config().specialists == (0x21000000001, 0x29000000002)


def test_first_authorisation_is_pushed_to_a_waiting_member(lab: Lab) -> None:
    lab.create(**LAB_NET)
    lab.ask()
    lab.now += 60_000
    (command,) = lab.post_member(authorized=True)
    assert isinstance(command, SendConfig)
    assert (command.member, command.in_re) == (MEMBER, 0)
    assert str(only_config([command]).static_ips[3]) == "10.7.0.59/16"


def test_nothing_is_pushed_to_a_member_that_left_two_minutes_ago(lab: Lab) -> None:
    lab.create()
    lab.ask()
    lab.now += 120_000
    assert lab.post_member(authorized=True) == []


def test_push_does_not_change_the_posted_answer(lab: Lab) -> None:
    lab.create(**LAB_NET)
    lab.ask()
    lab.now += 5_000
    posted, commands = lab.authority.post_member(LAB, MEMBER, {"authorized": True}, lab.now)
    assert posted is not None
    assert (posted["revision"], posted["ipAssignments"]) == (2, [])
    assert len(commands) == 1
    assert lab.member()["revision"] == 3


def test_network_change_reaches_every_online_member_in_batches(lab: Lab) -> None:
    lab.create(private=False)
    for member in range(1, 101):
        lab.ask(member)
    _, commands = lab.authority.post_network(LAB, {"name": "renamed"}, lab.now)
    while (due := lab.authority.next_timeout()) is not None:
        assert due <= lab.now
        commands += lab.authority.handle_timeout(lab.now)
    assert sorted(command.member for command in commands) == list(range(1, 101))
    assert {only_config([command]).name for command in commands} == {"renamed"}


def test_unchanged_post_pushes_nothing(lab: Lab) -> None:
    lab.create(private=False, name="x")
    lab.ask()
    posted, commands = lab.authority.post_network(LAB, {"name": "x"}, lab.now)
    assert (posted["revision"], commands) == (1, [])


def test_deauthorised_member_is_revoked_towards_everyone_online(lab: Lab) -> None:
    lab.create(private=False)
    lab.ask(1)
    lab.ask(2)
    lab.now += 10
    lab.authority.post_network(LAB, {"private": True}, lab.now)
    commands = lab.post_member(1, authorized=False)
    assert revocations(commands) == [(1, 1, lab.now), (2, 1, lab.now)]
    assert not any(isinstance(command, SendConfig) for command in commands)
    lab.now += 60_000
    assert refusal(lab.ask(1)) is ErrorCode.NETWORK_ACCESS_DENIED


def test_revocation_verifies_and_propagates_fast(lab: Lab) -> None:
    lab.create(private=False)
    lab.ask()
    (command, _) = lab.post_member(authorized=False)
    assert isinstance(command, SendCredentials)
    (revocation,) = NetworkCredentials.parse(command.payload).revocations
    assert revocation.verify(lab.find_identity) is Verification.VALID
    assert revocation.fast_propagate
    assert (revocation.credential_type, revocation.credential_id) == (1, 0)


def test_member_of_a_public_network_is_readmitted_with_a_newer_certificate(lab: Lab) -> None:
    lab.create(private=False)
    lab.ask()
    commands = lab.post_member(authorized=False)
    ((_, _, threshold),) = revocations(commands)
    assert only_config(commands).timestamp > threshold
    assert lab.member()["authorized"] is True


def test_deleted_member_is_revoked_and_recreated_by_its_next_request(lab: Lab) -> None:
    lab.create(private=False)
    lab.config()
    found, commands = lab.authority.delete_member(LAB, MEMBER, lab.now)
    assert found is not None
    assert revocations(commands) == [(MEMBER, MEMBER, lab.now)]
    lab.config()
    assert lab.member()["revision"] == 1


def test_deleted_network_revokes_its_online_members_in_one_packet_each(lab: Lab) -> None:
    lab.create(private=False)
    for member in range(1, 101):
        lab.ask(member)
    _, commands = lab.authority.delete_network(LAB, lab.now)
    assert len(commands) == 100
    assert len(revocations(commands[:1])) == 60
    assert max(len(command.payload) for command in commands) < 10024 - 28
    assert refusal(lab.ask(500)) is ErrorCode.OBJECT_NOT_FOUND
    assert lab.authority.get_member(LAB, 1) is None


def test_timestamps_after_a_restart_stay_above_the_last_revocation(lab: Lab) -> None:
    lab.create(private=False)
    lab.ask()
    ((_, _, threshold),) = revocations(lab.post_member(authorized=False))
    restarted = Lab(lab.store)
    restarted.now = lab.now - 3_600_000
    assert restarted.config().timestamp > threshold


def test_stranger_beyond_the_limit_takes_the_place_of_the_oldest(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "MAX_WAITING", 3)
    lab.create()
    for member in range(1, 6):
        lab.now += 1
        assert refusal(lab.ask(member)) is ErrorCode.NETWORK_ACCESS_DENIED
    assert list(lab.authority.members(LAB) or ()) == [3, 4, 5]


def test_sign_on_network_asks_for_authentication_and_revokes_on_expiry(lab: Lab) -> None:
    lab.create()
    stored = lab.authority.get_network(LAB)
    assert stored is not None
    lab.store.write_network(LAB, render({**stored, "ssoEnabled": True}))
    (command,) = lab.ask()
    assert isinstance(command, SendConfigError)
    assert command.code == ErrorCode.NETWORK_AUTHENTICATION_REQUIRED
    assert Dictionary.parse(command.data).get("aU") == b""
    expires_at = lab.now + 30_000
    lab.post_member(authorized=True, authenticationExpiryTime=expires_at)
    config = lab.config()
    assert config.sign_on.enabled
    assert config.sign_on.authentication_expires_at == expires_at
    assert lab.authority.next_timeout() == expires_at
    assert lab.authority.handle_timeout(expires_at - 1) == []
    assert [target for _, target, _ in revocations(lab.authority.handle_timeout(expires_at))] == [
        MEMBER
    ]
    assert lab.member()["authorized"] is True


def test_failing_store_is_answered_not_raised(lab: Lab) -> None:
    lab.create(private=False)
    lab.store.write_network(LAB, "not json")
    assert refusal(lab.ask()) is ErrorCode.OBJECT_NOT_FOUND
    assert lab.authority.counters["store_faults"] == 1


def test_every_network_number_in_use_is_said_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority_module, "_MAX_DRAWS", 3)
    authority = Authority(secret_identity(CONTROLLER), store, bytes)
    first, _ = authority.post_network(None, {}, NOW)
    assert first["id"] == "b48062de76000001"
    with pytest.raises(NoFreeNetwork):
        authority.post_network(None, {}, NOW)
