"""Killed at random moments under load, a few rounds of it: `killed` goes on for longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from database_server import DatabaseServer
from killed import Lost, Ordeal, check_addresses, check_kept

ROUNDS = 3


def test_nothing_acknowledged_is_lost_when_a_controller_over_sqlite_is_killed(
    tmp_path: Path,
) -> None:
    ordeal = Ordeal(str(tmp_path), random.Random(1))
    for _ in range(ROUNDS):
        ordeal.round()
    assert ordeal.killed == {"controller": ROUNDS}
    assert len(ordeal.acknowledged) > ROUNDS


def test_nothing_acknowledged_is_lost_when_controller_or_postgresql_is_killed(
    postgresql: DatabaseServer,
) -> None:
    ordeal = Ordeal(postgresql.empty(), random.Random(2), postgresql)
    for _ in range(ROUNDS):
        ordeal.round()
    assert ordeal.killed.keys() == {"controller", "database"}


def test_losses_are_seen() -> None:
    noted = {"revision": 2, "name": "office", "ipAssignments": ["10.7.0.1"]}
    check_kept(("1", "2"), noted, noted | {"revision": 3, "name": "home"})
    with pytest.raises(Lost, match="is gone"):
        check_kept(("1", "2"), noted, None)
    with pytest.raises(Lost, match="was"):
        check_kept(("1", "2"), noted, noted | {"name": "home"})
    with pytest.raises(Lost, match="was"):
        check_kept(("1", "2"), noted, noted | {"revision": 1})
    with pytest.raises(Lost, match="had"):
        check_kept(("1", "2"), noted, noted | {"revision": 3, "ipAssignments": []})
    with pytest.raises(Lost, match="twice"):
        check_addresses(1, [noted, noted])
