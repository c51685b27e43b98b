"""From root to an ordinary user that may still configure network devices (05, 10.3)."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import structlog

from earthline._native import keep_capabilities, narrow_capabilities
from earthline.runtime.home import StartFault

log = structlog.get_logger()

USER = "zerotier-one"
"""The stock packages make this system user: a home folder goes from one to the other and back."""


def drop_privileges(home: Path) -> None:
    """If we are root and the user exists: hand the home folder over and become that user.

    Before any thread is started: capabilities belong to threads. Where the kernel knows no
    capabilities we stay root, and say so. `StartFault` if the folder cannot be handed over.
    """
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return
    if os.geteuid() != 0:
        return
    try:
        keep_capabilities()
    except OSError as error:
        log.warning("still_root", user=USER, error=error.strerror)
        return
    _hand_over(home, user)
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    narrow_capabilities()


def _hand_over(home: Path, user: pwd.struct_passwd) -> None:
    """Links are not followed: what they point at may be anybody's."""
    for path in _tree(home):
        try:
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        except OSError as error:
            raise StartFault(f"{path}: cannot give it to {USER}: {error.strerror}") from None


def _tree(home: Path) -> Iterator[Path]:
    yield home
    for folder, names, files in os.walk(home):
        yield from (Path(folder, name) for name in (*names, *files))
