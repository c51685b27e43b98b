"""What a fresh machine installs before anything of ours can check it."""

from __future__ import annotations

import re
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"


def test_setup_installs_one_version_of_uv_and_only_files_that_are_known():
    setup = (TOOLS / "setup").read_text()
    installs = [line for line in setup.splitlines() if "pip install" in line]
    assert installs
    assert all("--require-hashes" in line and "tools/uv.txt" in line for line in installs)
    pinned = (TOOLS / "uv.txt").read_text()
    assert re.search(r"^uv==\d+\.\d+\.\d+ \\$", pinned, re.MULTILINE)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", pinned)) >= 10
