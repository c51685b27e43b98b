"""Whose rights the service has once it gave up those of root (05, 10.3)."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from earthline.runtime.base.folders import folder

log = structlog.get_logger()

USER = "zerotier-one"
"""The stock packages make this system user: a home folder goes from one to the other and back."""


class NoUser(Exception):
    """Why the system user cannot be made: one line."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user to become."""

    name: str
    uid: int
    gid: int


def stock_account(_home: Path) -> Account | None:
    """The stock packages' user, if there is one: whom ``earthline-one`` becomes."""
    try:
        found = pwd.getpwnam(USER)
    except KeyError:
        return None
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def account_for(home: Path) -> Account | None:
    """Whom ``earthline up`` becomes: the owner of the home folder, else the stock packages' user.

    That user is made where there is none yet; None if that cannot be, which is said.
    """
    if os.geteuid() != 0:
        return None
    with folder(home) as place:
        owner = os.fstat(place)
    if owner.st_uid != 0:
        return Account(_name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    if (found := stock_account(home)) is not None:
        return found
    try:
        make_user(home)
    except NoUser as fault:
        log.warning("still_root", why=f"there is no user {USER}, and {fault}")
        return None
    log.info("made_user", user=USER, otherwise="--stay-root")
    return stock_account(home)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"


@contextlib.contextmanager
def acting_as_owner(home: Path) -> Iterator[None]:
    """As root, have no more rights meanwhile than the owner of a home folder: it is his."""
    with folder(home) as place:
        owner = os.fstat(place)
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def make_user(home: Path) -> None:
    """Make the system user if there is none, or raise `NoUser`."""
    if stock_account(home) is not None:
        return
    shell = shutil.which("nologin") or "/bin/false"
    words = ["useradd", "--system", "--user-group", "--home-dir", str(home), "-s", shell, USER]
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise NoUser("useradd is not installed") from None
    except subprocess.CalledProcessError as error:
        complaint = error.stderr.strip().splitlines() or [f"status {error.returncode}"]
        raise NoUser(f"useradd: {complaint[-1]}") from None
