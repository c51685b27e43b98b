"""What is asked of systemd, by its own programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from earthline.cli.common.output import fail

RUNS = Path("/run/systemd/system")
STOCK_UNIT = "zerotier-one.service"


def demand_systemd() -> None:
    """End the program unless systemd runs here, and we may tell it what to do."""
    if not RUNS.is_dir():
        fail("systemd does not run here: start the node with `earthline up`")
    if os.geteuid() != 0:
        fail("this changes the system: try again as root")


def systemctl(*words: str) -> None:
    """Something that has to work, or the program ends with the complaint."""
    if complaint := attempt(*words):
        fail(f"systemctl {' '.join(words)}: {complaint}")


def attempt(*words: str) -> str:
    """Do something; the last line of the complaint if it does not work, else nothing."""
    done = _run("systemctl", *words)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]


def answers(*words: str) -> bool:
    """Whether systemd says yes, as to ``is-active`` and ``is-enabled``."""
    return _run("systemctl", "--quiet", *words).returncode == 0


def last_words(unit: str) -> str:
    """The last line that the processes of a unit left in the journal; empty if there is none."""
    said = _run("journalctl", "--quiet", "--output=cat", "--lines=20", f"_SYSTEMD_UNIT={unit}")
    return (said.stdout.strip().splitlines() or [""])[-1]


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        fail(f"{words[0]} is not installed: start the node with `earthline up`")
