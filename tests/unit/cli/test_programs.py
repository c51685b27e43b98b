"""Every program by every name, as packages and scripts link them (05, 1)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from earthline.cli import programs
from earthline.lab.service import script

SCRIPTS = ("earthline", "earthline-one", "earthline-cli", "earthline-idtool")
DAEMON = "Earthline, compatible with ZeroTier One"
CLIENT = "Earthline command line client"
IDTOOL = "<command> [<args>]"
OF_A_NAME = {
    "zerotier-one": DAEMON,
    "earthline-one": DAEMON,
    "zerotier-cli": CLIENT,
    "earthline-cli": CLIENT,
    "zerotier-idtool": IDTOOL,
    "earthline-idtool": IDTOOL,
    "my-zerotier-cli.real": CLIENT,
    "zerotier-cli-and-zerotier-idtool": IDTOOL,
}
OF_A_SCRIPT = {
    "earthline": "[OPTIONS] COMMAND",
    "earthline-one": DAEMON,
    "earthline-cli": CLIENT,
    "earthline-idtool": IDTOOL,
}


def help_of(link: Path) -> str:
    argv = [str(link), "-h"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("name", OF_A_NAME)
@pytest.mark.parametrize("target", SCRIPTS)
def test_name_of_the_link_decides(tmp_path, target, name):
    link = tmp_path / name
    link.symlink_to(script(target))
    said = help_of(link)
    assert OF_A_NAME[name] in said
    assert name in said


@pytest.mark.parametrize("target", SCRIPTS)
def test_name_that_says_nothing_leaves_it_at_what_is_linked(tmp_path, target):
    folder = tmp_path / "zerotier-cli"
    folder.mkdir()
    link = folder / "net"
    link.symlink_to(script(target))
    assert OF_A_SCRIPT[target] in help_of(link)


@pytest.mark.parametrize(
    ("words", "program"),
    [
        ((), programs.DAEMON),
        (("-U", "/home"), programs.DAEMON),
        (("-q", "info"), programs.CLIENT),
        (("-p9993", "-q", "info"), programs.CLIENT),
        (("info", "-q"), programs.CLIENT),
        (("-i", "generate"), programs.IDTOOL),
        (("-i", "-q"), programs.IDTOOL),
        (("-q", "-i"), programs.CLIENT),
    ],
)
def test_daemon_is_the_others_by_a_switch(words, program):
    assert programs.program_of(["/usr/sbin/zerotier-one", *words], programs.DAEMON) == program


def test_client_takes_the_switches_of_the_daemon_for_its_own():
    argv = ["/usr/bin/zerotier-cli", "-i"]
    assert programs.program_of(argv, programs.DAEMON) == programs.CLIENT


def test_identity_tool_reads_on_behind_its_switch():
    argv = ["zerotier-one", "-i", "generate"]
    assert programs.arguments_of(argv, programs.IDTOOL) == ["zerotier-one", "generate"]
    by_name = ["zerotier-idtool", "generate"]
    assert programs.arguments_of(by_name, programs.IDTOOL) == by_name
