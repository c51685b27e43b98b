"""What is written down before the host is changed."""

from __future__ import annotations

import json

import pytest

from earthline.runtime.base.keeping import Keeping
from earthline.runtime.bridge import journal as journal_module
from earthline.runtime.bridge.journal import JOURNAL_FILE, Bridging, Journal

ENTRY = Bridging(
    0xB48062DE76000001,
    "eth0",
    "br-eth0",
    "ztnl3gfxtx",
    created=True,
    addresses=["192.168.1.5/24"],
    routes=[{"dst": "0.0.0.0/0", "gateway": "192.168.1.1", "family": 2}],
    roll_back_at=1234,
)


def test_next_run_reads_what_this_one_wrote(tmp_path):
    Journal(Keeping(tmp_path)).write([ENTRY])
    assert Journal(Keeping(tmp_path)).left_behind() == [ENTRY]


def test_nothing_bridged_leaves_no_file(tmp_path):
    Journal(Keeping(tmp_path)).write([ENTRY])
    Journal(Keeping(tmp_path)).write([])
    assert list(tmp_path.iterdir()) == []
    assert Journal(Keeping(tmp_path)).left_behind() == []


def test_reboot_has_undone_everything(tmp_path, monkeypatch):
    Journal(Keeping(tmp_path)).write([ENTRY])
    other = tmp_path / "boot_id"
    other.write_text("another boot\n")
    monkeypatch.setattr(journal_module, "BOOT_ID", other)
    assert Journal(Keeping(tmp_path)).left_behind() == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", json.dumps({"boot": "x", "bridges": [{"a": 1}]}).encode()]
)
def test_unreadable_journal_does_not_stop_the_start(tmp_path, content):
    """And is kept for who wants to know what was to be undone."""
    (tmp_path / JOURNAL_FILE).write_bytes(content)
    assert Journal(Keeping(tmp_path)).left_behind() == []
    assert [file.name for file in tmp_path.iterdir()] == [f"{JOURNAL_FILE}.damaged"]
    assert (tmp_path / f"{JOURNAL_FILE}.damaged").read_bytes() == content


def test_what_cannot_be_written_down_is_not_announced(tmp_path):
    (tmp_path / JOURNAL_FILE).mkdir()
    with pytest.raises(OSError) as refused:
        Journal(Keeping(tmp_path)).announce([ENTRY])
    assert refused.value.filename == str(tmp_path / JOURNAL_FILE)
