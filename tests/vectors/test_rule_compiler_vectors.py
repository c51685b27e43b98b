"""rule-compiler/: scripts, and what the stock compiler made of them (04, 13)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earthline.cli.control.rules import app
from earthline.controller.rules_script import ScriptFault, compile_script

OURS = Path(__file__).parent / "data" / "rule-compiler" / "cases.json"


def test_every_recorded_script_is_here():
    exits = [case["exit"] for case in json.loads(OURS.read_text())]
    assert (exits.count(0), exits.count(1), len(exits)) == (36, 20, 56)


@pytest.mark.vectors("rule-compiler/cases")
def test_script_compiles_or_is_refused_as_recorded(case):
    if case["exit"] == 0:
        assert compile_script(case["script"]).emit() == json.dumps(case["output"], indent=1)
        return
    with pytest.raises(ScriptFault) as refused:
        compile_script(case["script"])
    assert refused.value.line == case["errorLine"]
    assert refused.value.column == case["errorColumn"]
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.vectors("rule-compiler/cases")
def test_command_ends_as_the_stock_compiler(case, tmp_path):
    file = tmp_path / "script"
    file.write_text(case["script"])
    found = CliRunner().invoke(app, ["compile", str(file)])
    assert found.exit_code == case["exit"]
    if case["exit"]:
        place = f"line {case['errorLine']} column {case['errorColumn']}: "
        assert found.stderr.startswith(f"ERROR parsing {file} {place}")
        assert found.stdout == ""
    else:
        assert json.loads(found.stdout) == case["output"]
