"""Names of virtual interfaces (05, 8.1)."""

from __future__ import annotations

import pytest

from earthline.runtime.taps.devices import choose_device, device_map, wish_fault


@pytest.mark.parametrize(
    ("network", "taken", "name"),
    [
        (0xB48062DE76000001, (), "ztnl3gfxtx"),
        (0xB48062DE76000001, ("ztnl3gfxtx",), "ztnl3gfxty"),
        (0xB48062DE761CA497, (), "ztnl3h46xb"),
        (0x8056C2E21C000001, (), "ztmjfmfyq5"),
    ],
)
def test_name_follows_from_the_network(network, taken, name):
    assert choose_device(network, taken) == name


def test_wished_name_comes_first_unless_taken():
    assert choose_device(0xB48062DE76000001, (), "lan0") == "lan0"
    assert choose_device(0xB48062DE76000001, ("lan0",), "lan0") == "ztnl3gfxtx"
    assert wish_fault("lan0", ("lan0",)) == "another interface has that name"


@pytest.mark.parametrize(
    "name", ["a/b", "a-name-that-is-too-long", "ñandúñandú12345", ".", "..", "a b", "a:b", "zt%d"]
)
def test_name_that_no_interface_can_have_is_not_tried(name):
    assert wish_fault(name, ())
    assert choose_device(0xB48062DE76000001, (), name) == "ztnl3gfxtx"


def test_device_map_is_read_line_by_line(tmp_path):
    (tmp_path / "devicemap").write_text(
        "B48062DE76000001=lan0\nnonsense\n8056c2e21c000001=\n"
        "1122334455000001=a-name-that-is-too-long\nzzzz62de76000001=x\n"
    )
    assert device_map(tmp_path) == {
        0xB48062DE76000001: "lan0",
        0x1122334455000001: "a-name-that-is-too-long",
    }
    assert device_map(tmp_path / "nowhere") == {}


def test_device_map_that_cannot_be_read_gives_no_names(tmp_path):
    (tmp_path / "devicemap").mkdir()
    assert device_map(tmp_path) == {}
