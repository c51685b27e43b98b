"""Each table that others can fill: it is documented, holds what it may, and refuses nobody."""

from __future__ import annotations

from importlib import import_module

import pytest

from tables import FILLERS, ROOT, documented

for path in sorted(ROOT.glob("tests/fillers_*.py")):
    import_module(path.stem)


def test_every_table_is_documented_with_its_bound():
    assert documented() == {name: filler.bound for name, filler in FILLERS.items()}


@pytest.mark.parametrize("name", sorted(FILLERS))
def test_table_keeps_its_bound_and_whoever_fills_it_crowds_out_nobody(name):
    FILLERS[name].fill()
