"""How ``earthline`` speaks: tables for people, JSON for scripts, and one line when it cannot.

Nothing else prints. Names, notes and faults come from controllers, peers, files and services:
here, in one place, they lose what could steer a terminal or forge a line (`earthline.clean`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, TextIO

import typer

from earthline.clean import clean, clean_lines, escape
from earthline.cli.common.client import (
    Answer,
    Client,
    NoService,
    NotListening,
    NotTheService,
    read_token,
)
from earthline.cli.common.colors import paint
from earthline.cli.common.stock_beside import is_ours, refusal
from earthline.cli.common.table import Column, fold, lay_out
from earthline.cli.common.where import Undecided, find_home, tries, why_no_answer
from earthline.runtime.home.running import read_port

_SEE_LOGS = "`earthline logs` shows why"
_OF_CONTROLLER = re.compile(r"(?:/unstable)?/controller/network/([0-9a-f]{16})")


class _Session:
    """What this command line says for all commands."""

    given: Path | None = None
    """The home folder that it names."""

    @cached_property
    def home(self) -> Path:
        """The home folder that it speaks about."""
        return self.given or self.find()

    def find(self, *, wait: bool = True) -> Path:
        """That which is meant where none is named."""
        try:
            return find_home(wait=wait)
        except Undecided as question:
            fail(str(question))


Session = _Session()


def fail(line: str) -> NoReturn:
    """End with status 1 and one line that says what to do next."""
    warn(f"earthline: {line}")
    raise SystemExit(1)


def say(*lines: object) -> None:
    """Lines for a person, each of them one whatever is in it; a terminal's are broken at blanks."""
    for line in lines:
        for part in fold(clean(line), width()):
            print(part)


def say_at_once(mark: str, text: str) -> None:
    """A line of something that goes on, seen before the next one.

    Where the terminal is less wide it is broken at blanks, and goes on behind the mark.
    """
    columns = width()
    room = None if columns is None else columns - len(mark) - 1
    first, *rest = fold(clean(text), room)
    for line in (f"{mark} {first}", *(f"{'':{len(mark)}} {line}" for line in rest)):
        print(line, flush=True)


def say_painted(*parts: str | tuple[str, str]) -> None:
    """One line, of which parts are in a style: (text, style)."""
    print("".join(clean(p) if isinstance(p, str) else paint(clean(p[0]), p[1]) for p in parts))


def steer(codes: str) -> None:
    """Control codes of our own for the terminal."""
    print(codes, end="", flush=True)


def say_screen(lines: Iterable[str]) -> None:
    """Lines of `table_lines`, and others in which nothing is that somebody else may choose."""
    print("\n".join(lines), flush=True)


def say_text(text: str) -> None:
    """A text of several lines, such as a script, with its tabs."""
    print(clean_lines(text.rstrip("\n")))


def warn(line: object) -> None:
    """One line on standard error; a terminal's is broken at blanks."""
    for part in fold(clean(line), width(sys.stderr)):
        print(part, file=sys.stderr)


def ask(question: str) -> None:
    """Go on if the user says yes, else end the program."""
    typer.confirm(clean(question), abort=True)


def client() -> Client | None:
    """A client for the service of the home folder, None if none ever ran there.

    Ends the program where the token may be hidden from us, as it is from root nowhere.
    """
    home = Session.home
    port = read_port(home)
    if port is None:
        return None
    token = read_token(home)
    if token is None and os.geteuid() == 0:
        return None
    if token is None:
        fail(f"cannot read {home / 'authtoken.secret'}: try again as root")
    return Client(port, token, home=home)


def reach() -> Client | None:
    """The client once the service answers, for which one that is starting is waited; else None."""
    for _ in tries(Session.home):
        found = client()
        try:
            if found is not None:
                found.request("GET", "/health")
                return found
        except NotListening:
            continue
        except NoService as error:
            fail(f"the service on {Session.home} does not answer ({error}): {_SEE_LOGS}")
    return None


def answer_to(method: str, path: str, body: Any = None) -> Answer:
    """The answer of the service, be it a refusal; ends the program if there is none."""
    try:
        for _ in tries(Session.home):
            found = client()
            try:
                if found is not None:
                    return found.request(method, path, body)
            except NotListening:
                continue
    except NotTheService as error:
        fail(str(error))
    except NoService as error:
        fail(f"the service on {Session.home} does not answer ({error}): {_SEE_LOGS}")
    fail(why_no_answer(Session.home))


def stream(path: str) -> Iterator[str]:
    """The lines of an answer as they come; whatever else ends the program."""
    found = client()
    if found is None:
        fail(why_no_answer(Session.home))
    try:
        with found.asked("GET", path) as response:
            if response.status != 200:
                _unwrapped(Answer(response.status, response.read()), path)
            for line in response:
                yield line.decode("utf-8", "replace").rstrip("\r\n")
    except NotTheService as error:
        fail(str(error))
    except NoService as error:
        fail(f"the service on {Session.home} does not answer any more ({error}): {_SEE_LOGS}")


