"""inetaddress.json: text, bytes, scopes and prefix arithmetic (01, 5.1)."""

from __future__ import annotations

import pytest

from earthline.wire.inet import InetAddress, emit_inet, read_inet
from earthline.wire.reader import Malformed, Reader


def check_text(case):
    if not case["text"]:
        assert emit_inet(None).hex() == case["serialized"]
        return
    if not case["parses"]:
        with pytest.raises(ValueError):
            InetAddress.parse(case["text"])
        return
    address = InetAddress.parse(case["text"])
    assert address.emit().hex() == case["serialized"]
    assert str(address) == case["to_text"]
    assert address.ip_text == case["ip_text"]
    assert address.port == case["port"]
    assert (4 if address.is_ipv4 else 6) == case["family"]
    assert address.scope == case["scope_number"]
    assert address.is_network is case["is_network"]
    assert address.is_default_route is case["is_default_route"]
    assert address.netmask_valid is case["netmask_bits_valid"]
    check_prefix(case, address)


def check_prefix(case, address):
    """Results are given for lengths that make a prefix, so not for 0."""
    for name in ("netmask", "network", "broadcast"):
        if name in case:
            assert str(getattr(address, name)) == case[name]
    if "network" in case and "broadcast" not in case:
        assert address.broadcast is None
    if not case["netmask_bits_valid"]:
        with pytest.raises(ValueError):
            _ = address.netmask


def check_contains(case):
    network = InetAddress.parse(case["network"])
    assert network.contains(InetAddress.parse(case["address"])) is case["contains"]


def check_binary(case):
    reader = Reader(bytes.fromhex(case["bytes"]))
    if not case["parses"]:
        with pytest.raises(Malformed):
            read_inet(reader)
        return
    address = read_inet(reader)
    assert reader.offset == case["bytes_consumed"]
    if case["family"] == 0:
        assert address is None
    else:
        assert str(address) == case["to_text"]


CHECKS = {"text": check_text, "contains": check_contains, "binary": check_binary}


@pytest.mark.vectors("inetaddress")
def test_inetaddress(run_check):
    run_check(CHECKS)
