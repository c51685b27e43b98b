"""Rule scripts in files."""

from __future__ import annotations

import sys
from pathlib import Path

from earthline.cli.common.output import fail
from earthline.controller.rules_script import Program, ScriptFault, compile_script


def read_script(file: str) -> str:
    """The text of a file, or of standard input for ``-``."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(f"{file} is not UTF-8 text, at byte {error.start}: save it as such")


def compiled(script: str, file: str) -> Program:
    """The program of a script; a faulty one ends the program."""
    try:
        return compile_script(script)
    except ScriptFault as fault:
        fail(f"{file} {fault}")
