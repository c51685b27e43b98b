"""Lenient reading of posted values (04, 3) and what cannot be posted (04, 7.3)."""

from __future__ import annotations

import pytest

from earthline.controller.objects import network_object
from earthline.controller.objects.coercion import (
    UnfitObject,
    as_bool,
    as_hex,
    as_int,
    as_text,
    parse_object,
    read_address,
    render,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-5, 18446744073709551611),
        (1.9, 1),
        (True, 1),
        ("1400", 1400),
        ("12ab", 12),
        ("x", 0),
        ("9" * 5000, 0xFFFFFFFFFFFFFFFF),
        (None, 7),
        ([], 7),
        ({}, 7),
    ],
)
def test_int(value: object, expected: int) -> None:
    assert as_int(value, 7) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, False),
        (0.5, False),
        (-1, True),
        ("true", True),
        ("T", True),
        ("1", True),
        ("yes", False),
        ("", False),
        (None, True),
        ([], True),
    ],
)
def test_bool(value: object, expected: bool) -> None:
    assert as_bool(value, True) is expected


def test_text_and_hex() -> None:
    assert [as_text(value, "-") for value in (5, True, False, "x", None)] == [
        "5",
        "1",
        "0",
        "x",
        "-",
    ]
    assert [as_hex(value, 9) for value in ("1fz", 16, True, None, "")] == [0x1F, 16, 1, 9, 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1.1.6/24", "10.1.1.6/24"),
        ("fd00::0001", "fd00::1/0"),
        ("1.2.3", None),
        ("fe80::1%eth0", None),
        ("junk", None),
        ("", None),
        (5, None),
        ("10.0.0.1/" + "9" * 9999, "10.0.0.1/65535"),
    ],
)
def test_address(text: object, expected: str | None) -> None:
    address = read_address(text)
    assert (address and str(address)) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"mtu": NaN}',
        b'{"mtu": 1e999}',
        b'{"name": "\xff"}',
        rb'{"name": "\ud800"}',
        b"[" * 100_000,
        b'{"dns": {"domain": ' + b"[" * 100 + b"]" * 100 + b"}}",
        b'{"mtu": ' + b"9" * 5000 + b"}",
    ],
)
def test_body_that_cannot_be_stored_is_refused_in_one_line(body: bytes) -> None:
    with pytest.raises(UnfitObject) as refused:
        parse_object(body)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("body", [b"5", b'"x"', b"[1,2]", b"null"])
def test_json_that_is_no_object_counts_as_empty(body: bytes) -> None:
    assert parse_object(body) == {}


def test_arrays_are_cut_at_16384_elements() -> None:
    network = network_object.complete({}, 1, 1)
    pools = [{"ipRangeStart": "10.0.0.1", "ipRangeEnd": "10.0.0.2"}] * 20_000
    network_object.apply_post(network, {"ipAssignmentPools": pools})
    assert len(network["ipAssignmentPools"]) == 16_384


def test_unknown_stored_fields_survive_a_post() -> None:
    network = network_object.complete({"customKey": {"a": 1}, "clock": 5}, 1, 1)
    network_object.apply_post(network, {"name": "ä"})
    assert network["customKey"] == {"a": 1}
    assert "clock" not in network
    assert '"name":"ä"' in render(network)
