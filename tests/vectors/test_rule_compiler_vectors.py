"""rule-compiler/: scripts, and what the stock compiler made of them (04, 13)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earthline.cli.rules import app
from earthline.controller.rules_script import ScriptFault, compile_script

CASES = json.loads((Path(__file__).parent / "data" / "rule-compiler" / "cases.json").read_text())
COMPILED = [case for case in CASES if case["exit"] == 0]
REFUSED = [case for case in CASES if case["exit"] == 1]


def by_script(cases):
    return pytest.mark.parametrize("case", cases, ids=[case["script"][:40] for case in cases])


def test_every_recorded_script_is_here():
    assert (len(COMPILED), len(REFUSED)) == (36, 20)


@by_script(COMPILED)
def test_script_compiles_as_recorded(case):
    assert compile_script(case["script"]).emit() == json.dumps(case["output"], indent=1)


@by_script(REFUSED)
def test_script_is_refused_where_recorded(case):
    with pytest.raises(ScriptFault) as refused:
        compile_script(case["script"])
    assert refused.value.line == case["errorLine"]
    assert refused.value.column == case["errorColumn"]
    assert len(str(refused.value).splitlines()) == 1


@by_script(CASES)
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
