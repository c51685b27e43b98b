"""A controller, one who asks it, and the objects it keeps: where fuzzing of controllers starts."""

from __future__ import annotations

import hashlib

from earthline import _native
from earthline.wire.identity import Identity, SecretIdentity

CONTROLLER = 0xB48062DE76


def identity(address: int) -> SecretIdentity:
    """One whose address nobody proved."""
    private = hashlib.sha512(address.to_bytes(5, "big")).digest()
    return SecretIdentity(Identity(address, _native.public_key_of(private)), private)


SELF, MEMBER = identity(CONTROLLER), identity(0xE2189D2483)
ASK = b"v=7\nvend=1\npv=c\nmajv=1\nminv=e\nrevv=1\nmr=400\nmc=80\nmcr=40\nmt=80\nf=0\nrevr=1\no=x"

NETWORK_OBJECT = {
    "id": f"{CONTROLLER << 24 | 1:016x}",
    "nwid": f"{CONTROLLER << 24 | 1:016x}",
    "objtype": "network",
    "name": "lab",
    "private": False,
    "creationTime": 1_795_000_000_000,
    "revision": 3,
    "enableBroadcast": True,
    "multicastLimit": 32,
    "mtu": 2800,
    "v4AssignMode": {"zt": True},
    "v6AssignMode": {"zt": False, "rfc4193": True, "6plane": True},
    "routes": [{"target": "10.7.0.0/16", "via": None}, {"target": "0.0.0.0/0", "via": "10.7.0.1"}],
    "ipAssignmentPools": [{"ipRangeStart": "10.7.0.1", "ipRangeEnd": "10.7.0.9"}],
    "rules": [
        {"type": "MATCH_ETHERTYPE", "etherType": 2048, "not": True, "or": False},
        {"type": "ACTION_TEE", "address": "e2189d2483", "flags": 0, "length": 64},
        {"type": "ACTION_ACCEPT"},
    ],
    "capabilities": [{"id": 1, "default": True, "rules": [{"type": "ACTION_ACCEPT"}]}],
    "tags": [{"id": 2, "default": 7}],
    "dns": {"domain": "lab.example", "servers": ["10.7.0.1"]},
    "authTokens": [],
    "remoteTraceLevel": 0,
    "remoteTraceTarget": None,
    "ssoEnabled": False,
}
"""As a stock controller writes a network."""

STOCK_MEMBER = {
    "id": f"{MEMBER.address:010x}",
    "nwid": NETWORK_OBJECT["id"],
    "objtype": "member",
    "identity": str(MEMBER.public),
    "authorized": True,
    "activeBridge": False,
    "noAutoAssignIps": False,
    "ipAssignments": ["10.7.0.3"],
    "tags": [[2, 9]],
    "capabilities": [1],
    "creationTime": 1_795_000_000_000,
    "lastAuthorizedTime": 1_795_000_000_000,
    "lastAuthorizedCredential": None,
    "authenticationExpiryTime": 0,
    "revision": 2,
    "vMajor": 1,
    "vMinor": 14,
    "vRev": 1,
    "vProto": 12,
    "remoteTraceLevel": 0,
    "remoteTraceTarget": None,
}
"""And a member of it."""
