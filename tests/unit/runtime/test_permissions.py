"""Local permissions: their file, and what they cover (05, 2.4 and 8.4)."""

from __future__ import annotations

import pytest

from earthline.runtime.base.keeping import Keeping
from earthline.runtime.settings.permissions import (
    Permissions,
    load_permissions,
    permissions_file,
    store_permissions,
)
from earthline.wire.inet import InetAddress

NETWORK = 0xB48062DE76000001
at = InetAddress.parse


def write(home, text):
    folder = home / "networks.d"
    folder.mkdir()
    (folder / f"{NETWORK:016x}.local.conf").write_text(text)


def test_defaults_without_a_file(tmp_path):
    assert load_permissions(tmp_path, NETWORK) == Permissions()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("allowManaged=1\nallowGlobal=0\nallowDefault=0\nallowDNS=0\n", Permissions()),
        ("allowManaged=0\n", Permissions(managed=False)),
        ("allowManaged=\nallowGlobal=true\n", Permissions(global_=True)),
        ("allowManaged=false\nallowDNS=T\n", Permissions(managed=False, dns=True)),
        (
            "allowManaged=10.7.0.0/16,fd00::/8\n",
            Permissions(whitelist=(at("10.7.0.0/16"), at("fd00::/8"))),
        ),
        ("junk\n=\nallowDefault=1", Permissions(default=True)),
    ],
)
def test_file_is_read_as_stock_reads_it(tmp_path, text, expected):
    write(tmp_path, text)
    assert load_permissions(tmp_path, NETWORK) == expected


def test_written_file_is_the_stock_one(tmp_path):
    store_permissions(Keeping(tmp_path), NETWORK, Permissions(dns=True))
    text = (tmp_path / "networks.d" / f"{NETWORK:016x}.local.conf").read_text()
    assert text == "allowManaged=1\nallowGlobal=0\nallowDefault=0\nallowDNS=1\n"


def test_whitelist_survives_a_change(tmp_path):
    listed = Permissions(whitelist=(at("10.7.0.0/16"),))
    store_permissions(Keeping(tmp_path), NETWORK, listed.changed({"allowGlobal": True}))
    assert load_permissions(tmp_path, NETWORK) == Permissions(
        whitelist=(at("10.7.0.0/16"),), global_=True
    )


def test_only_booleans_of_a_request_count():
    changed = Permissions().changed({"allowGlobal": 1, "allowDNS": "true", "allowManaged": False})
    assert changed == Permissions(managed=False)


@pytest.mark.parametrize(
    ("permissions", "item", "allowed"),
    [
        (Permissions(), "10.7.0.1/16", True),
        (Permissions(), "28.1.2.3/7", True),
        (Permissions(), "fd00::1/88", True),
        (Permissions(), "8.8.8.8/32", False),
        (Permissions(global_=True), "8.8.8.8/32", True),
        (Permissions(global_=True), "127.0.0.1/8", False),
        (Permissions(global_=True), "224.0.0.1/4", False),
        (Permissions(global_=True), "169.254.1.1/16", False),
        (Permissions(global_=True), "0.0.0.0/0", False),
        (Permissions(default=True), "0.0.0.0/0", True),
        (Permissions(default=True), "::/0", True),
        (Permissions(default=True), "8.8.8.0/24", False),
        (Permissions(managed=False), "10.7.0.1/16", False),
        (Permissions(whitelist=(at("10.7.0.0/16"),)), "10.7.0.1/16", True),
        (Permissions(whitelist=(at("10.7.0.0/16"),)), "10.7.0.1/24", True),
        (Permissions(whitelist=(at("10.7.0.0/16"),)), "10.7.0.1/8", False),
        (Permissions(whitelist=(at("10.7.0.0/16"),)), "10.8.0.1/16", False),
    ],
)
def test_what_is_allowed(permissions, item, allowed):
    assert permissions.allow(at(item)) is allowed


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        (["10.0.0.0/8"], Permissions(whitelist=(at("10.0.0.0/8"),))),
        ([], Permissions()),
        ([7], Permissions(managed=False, whitelist=(at("fd00::/8"),))),
        (True, Permissions(whitelist=(at("fd00::/8"),))),
    ],
)
def test_list_of_networks_becomes_the_whitelist(posted, expected):
    before = Permissions(managed=False, whitelist=(at("fd00::/8"),))
    assert before.changed({"allowManaged": posted}) == expected


@pytest.mark.parametrize(
    ("permissions", "item", "reason"),
    [
        (Permissions(managed=False), "10.7.0.1/16", "allowManaged is off"),
        (Permissions(whitelist=(at("10.7.0.0/16"),)), "10.8.0.1/16", "does not list it"),
        (Permissions(), "0.0.0.0/0", "allowDefault is off"),
        (Permissions(), "8.8.8.8/32", "allowGlobal is off"),
        (Permissions(), "127.0.0.1/8", "no place"),
    ],
)
def test_refusal_names_the_switch(permissions, item, reason):
    assert reason in permissions.refusal(at(item))


@pytest.mark.parametrize(
    ("text", "managed", "whitelist", "default"),
    [
        (b"allowManaged=1\nallowDefault=1\n\xff\xfe\0\n", True, (), True),
        (b"allow\xffManaged=0\nallowDefault=1\n", False, (), True),
        (b"allowMan", False, (), False),
        (b"# only a remark\nallowDefault=1\n", True, (), True),
        (b"allowSomethingNew=1\n", True, (), False),
        (b"allowManaged=10.0.0.0/8,10.\xff\n", True, ("10.0.0.0/8",), False),
        (b"allowManaged=10.0.0/8,gar\xffbage\n", False, (), False),
    ],
)
def test_damaged_file_allows_no_more_than_it_says(tmp_path, text, managed, whitelist, default):
    file = permissions_file(tmp_path, NETWORK)
    file.parent.mkdir()
    file.write_bytes(text)
    found = load_permissions(tmp_path, NETWORK)
    assert (found.managed, found.default) == (managed, default)
    assert tuple(map(str, found.whitelist)) == whitelist


def test_file_that_cannot_be_read_allows_nothing_and_is_put_aside_by_the_next_wish(tmp_path):
    file = permissions_file(tmp_path, NETWORK)
    (file / "inside").mkdir(parents=True)
    assert load_permissions(tmp_path, NETWORK) == Permissions(managed=False)
    store_permissions(Keeping(tmp_path), NETWORK, Permissions(dns=True))
    assert load_permissions(tmp_path, NETWORK).dns
    assert (file.parent / f"{file.name}.damaged" / "inside").is_dir()
