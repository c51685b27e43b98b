"""``earthline rules``, and the rules of a network: scripts, compiled and put in force (04, 13)."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from earthline.cli.common.commands import Commands
from earthline.cli.common.output import (
    call,
    fail,
    hexadecimal,
    say,
    say_text,
    show_json,
    show_json_text,
    warn,
)
from earthline.cli.control.rules_check import check
from earthline.cli.control.rules_file import compiled, read_script
from earthline.controller.rules_check.pitfalls import pitfalls, program_of
from earthline.controller.rules_script import Program, ScriptFault, compile_script

app = Commands(help="Compile rules, and test what they do.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

RULE_KEYS = ("rules", "capabilities", "tags")


@app.command(
    "compile",
    epilog="Example: earthline rules compile office.rules > office.json",
)
def compile_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A script; - for standard input.")],
    _as_json: AsJson = False,
) -> None:
    """Print the JSON that the controller's API takes; its "config" can be posted as it is."""
    try:
        program = compile_script(read_script(file))
    except ScriptFault as fault:
        warn(f"ERROR parsing {file} {fault}")
        raise typer.Exit(1) from None
    show_json_text(program.emit())
    _warn_of(program)


app.command(
    epilog="Example: earthline rules check office.rules --as 0a1b2c3d4e --tag role=printer"
    ' --frame "tcp 10.1.1.1:5000 > 10.1.1.2:443"',
)(check)


def network_rules(
    nwid: Annotated[str, typer.Argument(metavar="NETWORK")],
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A script, or JSON as the API has it; - for input."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a network's rules, or replace them (with its capabilities and tags) by those of a file.

    The text of a script is kept with the network.
    """
    network_id = hexadecimal(nwid, 16, "network ID")
    if file is None:
        _show(network_id, as_json)
        return
    text = read_script(file)
    if text.lstrip()[:1] in {"{", "["}:
        found = call("POST", f"/controller/network/{network_id}", _read_json(text, file))
        program = program_of(found)
    else:
        program = compiled(text, file)
        found = call("POST", f"/earthline/rules/{network_id}", {"source": text})
    if as_json:
        show_json(found)
    else:
        counts = ", ".join(f"{len(found[key])} {key}" for key in RULE_KEYS)
        say(f"{network_id} has {counts}")
    _warn_of(program)


def _warn_of(program: Program) -> None:
    """Beside the result: what such rules do to members that hardly anybody wants."""
    for line in pitfalls(program):
        warn(f"warning: {line}")


def _show(network_id: str, as_json: bool) -> None:
    found = call("GET", f"/earthline/rules/{network_id}")
    if as_json:
        show_json(found)
    elif found["source"]:
        say_text(found["source"])
        if not found["sourceInForce"]:
            warn("earthline: the rules were changed since: `--json` shows those in force")
    else:
        show_json({key: found[key] for key in RULE_KEYS})


def _read_json(text: str, file: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        fail(f"{file} is not JSON: {error}")
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        value = value["config"]
    body = {"rules": value} if isinstance(value, list) else value
    arrays = isinstance(body, dict) and all(isinstance(item, list) for item in body.values())
    if not arrays or not body or not set(body) <= set(RULE_KEYS):
        fail(f"{file}: must be an array of rules, or an object with arrays {', '.join(RULE_KEYS)}")
    checked: dict[str, Any] = body
    return checked
