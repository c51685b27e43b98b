"""`tools/other-python` has run the tests, or says in one line why not, with a status of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NOT_TO_BE_HAD = 75


class Clone:
    """A clone with a wheel in it, on a machine whose registry offers nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        for made in ("tools", "dist", "bin"):
            (folder / made).mkdir()
        shutil.copy(ROOT / "tools" / "other-python", folder / "tools")
        self.wheel = folder / "dist" / "earthline-0.1.0-cp311-abi3-any.whl"
        self.wheel.touch()
        for name in ("mkdir", "rm", "tail"):
            (self.programs / name).symlink_to(str(shutil.which(name)))
        self.has("uv")
        self.has("debootstrap", "echo 'E: Invalid Release file'; exit 1")

    def has(self, name: str, does: str = "exit 0") -> None:
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{does}\n")
        file.chmod(0o755)

    def run(self, *words: str) -> tuple[int, str]:
        """Exit status, and what was complained of."""
        argv = ["/bin/bash", str(self.folder / "tools" / "other-python"), *words]
        path = {"PATH": str(self.programs)}
        done = subprocess.run(argv, env=path, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr


@pytest.fixture
def clone(tmp_path) -> Clone:
    return Clone(tmp_path)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a root folder takes root privileges")


@needs_root
def test_release_that_the_registry_has_not_is_said_in_one_line(clone):
    status, complaint = clone.run("testing")
    assert status == NOT_TO_BE_HAD
    (line,) = complaint.splitlines()
    assert line.startswith("other-python: NOT RUN: Debian testing cannot be installed from ")
    assert line.endswith("E: Invalid Release file")


@needs_root
def test_debootstrap_that_cannot_be_installed_is_said_in_one_line(clone):
    (clone.programs / "debootstrap").unlink()
    clone.has("apt-get", "exit 100")
    status, complaint = clone.run()
    assert status == NOT_TO_BE_HAD
    (line,) = complaint.splitlines()
    assert "debootstrap is not installed" in line


@needs_root
def test_half_made_root_is_made_anew(clone):
    """What an interrupted debootstrap left is no root to test in."""
    left = clone.folder / ".cache" / "roots" / "testing" / "left"
    left.mkdir(parents=True)
    clone.run("testing")
    assert not left.exists()


@needs_root
def test_without_a_wheel_nothing_is_tested(clone):
    clone.wheel.unlink()
    status, complaint = clone.run()
    assert status == 1
    assert complaint.endswith("use: make wheel\n")


@needs_root
def test_root_folder_is_made_before_there_is_a_wheel(clone):
    """CI makes it while the first tests run; here it comes as far as asking for the release."""
    clone.wheel.unlink()
    status, complaint = clone.run("testing", "root")
    assert status == NOT_TO_BE_HAD
    assert "Debian testing cannot be installed" in complaint


@needs_root
def test_one_test_may_be_named(clone):
    (clone.folder / "tests").mkdir()
    status, _ = clone.run("testing", "tests::test_of_this_name")
    assert status == NOT_TO_BE_HAD


def test_unknown_suite_is_refused(clone):
    status, complaint = clone.run("testing", "most")
    assert status == 1
    assert "'most' is no suite" in complaint
