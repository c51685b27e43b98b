"""A root whose planet says where nobody can reach it."""

from __future__ import annotations

import pytest
from seen import bad, found, nat, seen

from earthline.diagnosis.finding import Severity
from earthline.diagnosis.snapshot import PortMapping

OWN = "80.5.0.5"


def a_root(*ends, ips=(OWN,), **more):
    known = {"is_root": True, "roots": (), "nat": None, "bound": (f"{OWN}/9993",)}
    return seen(own_endpoints=ends, own_ips=ips, **(known | more))


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (f"{OWN}/9993", []),
        ("127.0.0.1/9993", ["root_endpoint_unusable"]),
        ("0.0.0.0/9993", ["root_endpoint_unusable"]),
        ("80.5.0.9/9993", ["root_address_foreign"]),
        (f"{OWN}/9999", ["root_port_closed"]),
    ],
)
def test_endpoint_that_nobody_can_use_is_a_fault(end, expected):
    shown = a_root(end)
    assert bad(shown) == expected
    if expected:
        said = found(shown, expected[0])
        assert said.severity is Severity.FAULT
        assert end in said.seen
        assert "planet reissue" in said.do
        assert f"UDP sockets: {OWN}/9993" in said.evidence


def test_root_behind_a_nat_is_believed_until_somebody_says_otherwise():
    inside = {"ips": ("10.0.0.5",), "bound": ("10.0.0.5/9993",)}
    assert bad(a_root("80.5.0.9/9993", **inside)) == []
    assert found(a_root("80.5.0.9/9993", **inside), "root_behind_nat").severity is Severity.NOTE
    seen_there = a_root("87.1.0.9/9993", nat=nat(), **inside)
    assert found(seen_there, "root_endpoint_used").severity is Severity.OK
    elsewhere = a_root("80.5.0.9/9993", nat=nat(), **inside)
    assert bad(elsewhere) == ["root_address_foreign"]
    assert "others see at 87.1.0.9/9993" in found(elsewhere, "root_address_foreign").seen
    mapped = PortMapping(True, "upnp", "80.5.0.9/9993", 9993)
    assert bad(a_root("80.5.0.9/9993", port_mapping=mapped, **inside)) == []


def test_other_families_say_nothing_of_an_address():
    shown = a_root("80.5.0.9/9993", ips=("10.0.0.5", "2001:db8::5"), bound=("10.0.0.5/9993",))
    assert bad(shown) == []


def test_one_good_endpoint_of_two_is_enough():
    shown = a_root(f"{OWN}/9993", "80.5.0.9/9993")
    assert bad(shown) == []
    assert found(shown, "root_address_foreign").severity is Severity.NOTE


def test_stopped_root_is_told_that_it_is_stopped_and_no_more():
    assert bad(a_root(f"{OWN}/9993", running=False, inside=False, bound=())) == [
        "service_not_running"
    ]