def call(method: str, path: str, body: Any = None) -> Any:
    """Ask the service, and give back the parsed answer; whatever else ends the program."""
    return _unwrapped(answer_to(method, path, body), path)


def call_own(method: str, path: str, body: Any = None, *, stock: str = "") -> Any:
    """The same by our own route of this name, which does more; where there is none, by this one.

    ``stock`` is the stock route, where that has another name.
    """
    answer = answer_to(method, f"/earthline{path}", body)
    return call(method, stock or path, body) if answer.status == 404 else _unwrapped(answer, path)


def _unwrapped(answer: Answer, path: str) -> Any:
    if answer.status == 401:
        fail(
            f"the service refuses the token in {Session.home / 'authtoken.secret'}: "
            "restart it, which has it read that one"
        )
    if answer.status != 200 and path.startswith("/earthline/"):
        demand_earthline()
    try:
        parsed = answer.json() if answer.body else None
    except ValueError:
        fail(f"the service answered {answer.status} with something that is not JSON: {_SEE_LOGS}")
    if answer.status == 404:
        fail(_described(parsed) or _not_found(path))
    if answer.status != 200:
        fail(_described(parsed) or f"the service answered {answer.status}: {_SEE_LOGS}")
    return parsed


def demand_earthline() -> dict[str, Any]:
    """The answer to ``GET /status``; ends the program if that is not a service of Earthline."""
    found: dict[str, Any] = call("GET", "/status")
    if not is_ours(found):
        fail(refusal(found, Session.home))
    return found


def _not_found(path: str) -> str:
    """What is not there; only the controller of a network, which its ID names, has that."""
    named = _OF_CONTROLLER.match(path)
    if named is None:
        return "not found: check the ID, `earthline networks` lists yours"
    network, own = named[1], call("GET", "/status")["address"]
    if not network.startswith(own):
        return (
            f"the controller of network {network} is node {network[:10]}, and this is node {own}: "
            "run the command there"
        )
    if "/member/" in path and answer_to("GET", f"/controller/network/{network}").status == 200:
        return f"network {network} has no such member: `earthline member list {network}` lists them"
    return f"this node has no network {network}: `earthline network list` lists its networks"


def _described(parsed: Any) -> str:
    return str(parsed.get("description", "")) if isinstance(parsed, dict) else ""


def hint(*lines: str) -> None:
    """What to do next: beside the result, which a script may want to have alone."""
    for line in lines:
        warn(line)


def show_json(value: Any) -> None:
    """Indented, keys sorted; texts are as they came."""
    show_json_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def show_json_line(value: Any) -> None:
    """In one line, keys sorted, seen before the next one."""
    print(escape(json.dumps(value, sort_keys=True, ensure_ascii=False)), flush=True)


def show_json_text(text: str) -> None:
    """JSON that is laid out already."""
    print(escape(text))


def show_table(
    columns: Sequence[str | Column], rows: Iterable[Iterable[object]], empty: str
) -> None:
    """Print a table, or the line ``empty`` in place of one without rows."""
    for line in table_lines(columns, rows, empty):
        print(line)


def table_lines(
    columns: Sequence[str | Column], rows: Iterable[Iterable[object]], empty: str
) -> list[str]:
    """The lines of a table, or ``empty`` in place of one without rows.

    A cell that is a list or a tuple has a line for each of its items.
    """
    made = [column if isinstance(column, Column) else Column(column) for column in columns]
    texts = [[_cell(cell) for cell in row] for row in rows]
    if not texts:
        return [clean(empty)]
    header, *lines = lay_out(made, texts, width(), paint)
    return [paint(header, "bold"), *lines]


def show_facts(
    facts: Iterable[tuple[str, object]], styles: Mapping[str, str] | None = None
) -> None:
    """What is known of one thing: a name and a value in each line, or several lines of values.

    ``styles``: by value, how it is shown.
    """
    columns = (Column(""), Column("", folds=True, styles=styles or {}))
    rows = [[(name,), _cell(value)] for name, value in facts]
    _, *lines = lay_out(columns, rows, width(), paint)
    for line in lines:
        print(line)


def _cell(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(clean(item) for item in value) or ("-",)
    return (clean(value),)


def width(stream: TextIO | None = None) -> int | None:
    """Columns of the terminal; None where the output, or a stream, goes elsewhere."""
    out = sys.stdout if stream is None else stream
    if not out.isatty():
        return None
    return shutil.get_terminal_size((80, 24)).columns


def show_marked(mark: str, style: str, text: str) -> None:
    """One mark in a style, then the text, indented and broken at blanks."""
    columns = width()
    room = None if columns is None else columns - len(mark) - 1
    first, *rest = fold(clean(text), room)
    print(paint(mark, style), first)
    for line in rest:
        print(" " * len(mark), line)


def hexadecimal(text: str, digits: int, what: str) -> str:
    """An ID as the API takes it, lower case; ends the program if it is none."""
    lowered = text.strip().lower()
    if len(lowered) != digits or any(digit not in "0123456789abcdef" for digit in lowered):
        fail(f"{text!r} is not a {what}: give its {digits} hexadecimal digits")
    return lowered
