"""``earthline events`` on a terminal, in a pipe, and at Ctrl-C."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from earthline.cli.node.events import LINES, text_of
from earthline.lab.service import script
from earthline.runtime.node.event_kinds import KINDS
from served_home import Service, served
from terminal import WIDTH, in_a_pipe, on_a_terminal

TOLD = [
    {"event": "peer.relayed", "at": 1_795_337_000_000, "address": "0a1b2c3d4e", "reason": "trying"},
    {
        "event": "node.addresses",
        "at": 1_795_337_000_000,
        "listening": [f"10.0.0.{number}/9993" for number in range(20)],
        "mapped": [],
        "surfaces": ["203.0.113.5/9993"],
    },
    {"event": "network.configured", "at": 1_795_337_000_000, "name": "a\nb\x1b[2J", "network": "1"},
    {"event": "of.another.release", "at": 1_795_337_000_000, "what": "new"},
]
ENDED = {"event": "stream.ended", "why": "this is all that is kept"}


class Telling(Service):
    ends = threading.Event()

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        self.send_response(200)
        self.end_headers()
        if not self.path.startswith("/earthline/events"):
            self.wfile.write(b'{"earthline": {}, "address": "1122334455"}')
            return
        assert "last=0" in self.path
        for event in TOLD:
            self._tell(event)
        self.wfile.write(b": alive\n\n")
        self.wfile.flush()
        if "follow=true" in self.path:
            self.ends.wait(60)
        self._tell(ENDED)

    def _tell(self, event: dict[str, object]) -> None:
        self.wfile.write(f"event: {event['event']}\ndata: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    Telling.ends.clear()
    with served(tmp_path, Telling) as home:
        yield home
        Telling.ends.set()


def words(home: Path, *more: str) -> list[str]:
    return [script("earthline"), "--home", str(home), "events", *more]


def test_terminal_breaks_what_is_long_at_blanks(home: Path) -> None:
    shown = on_a_terminal(words(home))
    lines = shown.plain.splitlines()
    assert shown.status == 0, shown.plain
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].endswith("node 0a1b2c3d4e is relayed: trying")
    assert lines[-1].endswith("of.another.release what=new")
    begun = [line for line in lines if not line.startswith(" ")]
    assert len(begun) == len(TOLD)
    assert all(f" 10.0.0.{number}/9993" in shown.plain for number in range(20))


def test_pipe_gets_whole_lines(home: Path) -> None:
    shown = in_a_pipe(words(home))
    lines = shown.text.splitlines()
    assert shown.status == 0, shown.text
    assert len(lines) == len(TOLD)
    assert lines[1].endswith("10.0.0.19/9993")
    assert "\x1b" not in shown.text


def test_scripts_get_an_array(home: Path) -> None:
    assert json.loads(in_a_pipe(words(home, "--json")).text) == TOLD


def test_ctrl_c_ends_following_without_a_word(home: Path) -> None:
    shown = on_a_terminal(words(home, "--follow"), stop_at="what=new")
    assert shown.status == 0, shown.plain
    assert "Traceback" not in shown.plain
    begun = [line for line in shown.plain.splitlines() if line.strip("^C ") and line[0] != " "]
    assert len(begun) == len(TOLD)


def test_following_as_json_is_an_object_in_each_line(home: Path) -> None:
    shown = on_a_terminal(words(home, "--follow", "--json"), stop_at="another.release")
    lines = shown.plain.replace("^C", "").splitlines()
    assert [json.loads(line) for line in lines if line] == TOLD


def test_end_of_a_followed_stream_is_a_failure_with_its_reason(home: Path) -> None:
    Telling.ends.set()
    shown = in_a_pipe(words(home, "--follow"))
    assert shown.status == 1
    assert shown.text.splitlines()[-1] == f"earthline: no more events: {ENDED['why']}"


def test_each_kind_has_its_words() -> None:
    assert set(KINDS) <= set(LINES)


@pytest.mark.parametrize("kind", ["peer.path_found", "peer.path_lost"])
def test_line_of_a_long_address_fits(kind: str) -> None:
    path = "2001:db8:1111:2222:3333:4444:5555:6666/65535"
    event = {"event": kind, "at": 0, "address": "0a1b2c3d4e", "path": path}
    assert len("Jan 01 00:00 " + text_of(event)) <= WIDTH
