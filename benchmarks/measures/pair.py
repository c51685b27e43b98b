"""Two connected hosts, the daemons between them, and ``iperf3`` from one to the other."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthline.lab.namespace import LabError
from earthline.lab.process import LabProcess
from earthline.lab.topology import Host

PORT = 5201
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Pair:
    """Two hosts, and how one reaches the other."""

    near: Host
    far: Host
    ip: str
    """Where the far host is reached."""
    pids: tuple[int, ...]
    """The daemons whose work is counted, the near one's first; none without a virtual network."""

    def cpu_s(self) -> float:
        """CPU time of the daemons so far, user and system, in seconds."""
        return sum(map(_cpu_s, self.pids))

    def rss_mb(self) -> float:
        """Resident memory of the near daemon."""
        status = Path(f"/proc/{self.pids[0]}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        if found is None:
            raise LabError(f"no resident memory in /proc/{self.pids[0]}/status")
        return int(found[1]) * 1024 / _MEGABYTE

    def iperf(self, seconds: int, *options: str) -> dict[str, Any]:
        """The end report of a transfer from the near host to the far one."""
        with self._iperf_server():
            argv = [*self._iperf_client(seconds), "-J", *options]
            report: dict[str, Any] = json.loads(self.near.run(argv, timeout_s=seconds + 30))
        end: dict[str, Any] = report["end"]
        return end

    @contextmanager
    def loaded(self, seconds: int) -> Iterator[None]:
        """A TCP stream of so long runs meanwhile, and has got up to speed."""
        with self._iperf_server():
            stream = self.near.start(self._iperf_client(seconds), name="stream")
            time.sleep(1)
            yield
            stream.finish(seconds + 30)

    @contextmanager
    def _iperf_server(self) -> Iterator[None]:
        server = self.far.start(["iperf3", "-s", "-1", "-p", str(PORT)])
        _wait_listening(server, self.far)
        yield
        server.wait(10)

    def _iperf_client(self, seconds: int) -> list[str]:
        return ["iperf3", "-c", self.ip, "-p", str(PORT), "-t", str(seconds)]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def _wait_listening(server: LabProcess, host: Host) -> None:
    while server.exit_status is None:
        if host.run(["ss", "-Hltn", f"sport = {PORT}"]):
            return
        time.sleep(0.02)
