"""Options that belong to every command may stand anywhere."""

from __future__ import annotations

import pytest

from earthline.cli.common.usage import everywhere


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("status --home /x", "--home /x status"),
        ("--home /x status", "--home /x status"),
        ("status --home=/x --json", "--home=/x status --json"),
        ("--json status", "status --json"),
        ("--json --home /x network list", "--home /x network list --json"),
        ("network list --json", "network list --json"),
        ("member name N A -- --home", "member name N A -- --home"),
        ("lab up --home /x", "--home /x lab up"),
        ("--home /x lab up --json", "--home /x lab up --json"),
        ("status --home", "--home"),
        ("--json network list", "network list --json"),
        ("network --json list -- -x", "network list --json -- -x"),
        ("--json", "--json"),
    ],
)
def test_home_goes_before_the_command_and_json_after_it(typed, taken):
    assert " ".join(everywhere(typed.split())) == taken
