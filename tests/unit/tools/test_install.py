"""The wheel, and what `make install` and `make uninstall` do with it, in folders of the test."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import earthline
from wheels import built_wheel, offline

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "pyproject.toml"
STOCK = "1.14.1"
"""The version that the stock programs' doubles say they are."""
SAYS = {
    "earthline": ("--version", f"earthline {earthline.__version__}\n"),
    "earthline-one": ("-v", f"{STOCK}\n"),
    "earthline-cli": ("-v", f"{STOCK}\n"),
    "earthline-idtool": ("help", f"ZeroTier One version {STOCK}\n"),
}
"""What each command is asked, and how its answer begins."""


class Machine:
    """Folders to install to, and one that is neither these nor the clone."""

    def __init__(self, folder: Path) -> None:
        self.prefix = folder / "opt" / "earthline"
        self.commands = folder / "local" / "bin"
        self._elsewhere = folder / "elsewhere"
        self._elsewhere.mkdir()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = {"PATH": path, **offline(folder / "packages")}

    def make(self, target: str, prefix: str = "", commands: str = "") -> None:
        """In the clone, with the wheel that there is; it may be told the folders otherwise."""
        folders = (f"PREFIX={prefix or self.prefix}", f"COMMANDS={commands or self.commands}")
        done = self._run(["make", "--old-file=dist/.built", target, *folders], ROOT)
        assert done.returncode == 0, done.stderr

    def ask(self, command: str, word: str) -> subprocess.CompletedProcess[str]:
        return self._run([str(self.commands / command), word], self._elsewhere)

    def _run(self, argv: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            cwd=folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def wheel() -> Path:
    return built_wheel()


@pytest.fixture
def machine(tmp_path: Path, wheel: Path) -> Machine:
    return Machine(tmp_path)


def test_wheel_is_of_the_stable_abi_since_the_oldest_python(wheel):
    oldest = re.search(r'^requires-python = ">=3\.(\d+)"$', PROJECT.read_text(), re.MULTILINE)
    assert oldest is not None
    beginning = f"earthline-{earthline.__version__}-cp3{oldest[1]}-abi3-"
    assert wheel.name.startswith(beginning)
    assert wheel.name.endswith(f"_{platform.machine()}.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = archive.read(f"earthline-{earthline.__version__}.dist-info/WHEEL").decode()
    tags = re.findall(r"^Tag: (\S+)$", inside, re.MULTILINE)
    assert [f"earthline-{earthline.__version__}-{tag}.whl" for tag in tags] == [wheel.name]


def test_wheel_asks_for_as_new_a_glibc_as_its_name_says(wheel):
    """Where the system is older, pip has to refuse it: the linker would only when it runs."""
    named = re.search(r"-manylinux_(\d+)_(\d+)_\w+\.whl$", wheel.name)
    assert named is not None, "a wheel for no particular Linux"
    with zipfile.ZipFile(wheel) as archive:
        engine = archive.read("earthline/_native.abi3.so")
    asked = [(int(a), int(b)) for a, b in re.findall(rb"\bGLIBC_(\d+)\.(\d+)\b", engine)]
    assert asked
    assert max(asked) <= (int(named[1]), int(named[2]))


@pytest.mark.timeout(600)
def test_installed_commands_work_from_another_folder(machine):
    machine.make("install")
    assert {link.name for link in machine.commands.iterdir()} == set(SAYS)
    for command, (word, beginning) in SAYS.items():
        answer = machine.ask(command, word)
        assert answer.stdout.startswith(beginning), answer


@pytest.mark.timeout(600)
def test_folders_named_from_the_clone_are_installed_to_and_emptied(machine):
    """Links stand in a folder of others: what another program put there is none of ours."""
    named = [os.path.relpath(folder, ROOT) for folder in (machine.prefix, machine.commands)]
    machine.make("install", *named)
    assert machine.ask("earthline", "--version").stdout == SAYS["earthline"][1]
    script, link = machine.commands / "earthline-notes", machine.commands / "earthline-others"
    script.touch()
    link.symlink_to(script)
    machine.make("uninstall", *named)
    assert set(machine.commands.iterdir()) == {script, link}
    assert not machine.prefix.exists()
