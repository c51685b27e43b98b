"""Refusals are one line that says what is wrong and what to do, in plain English."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import earthline
from earthline.cli.app import app
from earthline.cli.common import output
from earthline.cli.common.client import Answer, NoService
from earthline.runtime.home.home import Home
from earthline.runtime.planet.planet import make_planet
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress

SOURCES = Path(earthline.__file__).parent
REFUSING = {"fail": 0, "BridgeRefused": 0, "PlanetRefused": 0}
"""What ends a command with a line → which argument that line is."""
PLACES = ("cli", "runtime/bridge", "runtime/planet/planet.py")
STEP = re.compile(
    r"`|\b(use|write|try again|choose|pass|give|get|see|name|needs|stop|restart|save|import|leave"
    r"|look|take|bridge|replaces|removes)\b|nothing to remove"
)
"""What somebody can do."""
OF_THE_SYSTEM = re.compile(r"^(cannot (read|write) )?…(: |, …: )…$|^… …$|^…$|is not JSON: …$")
"""Names a file, and what the system or the parser says of it: that is what to mend."""
SPEAKING = (
    "cli",
    "diagnosis",
    "runtime/bridge",
    "runtime/planet/planet.py",
    "runtime/base/sentences.py",
)


def files(places: tuple[str, ...]) -> Iterator[Path]:
    for place in places:
        path = SOURCES / place
        yield from [path] if path.suffix else sorted(path.rglob("*.py"))


def text_of(node: ast.AST) -> str:
    """A literal, with … for what is put into it; empty if it is none."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(text_of(value) or "…" for value in values)
    return ""


def refusals() -> Iterator[tuple[str, str]]:
    """Place and text of each."""
    for file in files(PLACES):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[said, *_]) if name in REFUSING:
                    if text := text_of(said):
                        yield f"{file.name}:{node.lineno}", text


REFUSALS = list(refusals())


def test_refusals_are_found():
    assert len(REFUSALS) > 60


@pytest.mark.parametrize(("place", "text"), REFUSALS, ids=[place for place, _ in REFUSALS])
def test_refusal_says_in_one_line_what_to_do(place, text):
    assert "\n" not in text
    assert not text.endswith(".")
    assert text[0] in "…`-" or text[0].islower() or text.startswith("ZeroTier")
    assert STEP.search(text) or OF_THE_SYSTEM.search(text) or text.endswith("…"), place


def spoken() -> Iterator[tuple[str, str]]:
    """Every text that is no docstring, wherever it is put."""
    for file in files(SPEAKING):
        tree = ast.parse(file.read_text("utf-8"))
        beside = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) not in beside and " " in (text := text_of(node)):
                yield f"{file.name}:{node.lineno}", text


QUAINT = {
    r"(?i)authoris|colour|behaviour": "American spelling, as in the names of commands",
    r"\bsay (`|--)": "run, or pass",
    r"\bby (TCP|UDP|TLS)\b": "over",
    r"\bshall\b": "should",
    r"\b[Nn]obody (is|has|shall)\b": "who or what it is about is the subject",
    r"\bthe way (out|to this)": "path, route or connections",
}


@pytest.mark.parametrize("words", QUAINT)
def test_texts_are_in_plain_english(words):
    assert [place for place, text in spoken() if re.search(words, text)] == [], QUAINT[words]


@pytest.fixture(autouse=True)
def one_command(monkeypatch) -> Iterator[None]:
    """A process is one command: what it found out of its home folder is not for the next test."""
    monkeypatch.setattr(output.Session, "given", None)
    vars(output.Session).pop("home", None)
    yield
    vars(output.Session).pop("home", None)


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        app(words, prog_name="earthline", standalone_mode=False)
    assert end.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(401, b""), "the service refuses the token in"),
        (Answer(500, b""), "the service answered 500: `earthline logs` shows why"),
        (Answer(200, b"<html>"), "not JSON: `earthline logs` shows why"),
        (NoService("timed out"), "does not answer (timed out): `earthline logs` shows why"),
    ],
)
def test_service_that_fails_is_one_line_with_where_to_look(
    answer, said, tmp_path, capsys, monkeypatch
):
    class Failing:
        def request(self, *_: object) -> Answer:
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setattr(output, "client", Failing)
    assert said in refused(["--home", str(tmp_path), "networks"], capsys)


def test_relay_that_cannot_listen_names_where_and_who_knows_more(capsys, monkeypatch, tmp_path):
    relay = {"clients": 0, "failure": "Permission denied", "listeningOn": []}
    wanted = {"settings": {"tcpRelay": {"listen": ["0.0.0.0/443"]}}}

    def answer(_method: str, path: str, _body: object = None) -> Answer:
        known = {"/status": {"earthline": {"tcpRelay": relay}}, "/config": wanted}
        return Answer(200, json.dumps(known.get(path, {})).encode())

    monkeypatch.setattr(output, "answer_to", answer)
    line = "cannot listen on 0.0.0.0/443 (Permission denied), retrying: `earthline doctor` shows"
    home = ["--home", str(tmp_path)]
    assert line in refused([*home, "tcp-relay", "on"], capsys)
    app([*home, "tcp-relay", "show"], prog_name="earthline", standalone_mode=False)
    assert line in capsys.readouterr().out


# --- a planet into a home whose service does not run ----------------------------------------------


@pytest.fixture
def planet(tmp_path) -> Path:
    identity = SecretIdentity.generate(bytes(32), 1).public
    made = make_planet(
        Home(tmp_path), identity, (InetAddress.parse("198.51.100.7/9993"),), None, 1000
    )
    file = tmp_path / "planet.file"
    file.write_bytes(made.emit())
    return file


def test_planet_installed_without_a_service_is_told_in_json_too(planet, tmp_path, capsys):
    home = tmp_path / "home"
    words = ["--home", str(home), "planet", "install", str(planet), "--json"]
    app(words, prog_name="earthline", standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(home / "planet")
    assert (home / "planet").read_bytes() == planet.read_bytes()
    assert told["worldId"] == f"{SecretIdentity.generate(bytes(32), 1).public.address:016x}"


def test_file_that_is_no_planet_is_told_with_where_one_comes_from(tmp_path, capsys):
    file = tmp_path / "notes.txt"
    file.write_text("to be done\n")
    words = ["--home", str(tmp_path / "home"), "planet", "install", str(file)]
    line = refused(words, capsys)
    assert f"{file}: this is not a planet: `earthline planet show --out FILE` on" in line
