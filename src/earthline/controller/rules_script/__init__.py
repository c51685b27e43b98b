"""The rule script language: people write text, the controller takes tables (04, 13).

`compile_script` gives a `Program`, or raises `ScriptFault`, which has line and column. Nothing a
script says takes more than `limits` allow.
"""

from __future__ import annotations

from earthline.controller.rules_script.compiler import compile_script
from earthline.controller.rules_script.program import Capability, Program, ScriptRule, Tag
from earthline.controller.rules_script.words import ScriptFault

__all__ = ["Capability", "Program", "ScriptFault", "ScriptRule", "Tag", "compile_script"]
