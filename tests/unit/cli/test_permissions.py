"""Settings as people write them."""

from __future__ import annotations

import pytest

from earthline.cli.node.permissions import _setting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("allowDNS=1", ("allowDNS", True)),
        ("allowDefault=Off", ("allowDefault", False)),
        ("allowGlobal=yes", ("allowGlobal", True)),
        ("allowManaged=0", ("allowManaged", False)),
        ("allowManaged=1", ("allowManaged", [])),
        ("allowManaged=10.1.2.3/8, fd00::/8", ("allowManaged", ["10.0.0.0/8", "fd00::/8"])),
    ],
)
def test_setting_is_understood(text, expected):
    assert _setting(text) == expected


@pytest.mark.parametrize(
    "text", ["allowDNS", "allowAll=1", "=1", "allowDNS=10.0.0.0/8", "allowManaged=", "allowDNS="]
)
def test_other_settings_end_the_program(text, capsys):
    with pytest.raises(SystemExit):
        _setting(text)
    assert len(capsys.readouterr().err.splitlines()) == 1
