"""Folders reached name by name: no symbolic link on the way that another user made.

A home folder often belongs to the service's own user while root works in it. What such a link
points at would be of that user's choice, and of root's rights. Links that root or we ourselves
made, such as that of a home folder to another disk, are followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_LINKS = 40
"""On the way to one file; the kernel's own limit."""
OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""With every ``open`` of a name. A pipe would have us wait for ever."""
LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
"""To open a name, be it a link, without opening what it stands for."""
_OVERFLOW_UID = 65534
"""How a user namespace shows users that it does not know, the machine's own root among them."""


class UnsafeFile(OSError):
    """Not what it should be: a link of another user, or no regular file. One line that names it."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(errno.ELOOP, why, str(path))

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


@contextlib.contextmanager
def folder(path: Path, make: int | None = None) -> Iterator[int]:
    """A descriptor of a folder, reached name by name without a link of another user on the way.

    ``make``: with what permission bits to make what is missing of it.
    """
    descriptor = _walk(path, make)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _walk(path: Path, make: int | None) -> int:
    here = _begin(path)
    ahead = _names(path)
    links = 0
    try:
        while ahead:
            look = _look(here, ahead.pop(), make)
            target = _target_or_close(look, path)
            if target is None:
                step = look
            else:
                os.close(look)
                links += 1
                if links > MAX_LINKS:
                    raise UnsafeFile(path, "too many symbolic links")
                ahead += _names(Path(target))
                if not target.startswith("/"):
                    continue
                step = _begin(Path(target))
            os.close(here)
            here = step
    except OSError as error:
        os.close(here)
        error.filename = str(path)
        raise
    return here


def _begin(path: Path) -> int:
    """Where the way to a path begins."""
    return os.open("/" if path.is_absolute() else ".", LOOK)


def _names(path: Path) -> list[str]:
    """The names of a path, the last first."""
    return [part for part in reversed(path.parts) if part != path.anchor]


def _target_or_close(look: int, path: Path) -> str | None:
    try:
        return trusted_target(look, path)
    except BaseException:
        os.close(look)
        raise


def _look(place: int, name: str, make: int | None) -> int:
    try:
        return os.open(name, LOOK, dir_fd=place)
    except FileNotFoundError:
        if make is None:
            raise
    try:
        os.mkdir(name, make, dir_fd=place)
    except FileExistsError:
        return os.open(name, LOOK, dir_fd=place)
    made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | OPEN, dir_fd=place)
    give_to_owner(place, made)
    return made


def trusted_target(look: int, path: Path) -> str | None:
    """What an open name is a link to; None: it is no link. `UnsafeFile` if another user made it."""
    found = os.fstat(look)
    if not stat.S_ISLNK(found.st_mode):
        return None
    if found.st_uid not in {0, os.geteuid()} and not _is_unknown(found.st_uid):
        raise UnsafeFile(path, "there is a symbolic link of another user: not followed")
    return os.readlink("", dir_fd=look)


def _is_unknown(uid: int) -> bool:
    """Whether a user is one of outside our user namespace, where root has no rights to abuse."""
    if uid != _OVERFLOW_UID:
        return False
    first, *more = Path("/proc/self/uid_map").read_text("ascii").splitlines()
    return bool(more) or first.split() != ["0", "0", str(0xFFFFFFFF)]


def give_to_owner(place: int, descriptor: int) -> None:
    """What root makes in a folder of another user is that user's."""
    owner = os.fstat(place)
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
