"""Any bytes give a value or `Malformed`, and values survive being written and read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from targets import TARGETS, seeds

names = pytest.mark.parametrize("name", sorted(TARGETS))


@names
@given(data=st.binary(max_size=400))
def test_any_bytes_are_a_value_or_malformed(name, data):
    TARGETS[name](data)


@names
@given(data=st.data())
def test_damaged_messages_are_a_value_or_malformed(name, data):
    seed = data.draw(st.sampled_from(seeds(name)))
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        length = data.draw(st.integers(0, 8))
        damaged[start : start + length] = data.draw(st.binary(max_size=8))
    TARGETS[name](bytes(damaged))


@names
def test_good_messages_are_values(name):
    for seed in seeds(name):
        TARGETS[name](seed)
