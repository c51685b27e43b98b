"""The pages of docs/reference are of this code, and leave nothing out."""

from __future__ import annotations

import ast

import pytest

import references
from pages import counters, events, reading


@pytest.mark.parametrize("name", sorted(references.PAGES))
def test_each_page_is_of_this_code(name):
    assert (references.FOLDER / name).read_text() == references.PAGES[name]()


def test_a_stale_page_is_named_and_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(references, "FOLDER", tmp_path)
    monkeypatch.setattr(references, "PAGES", {"settings.md": lambda: "new\n"})
    (tmp_path / "settings.md").write_text("old\n")
    assert references.main(["--check"]) == 1
    assert "settings.md" in capsys.readouterr().out
    assert (tmp_path / "settings.md").read_text() == "old\n"
    assert references.main([]) == 0
    assert references.main(["--check"]) == 0


def test_a_name_without_words_is_refused_and_words_without_a_name_too():
    reading.demand_same("events", {"one"}, {"one": "First"})
    with pytest.raises(reading.Undocumented, match="lacks two"):
        reading.demand_same("events", {"one", "two"}, {"one": "First"})
    with pytest.raises(reading.Undocumented, match="has words for two"):
        reading.demand_same("events", {"one"}, {"one": "First", "two": "Second"})


def test_counters_are_found_however_they_are_named():
    source = """
def drop(self, verb, reason):
    self._local.count("plain")
    self._station.underlay.count("one" if verb else "other")
    self._local.count(f"rx_{_verb_name(packet.verb)}")
    outcome = "won" if verb else "lost"
    self._local.count(outcome)
    self.counters["added"] += 1
    self._local.count(reason)
    self._table.count(key)
"""
    function = ast.parse(source).body[0]
    found = {
        name
        for counted in counters._counted(function)
        for name in counters._names(counted, function)
    }
    assert found == {"plain", "one", "other", "rx_<verb>", "won", "lost", "added"}


def test_events_are_found_with_their_fields():
    source = """
def tell(self, network):
    fields = {"network": network}
    self._station.emit(Report("stored", fields))
    log.warning("refused", why="full", exc_info=error)
"""
    function = ast.parse(source).body[0]
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    found = {
        name: (events._level(call), events._fields(call, function))
        for call in calls
        if events._level(call)
        for name in events._names(call.args[0], function)
    }
    assert found == {"stored": ("info", {"network"}), "refused": ("warning", {"why"})}
