"""From root to an ordinary user that may still configure network devices (05, 10.3)."""

from __future__ import annotations

import errno
import os
import re
import resource
import stat
from collections.abc import Iterable
from pathlib import Path

import structlog

import earthline
from earthline._native import keep_capabilities, narrow_capabilities, seal_process
from earthline.runtime.base.folders import folder
from earthline.runtime.home.home import StartFault
from earthline.runtime.host.accounts import Account

log = structlog.get_logger()

FILES = 65_536
"""Open files at most, where the machine allows so many: sockets, devices, connections of others."""
PROGRAM = (os.__file__, earthline.__file__, structlog.__file__)
"""Of Python, of ours, and of what we use: parts are loaded when they are needed."""
HOME_NAMES = frozenset(
    {
        "identity.secret",
        "identity.public",
        "authtoken.secret",
        "metricstoken.secret",
        "planet",
        "local.conf",
        "networks.d",
        "moons.d",
        "peers.d",
        "controller.d",
        "zerotier-one.port",
        "earthline.lock",
        "zerotier-one",
        "zerotier-cli",
        "zerotier-idtool",
    }
)
"""What a home folder has some of, unless it is new; the last three are links of the packages."""
STATUS = Path("/proc/self/status")
CAP_NET_ADMIN = 12
"""Its bit in the sets of capabilities (``capability.h``)."""
DEVICES = "/dev/net/tun"
"""Where network devices come from. udev lets everybody open it; some containers do not."""


class ReadOnly(StartFault):
    """A home that cannot be handed over, since nothing can be written to its disk."""


def drop_privileges(home: Path, account: Account | None) -> None:
    """If we are root and there is an account: hand the home folder over and become that user.

    Before any thread is started: capabilities belong to threads. Where the kernel knows no
    capabilities, or the user could not reach what the service needs, we stay root, and say so.
    `StartFault` if the folder cannot be handed over.
    """
    if account is None or os.geteuid() != 0:
        return
    hidden = _hidden_from(account, home)
    if hidden:
        log.warning("still_root", why=f"user {account.name} cannot reach {hidden}")
        return
    try:
        keep_capabilities()
    except OSError as error:
        log.warning("still_root", why=f"the kernel keeps no capabilities: {error.strerror}")
        return
    try:
        hand_over(home, account)
    except ReadOnly as fault:
        log.warning("still_root", why=str(fault))
        return
    _become(account)
    narrow_capabilities()


def why_no_devices() -> str | None:
    """Why this process cannot make network devices, in a few words; None if it can."""
    if not os.path.exists(DEVICES):  # noqa: PTH110 - a constant of the system
        return f"there is no {DEVICES}: `modprobe tun` makes it"
    if not os.access(DEVICES, os.R_OK | os.W_OK):
        return f"{DEVICES} is closed to this user"
    held = re.search(r"^CapEff:\s*([0-9a-f]+)$", STATUS.read_text("ascii"), re.MULTILINE)
    if held is not None and not int(held[1], 16) >> CAP_NET_ADMIN & 1:
        return "this user may not make network devices: start it as root"
    return None


def confine_process() -> None:
    """Give up for good what the service never needs, and have as many files as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        seal_process()
    except OSError as error:
        log.warning("process_not_sealed", why=error.strerror)


def hand_over(home: Path, account: Account) -> None:
    """Make a user the owner of a home folder and of all that is in it.

    Whoever owns the folder may change it meanwhile. So each folder is opened and what is in it is
    reached from there; links are left alone, for what they point at may be anybody's, and so are
    files with another name elsewhere. `StartFault` if the system says no.
    """
    try:
        with folder(home) as top:
            _demand_home(home, top)
            for _, folders, files, place in os.fwalk(".", dir_fd=top):
                if _owner(place) != (account.uid, account.gid):
                    os.fchown(place, account.uid, account.gid)
                for name in (*folders, *files):
                    _give(name, place, account)
    except OSError as error:
        where = error.filename or home
        kind = ReadOnly if error.errno == errno.EROFS else StartFault
        raise kind(f"{home}: cannot give {where} to {account.name}: {error.strerror}") from None


def _demand_home(home: Path, top: int) -> None:
    """`StartFault` for a folder of other things: a slip of the pen must not give ``/etc`` away."""
    names = set(os.listdir(f"/proc/self/fd/{top}"))  # noqa: PTH208 - a descriptor has no Path
    if names and not names & HOME_NAMES:
        raise StartFault(f"{home}: this is no home folder, but holds {min(names)}: not given away")


def _owner(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_uid, found.st_gid


def _give(name: str, place: int, account: Account) -> None:
    """A folder or a file; pipes, devices and links stay whose they are."""
    look = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    try:
        found = os.fstat(look)
        if _owner(look) == (account.uid, account.gid):
            return
        alone = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
        if alone or stat.S_ISDIR(found.st_mode):
            # By the descriptor, through the one name of it that nobody can exchange.
            os.chown(f"/proc/self/fd/{look}", account.uid, account.gid)
        elif stat.S_ISREG(found.st_mode):
            log.warning("file_not_handed_over", file=name, why="it has another name elsewhere")
    finally:
        os.close(look)


def _become(account: Account) -> None:
    os.setgroups([])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)


def _hidden_from(account: Account, home: Path) -> str:
    """The first thing the service needs that the user does not reach; empty if it reaches all.

    The home's own bits do not matter, only the way to it: it is about to be handed over.
    """
    needed = [(str(home), os.F_OK), *((path, os.R_OK) for path in PROGRAM)]
    if os.access(DEVICES, os.F_OK):  # where there are none, root makes none either
        needed.append((DEVICES, os.R_OK | os.W_OK))
    return first_closed(account, needed)


def first_closed(account: Account, needed: Iterable[tuple[str, int]]) -> str:
    """The first of some paths that a user may not use as needed (``os.access``); empty if none.

    A child of ours becomes that user and tries.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _become(account)
            closed = (path for path, rights in needed if not os.access(path, rights))
            os.write(writing, os.fsencode(next(closed, "")))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as answer:
        found = answer.read()
    _, status = os.waitpid(child, 0)
    return found if status == 0 else f"anything: status {status}"
