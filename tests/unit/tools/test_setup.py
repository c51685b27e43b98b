"""`tools/setup` says at once all that is missing or too old, and what this machine needs for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NEW_RUST = "1.89.0"
DEBIAN_12 = 'ID=debian\nVERSION_ID="12"\n'
DEBIAN_13 = 'ID=debian\nVERSION_ID="13"\n'
DEBIAN_TESTING = "ID=debian\n"
UBUNTU_22 = 'ID=ubuntu\nVERSION_ID="22.04"\n'
UBUNTU_24 = 'ID=ubuntu\nVERSION_ID="24.04"\n'
FEDORA = "ID=fedora\nVERSION_ID=42\n"
RUSTUP_RS = "https://sh.rustup.rs"
RUSTUP_PACKAGE = "apt-get install rustup"


class Machine:
    """Programs in a folder of their own, which is all that its PATH names."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.calls = folder / "calls"
        self.release = folder / "os-release"
        self.of(DEBIAN_12)
        for name in ("git", "cc", "ip", "nft", "ping", "cargo", "python3", "apt-get", "miniupnpd"):
            self.has(name)
        self.has("rustc", f"echo 'rustc {NEW_RUST} (abc 2025-08-04)'")
        self.has("uv")

    def of(self, release: str) -> None:
        self.release.write_text(release)

    def has(self, name: str, does: str = "exit 0") -> None:
        """A program that writes down that it was called, and does that."""
        file = self.programs / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.calls}"\n{does}\n')
        file.chmod(0o755)

    def lacks(self, *names: str) -> None:
        for name in names:
            (self.programs / name).unlink()

    def setup(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.programs), "OS_RELEASE": str(self.release)}
        argv = ["/bin/bash", str(ROOT / "tools" / "setup"), *words]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)

    def missing(self) -> list[str]:
        found = self.setup("check")
        assert (found.returncode, found.stdout) == (1, "")
        first, *lines = found.stderr.splitlines()
        assert first == "setup: this is missing, or too old:"
        return [line.removeprefix("setup:   ") for line in lines]

    def called(self, name: str) -> list[str]:
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [call for call in calls if call.startswith(f"{name} ")]


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def test_complete_machine_lacks_nothing(machine):
    found = machine.setup("check")
    assert (found.returncode, found.stdout) == (0, "setup: nothing is missing\n")


@pytest.mark.parametrize(
    ("release", "how"),
    [
        (DEBIAN_12, RUSTUP_RS),
        (DEBIAN_13, RUSTUP_PACKAGE),
        (DEBIAN_TESTING, RUSTUP_PACKAGE),
        (UBUNTU_22, RUSTUP_RS),
        (UBUNTU_24, RUSTUP_PACKAGE),
        (FEDORA, RUSTUP_RS),
    ],
)
def test_rust_comes_from_where_this_distribution_has_it(machine, release, how):
    machine.of(release)
    machine.lacks("cargo", "rustc")
    (line,) = machine.missing()
    assert line.startswith("Rust 1.89 or newer: ")
    assert how in line


@pytest.mark.parametrize("version", ["1.63.0", "1.85.1", "1.88.9", "0.99.0"])
def test_old_rust_counts_as_missing(machine, version):
    machine.has("rustc", f"echo 'rustc {version} (abc 2025-08-04)'")
    (line,) = machine.missing()
    assert line.startswith(f"Rust 1.89 or newer (this is {version}): ")


@pytest.mark.parametrize("version", ["1.89.0", "1.90.0-nightly", "1.100.0", "2.0.0"])
def test_newer_rust_is_well(machine, version):
    machine.has("rustc", f"echo 'rustc {version} (abc 2025-08-04)'")
    assert machine.setup("check").returncode == 0


def test_old_rust_of_rustup_is_updated_by_it(machine):
    machine.has("rustc", "echo 'rustc 1.70.0 (abc 2023-05-31)'")
    machine.has("rustup")
    (line,) = machine.missing()
    assert line.endswith("rustup update stable && rustup default stable")


def test_wanted_rust_is_that_of_the_manifest():
    assert f'rust-version = "{NEW_RUST.removesuffix(".0")}"' in (ROOT / "Cargo.toml").read_text()


@pytest.mark.parametrize(
    ("release", "how"),
    [
        (DEBIAN_12, "apt-get install python3 python3-venv"),
        (UBUNTU_22, "apt-get install python3.11 python3.11-venv"),
        ('ID=debian\nVERSION_ID="11"\n', "uv python install"),
        (FEDORA, "uv python install"),
    ],
)
def test_old_python_counts_as_missing(machine, release, how):
    machine.of(release)
    machine.has("python3", "exit 1")
    (line,) = machine.missing()
    assert how in line


def test_newer_python_beside_an_old_one_is_taken(machine):
    machine.has("python3", "exit 1")
    machine.has("python3.12")
    assert machine.setup("check").returncode == 0


def test_everything_is_said_at_once_and_nothing_is_installed_then(machine):
    machine.lacks("cargo", "git", "cc")
    machine.has("python3", "exit 1")
    rust, packages = machine.missing()
    assert rust.startswith("Rust")
    assert packages.endswith("apt-get install git build-essential python3 python3-venv")
    assert machine.setup("demo").returncode == 1
    assert machine.called("apt-get") == []
    assert machine.called("uv") == []


def test_other_distributions_are_told_what_by_its_name_in_debian(machine):
    machine.lacks("apt-get", "cc")
    machine.of(FEDORA)
    (line,) = machine.missing()
    assert line == "packages, by Debian's names: build-essential"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_packages_alone_are_installed_by_root_with_a_line(machine):
    machine.lacks("cc")
    found = machine.setup("demo")
    assert (found.returncode, found.stderr) == (0, "")
    assert "installing build-essential" in found.stdout
    assert machine.called("apt-get")[-1].endswith("build-essential")


def test_demo_brings_nothing_that_only_tests_want(machine):
    machine.lacks("miniupnpd")
    assert machine.setup("demo").returncode == 0
    assert machine.called("apt-get") == []
    (sync,) = machine.called("uv")
    assert "--no-default-groups --group build" in sync


def test_tests_get_all_groups(machine):
    assert machine.setup().returncode == 0
    (sync,) = machine.called("uv")
    assert "--no-default-groups" not in sync


def test_long_steps_say_what_they_are(machine):
    assert "Python packages" in machine.setup("demo").stdout
