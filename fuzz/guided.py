"""Targets that are guided by coverage: Rust's, in ``rust/fuzz``, run by cargo-fuzz.

Inputs that reached something new are kept in ``fuzz/corpus``, and what broke a target in
``fuzz/crashes``. They start from what stock nodes put on the wire (`tests/property/wire_seeds.py`).
No sanitizer is used: it takes a nightly compiler, and what the targets run has no unsafe code.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from wire_seeds import seeds

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "rust" / "fuzz"
CORPUS = ROOT / "fuzz" / "corpus"
CRASHES = ROOT / "fuzz" / "crashes"
INSTALLED = ROOT / ".cache" / "cargo-fuzz"
VERSION = "0.13.2"
"""Of cargo-fuzz."""
MAX_LENGTH = 4_096
"""Of an input, in bytes."""

TARGETS = {
    "rust-packet": "packet",
    "rust-pieces": "pieces",
    "rust-rules": "rules",
    "rust-kernel": "kernel",
    "rust-tunnel": "tunnel",
    "rust-switch": "switch_steps",
}
"""What each is called in ``rust/fuzz``."""

_GREETING = bytes.fromhex("1703030004010e0001")
_RECORD = bytes.fromhex("170303")
_IPV4 = bytes.fromhex("04500102032709")


def fuzz(name: str, seconds: float, seed: int) -> int:
    """Run a target for a time; returns the exit code. It prints how a crash is repeated."""
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    CRASHES.mkdir(exist_ok=True)
    for data in _seeds(TARGETS[name]):
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    options = (
        f"-max_total_time={max(1, int(seconds))}",
        f"-seed={seed}",
        f"-max_len={MAX_LENGTH}",
        f"-artifact_prefix={CRASHES}/{name}-",
        "-verbosity=0",
    )
    done = _cargo_fuzz("run", TARGETS[name], str(corpus), "--", *options)
    if done == 0:
        print(f"{name}: {len(list(corpus.iterdir()))} kinds of inputs, nothing found", flush=True)
    return done


def replay(name: str, file: Path) -> int:
    """Run a target on one input."""
    return _cargo_fuzz("run", TARGETS[name], str(file.absolute()))


def _cargo_fuzz(action: str, *arguments: str) -> int:
    path = os.pathsep.join((str(INSTALLED / "bin"), os.environ["PATH"]))
    if not shutil.which("cargo-fuzz", path=path):
        print(f"installing cargo-fuzz {VERSION} (about a minute)", flush=True)
        install = ("cargo", "install", "--quiet", "--locked", "--root", str(INSTALLED))
        subprocess.run([*install, f"cargo-fuzz@{VERSION}"], check=True)
    command = ["cargo", "fuzz", action, "--fuzz-dir", str(PROJECT), "--sanitizer", "none"]
    target = ("--target-dir", str(ROOT / "target" / "fuzz"))
    return subprocess.run(
        [*command, *target, *arguments], cwd=PROJECT, env=os.environ | {"PATH": path}, check=False
    ).returncode


def _seeds(target: str) -> Iterator[bytes]:
    match target:
        case "packet":
            for kind in ("packet", "sealed", "fragment"):
                yield from seeds(kind)
        case "rules":
            for table in seeds("rules"):
                yield len(table).to_bytes(2, "big") + table + bytes(200)
        case "tunnel":
            yield b"\x07" + _GREETING
            for datagram in seeds("packet"):
                length = (len(_IPV4) + len(datagram)).to_bytes(2, "big")
                yield b"\x07" + _GREETING + _RECORD + length + _IPV4 + datagram
