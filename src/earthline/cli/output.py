"""How ``earthline`` speaks: tables for people, JSON for scripts, and one line when it cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from earthline.cli.clean import clean
from earthline.cli.client import (
    Client,
    NoService,
    NotTheService,
    default_home,
    read_port,
    read_token,
)


class Session:
    """The home folder that this command line speaks about."""

    home: Path = default_home()


def fail(line: str) -> NoReturn:
    """End with status 1 and one line that says what to do next."""
    print(f"earthline: {clean(line)}", file=sys.stderr)
    raise SystemExit(1)


def client() -> Client:
    """A client for the service of the home folder."""
    home = Session.home
    port = read_port(home)
    token = read_token(home)
    if port is None:
        fail(f"no service ever ran on {home}: start it with `earthline --home {home} up`")
    if token is None:
        fail(f"cannot read {home / 'authtoken.secret'}: try again as root")
    return Client(port, token, home=home)


def call(method: str, path: str, body: Any = None) -> Any:
    """Ask the service, and give back the parsed answer; whatever else ends the program."""
    try:
        answer = client().request(method, path, body)
    except NotTheService as error:
        fail(str(error))
    except NoService as error:
        home = Session.home
        fail(f"the service does not answer ({error}): start it with `earthline --home {home} up`")
    if answer.status == 401:
        fail(f"the service refuses the token in {Session.home / 'authtoken.secret'}")
    try:
        parsed = answer.json() if answer.body else None
    except ValueError:
        fail(f"the service answered {answer.status} with something that is not JSON")
    if answer.status == 404:
        fail(_described(parsed) or "not found: check the ID, `earthline networks` lists yours")
    if answer.status != 200:
        fail(_described(parsed) or f"the service answered {answer.status}")
    return parsed


def _described(parsed: Any) -> str:
    return str(parsed.get("description", "")) if isinstance(parsed, dict) else ""


def show_json(value: Any) -> None:
    """Indented, keys sorted."""
    print(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def show_table(columns: Iterable[str], rows: Iterable[Iterable[object]], empty: str) -> None:
    """A table, or the line ``empty`` in place of one without rows."""
    from rich.console import Console  # noqa: PLC0415 - a third of the start-up time
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Names come from controllers and peers: nothing in them is markup, or steers the terminal.
        table.add_row(*(Text(clean(cell)) for cell in row))
    if table.row_count:
        Console().print(table)
    else:
        print(empty)


def hexadecimal(text: str, digits: int, what: str) -> str:
    """An ID as the API takes it, lower case; ends the program if it is none."""
    lowered = text.strip().lower()
    if len(lowered) != digits or any(digit not in "0123456789abcdef" for digit in lowered):
        fail(f"{text!r} is not a {what}: that has {digits} hexadecimal digits")
    return lowered
