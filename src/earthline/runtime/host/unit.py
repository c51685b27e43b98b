"""The installed systemd unit."""

from __future__ import annotations

import re
from pathlib import Path

UNIT = "earthline.service"
UNIT_FILE = Path("/etc/systemd/system") / UNIT
START = "systemctl start earthline"
_EXEC = re.compile(r'^ExecStart="[^"]*" -U "([^"]*)"$', re.MULTILINE)


def home_of_unit(file: Path = UNIT_FILE) -> Path | None:
    """The home folder of the service that a unit file starts, if there is one."""
    try:
        found = _EXEC.search(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return Path(found[1]) if found else None
