"""What the status says in one line: what this node is, how its networks are, what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from earthline.cli.app import app
from earthline.cli.common import output
from earthline.cli.common.client import Answer
from earthline.cli.node import status

OWN = "0a1b2c3d4e"
PLANET = f"{OWN}000001"


@pytest.fixture
def shown(monkeypatch, capsys):
    """What `earthline status` prints of a service with these answers."""

    def show(*networks: str, root: bool = False, controlled: int = 0, **glance: Any) -> str:
        answers = {
            "/status": {
                "address": OWN,
                "online": True,
                "planetWorldId": int(PLANET, 16),
                "config": {"settings": {"homeDir": "/x"}},
                "earthline": {"version": "0.1.0", "root": root, "earth": None},
            },
            "/network": [{"status": name} for name in networks],
            "/controller/network": ["0" * 16] * controlled,
            "/earthline/doctor/glance": {"line": "", "findings": []} | glance,
        }

        def answer(_method: str, path: str, _body: Any = None) -> Answer:
            found = answers.get(path)
            return Answer(404, b"") if found is None else Answer(200, json.dumps(found).encode())

        for module in (output, status):
            monkeypatch.setattr(module, "answer_to", answer)
        app(["status"], prog_name="earthline", standalone_mode=False)
        return capsys.readouterr().out

    return show


@pytest.mark.parametrize(
    ("of", "role"),
    [
        ({}, "member of no networks"),
        ({"root": True}, f"root of planet {PLANET}"),
        ({"root": True, "controlled": 2}, f"root of planet {PLANET}, controller of 2 networks"),
        ({"controlled": 1}, "controller of 1 network"),
    ],
)
def test_role_is_what_the_node_is_for_others(shown, of, role):
    assert f"role          {role}\n" in shown(**of)


def test_members_and_their_networks_are_counted_by_state(shown):
    text = shown("OK", "ACCESS_DENIED", "OK", "REQUESTING_CONFIGURATION")
    assert "role          member of 4 networks\n" in text
    counts = "2 ok, 1 waiting for authorization, 1 waiting for the controller"
    assert f"networks      {counts}\n" in text


def test_root_alone_is_not_said_to_be_seen_by_nobody(shown):
    assert "seen as" not in shown(root=True)
    assert "seen as       not known yet" in shown()


def test_worst_finding_is_the_last_line_if_it_is_in_the_way_of_something(shown):
    found = [{"severity": "fault"}]
    line = "The root 1122334455 does not answer"
    assert shown(line=line, findings=found).endswith(f"✗ {line}: see `earthline doctor`\n")
    assert "✗" not in shown(line="Clock not compared yet", findings=[{"severity": "note"}])
    assert "doctor" not in shown()
