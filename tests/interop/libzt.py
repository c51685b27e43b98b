"""A libzt node in a lab host: an official ZeroTier node with its own TCP/IP stack."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Self

from earthline.lab import Host
from earthline.lab.service import wait_until

_HERE = Path(__file__).parent
_CACHE = _HERE.parents[1] / ".cache" / "libzt"
_WHEEL = "libzt-1.8.4-cp39-cp39-manylinux2010_x86_64.whl"
_WHEEL_SHA256 = "e66e1482940118ae172d7356d2c5d2d5c561831c94d595a850704f9923054756"
_LIBRARY = "libzt/_libzt.cpython-39-x86_64-linux-gnu.so"
_DOWNLOAD = [
    "download", "--quiet", "--no-deps", "--only-binary=:all:", "--python-version", "3.9",
    "--platform", "manylinux2010_x86_64", "libzt==1.8.4",
]  # fmt: skip


def library() -> Path:
    """The shared object out of the wheel, downloaded once."""
    path = _CACHE / _LIBRARY
    if not path.exists():
        wheel = _CACHE / _WHEEL
        if not wheel.exists():
            _CACHE.mkdir(parents=True, exist_ok=True)
            subprocess.run([*_pip(), *_DOWNLOAD, "--dest", str(_CACHE)], check=True)
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == _WHEEL_SHA256
        _extract(wheel, path)
    return path


def _pip() -> list[str]:
    """An environment made by uv has no pip of its own: uv runs one for it.

    Where uv came by pip, into an environment of its own, that has one.
    """
    beside_uv = _CACHE.parent / "uv" / "bin" / "pip"
    if beside_uv.exists():
        return [str(beside_uv)]
    if shutil.which("uv") is not None:
        return ["uv", "tool", "run", "pip"]
    return [sys.executable, "-m", "pip"]


def _extract(wheel: Path, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}")
    with zipfile.ZipFile(wheel) as archive:
        scratch.write_bytes(archive.read(_LIBRARY))
    scratch.rename(path)


def shim(directory: Path) -> Path:
    """Compile the shim that the library needs preloaded."""
    path = directory / "libzt_shim.so"
    source = _HERE / "libzt_shim.c"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", str(path), str(source)],
        check=True,
    )
    return path


class LibztNode:
    """The child process that is the node, and the commands it obeys."""

    def __init__(self, host: Host) -> None:
        self.host = host
        home = host.directory / "libzt"
        home.mkdir()
        child = [sys.executable, str(_HERE / "libzt_child.py"), str(library()), str(home)]
        self._child = subprocess.Popen(
            host.namespace.enter_argv(child),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "LD_PRELOAD": str(shim(host.directory))},
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.communicate()

    def start(self, planet: bytes) -> None:
        roots = self.host.directory / "planet"
        roots.write_bytes(planet)
        self._ask("start", str(roots))
        wait_until("libzt is online", lambda: self._ask("online"))

    @property
    def address(self) -> str:
        return f"{self._ask('address'):010x}"

    def join(self, network: str) -> None:
        self._ask("join", int(network, 16))

    def leave(self, network: str) -> None:
        self._ask("leave", int(network, 16))

    def ip(self, network: str) -> str | None:
        answer: str | None = self._ask("ip", int(network, 16))
        return answer

    def wait_ip(self, network: str, timeout_s: float = 30) -> str:
        return wait_until("libzt has an address", lambda: self.ip(network), timeout_s=timeout_s)

    def echo(self, port: int) -> None:
        """Serve TCP echo on its virtual address."""
        self._ask("echo", port)

    def exchange(self, ip: str, port: int, size: int) -> bool:
        """Whether an echo server on the LAN returns what this node sends it."""
        return bool(self._ask("exchange", ip, port, size))

    def _ask(self, name: str, *arguments: object) -> Any:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._child.stdin.flush()
        answer = json.loads(self._child.stdout.readline())
        if "error" in answer:
            raise OSError(answer["error"])
        return answer["ok"]
