"""A lab host as a person has it: a shell in a folder, and a disk of its own to install to."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from earthline.lab import Host
from earthline.lab.service import wait_until
from wheels import offline

_OWN = ("/etc", "/opt", "/usr/local", "/var/lib")
"""Folders whose changes stay on the host: what is written there lands in its lab folder."""
_SET_UP = """
for place in "$@"; do
    layer=$DISK$place
    mkdir -p "$layer.new" "$layer.work"
    mount -t overlay overlay -o "lowerdir=$place,upperdir=$layer.new,workdir=$layer.work" "$place"
done
mount -t tmpfs tmpfs /run
rm -rf /var/lib/earthline /var/lib/zerotier-one
echo ready
exec sleep infinity
"""


class Desk:
    """Where blocks of a document are pasted."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.folder = host.directory / "desk"
        self.folder.mkdir()
        self._bin = host.directory / "bin"
        self._bin.mkdir()
        self._have_python()
        self._offline = offline(host.directory / "packages")
        self._pasted = 0
        disk = {"DISK": str(host.directory / "disk")}
        argv = ["unshare", "--mount", "bash", "-euc", _SET_UP, "desk", *_OWN]
        self._mounts = host.start(argv, name="mounts", environment=disk)
        wait_until(f"{host.name} has a disk of its own", self._ready)

    def paste(self, text: str, timeout_s: float = 300) -> str:
        """Run a block of shell as it stands; its output, or `LabError` where a command fails."""
        self._pasted += 1
        inside = ["nsenter", f"--target={self._mounts.pid}", "--mount", f"--wd={self.folder}"]
        environment = {
            "PATH": f"{self._bin}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "COLUMNS": "80",
            **self._offline,
        }
        shell = self.host.start(
            [*inside, "bash", "-ec", text],
            name=f"pasted-{self._pasted}",
            environment=environment,
        )
        return shell.finish(timeout_s)

    def _ready(self) -> bool:
        assert self._mounts.exit_status is None, self._mounts.output
        return "ready" in self._mounts.output

    def _have_python(self) -> None:
        """Give it a ``python3``: ours."""
        python = self._bin / "python3"
        base = getattr(sys, "_base_executable", sys.executable)
        python.write_text(f'#!/bin/sh\nexec "{base}" "$@"\n')
        python.chmod(0o755)


def copy(source: Path, *desks: Desk) -> None:
    """What `scp` does between two machines."""
    for desk in desks:
        shutil.copy(source, desk.folder)
