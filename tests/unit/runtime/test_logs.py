"""What others can cause costs no more than so many lines."""

from __future__ import annotations

from earthline.runtime.logs import LINE_MS, LINES_AT_ONCE, LONGEST_FIELD, Sparing

NOW = 1_000_000


def test_flood_of_one_cause_is_a_few_lines_and_a_count():
    sparing = Sparing()
    written = [sparing.line("address_taken", {}, NOW) for _ in range(5_000)]
    assert len([line for line in written if line is not None]) == LINES_AT_ONCE
    later = sparing.line("address_taken", {"address": "0a1b2c3d4e"}, NOW + LINE_MS)
    assert later == {"address": "0a1b2c3d4e", "suppressed": 5_000 - LINES_AT_ONCE}
    assert sparing.line("address_taken", {}, NOW + 2 * LINE_MS) == {}


def test_flood_of_one_cause_silences_no_other():
    sparing = Sparing()
    for _ in range(5_000):
        sparing.line("address_taken", {}, NOW)
    assert sparing.line("identity_collision", {"reporter": "x"}, NOW) == {"reporter": "x"}


def test_long_fields_are_cut():
    line = Sparing().line("said", {"text": "a" * 9_000, "data": bytes(9_000), "n": 5}, NOW)
    assert line == {"text": "a" * LONGEST_FIELD, "data": bytes(LONGEST_FIELD), "n": 5}
