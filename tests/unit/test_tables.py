"""Each table that others can fill: it is documented, holds what it may, and refuses nobody."""

from __future__ import annotations

import pytest

import fillers_data_plane
import fillers_host
import fillers_vl1
import fillers_vl2
from tables import FILLERS, documented

MODULES = (fillers_data_plane, fillers_host, fillers_vl1, fillers_vl2)


def test_every_table_is_documented_with_its_bound():
    assert documented() == {name: filler.bound for name, filler in FILLERS.items()}


@pytest.mark.parametrize("name", sorted(FILLERS))
def test_table_keeps_its_bound_and_whoever_fills_it_crowds_out_nobody(name):
    FILLERS[name].fill()
