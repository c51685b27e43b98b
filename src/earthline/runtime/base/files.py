"""Files that are whole whatever happens: written aside, synced, and renamed into place.

None is read or written by a symbolic link that another user made (see `folders`): root works in
home folders that belong to the service's own user.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from earthline.runtime.base.folders import (
    LOOK,
    MAX_LINKS,
    OPEN,
    UnsafeFile,
    folder,
    give_to_owner,
    trusted_target,
)

PRIVATE = 0o600
"""What nobody else needs: the rule."""
PUBLIC = 0o644
"""What programs of other users look for: port, pid, public identity, planet."""
PRIVATE_FOLDER = 0o700
PUBLIC_FOLDER = 0o755
"""Modes of folders that hold secrets, and of others."""


def read_if_there(path: Path) -> bytes | None:
    """The content of a regular file, or None where there is none.

    A link that leads nowhere is no missing file: its disk may be. `UnsafeFile`, so that nobody puts
    another file in its place.
    """
    try:
        with regular_file(path, os.O_RDONLY) as descriptor:
            return _read_all(descriptor)
    except FileNotFoundError:
        if (lost := lost_link(path)) is not None:
            raise lost from None
        return None


def lost_link(path: Path) -> UnsafeFile | None:
    """What to say of a file that is not there, if it is a link that leads nowhere."""
    if not path.is_symlink():
        return None
    return UnsafeFile(path, "this is a symbolic link to what is not there")


def write_atomic(path: Path, data: bytes, mode: int = PRIVATE, *, durable: bool = True) -> bool:
    """Make ``path`` hold ``data``; False if it did already, and is open to nobody but by ``mode``.

    A reader, or the next start after ``kill -9``, sees the old content or the new. A file that is
    not ``durable`` may be lost with the power, but is never torn. What root writes belongs to whom
    the folder belongs to. Folders that are made for it are nobody else's business.
    """
    with _named(path), folder(path.parent, PRIVATE_FOLDER) as place:
        if _holds(place, path.name, data, mode):
            return False
        aside = f".{path.name}.{os.urandom(8).hex()}"
        try:
            _write_new(place, aside, data, mode, durable=durable)
            os.rename(aside, path.name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(aside, dir_fd=place)
            raise
        if durable:
            _sync_folder(place)
    return True


def remove(path: Path) -> None:
    """Delete a file; one that is not there is fine."""
    with contextlib.suppress(FileNotFoundError), _named(path), folder(path.parent) as place:
        os.unlink(path.name, dir_fd=place)


def touch(path: Path) -> None:
    """Have a file be of now."""
    with _named(path), folder(path.parent) as place:
        os.utime(path.name, dir_fd=place, follow_symlinks=False)


def rename(path: Path, name: str) -> None:
    """Give a file, or a folder, another name where it is."""
    with _named(path), folder(path.parent) as place:
        os.rename(path.name, name, src_dir_fd=place, dst_dir_fd=place)


def make_folder(path: Path, mode: int = PUBLIC_FOLDER) -> None:
    """Make a folder, and those it is in, where there are none."""
    with folder(path, mode):
        pass


def mode_of(path: Path) -> int | None:
    """The permission bits of a regular file; None where there is none."""
    try:
        with regular_file(path, os.O_RDONLY) as descriptor:
            return stat.S_IMODE(os.fstat(descriptor).st_mode)
    except FileNotFoundError:
        return None


def restrict(path: Path, mode: int) -> None:
    """Set the permission bits of what is there: a folder, or a file that has no other name."""
    with contextlib.suppress(FileNotFoundError), _named(path), folder(path.parent) as place:
        try:
            descriptor = os.open(path.name, os.O_RDONLY | OPEN, dir_fd=place)
        except OSError as error:
            if error.errno == errno.ELOOP:
                return  # a link has no mode, and what it points at is not ours to change
            raise
        try:
            found = os.fstat(descriptor)
            alone = stat.S_ISDIR(found.st_mode) or found.st_nlink == 1
            if alone and stat.S_IMODE(found.st_mode) != mode:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have what fails inside, where files go by their bare names, tell the whole path."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


# --- opening --------------------------------------------------------------------------------------


@contextlib.contextmanager
def regular_file(path: Path, flags: int, mode: int = PRIVATE) -> Iterator[int]:
    """A descriptor as of `open_regular`, as long as this lasts."""
    descriptor = open_regular(path, flags, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_regular(path: Path, flags: int, mode: int = PRIVATE, *, links: int = 0) -> int:
    """A descriptor of a regular file, opened as ``os.open`` does; `UnsafeFile` for anything else.

    One that is to be written must belong to root, to us, or to the owner of its folder, and have no
    other name: it might be any file that somebody wants us to write into.
    """
    with folder(path.parent) as place:
        try:
            descriptor = os.open(path.name, flags | OPEN, mode, dir_fd=place)
        except OSError as error:
            target = None if error.errno != errno.ELOOP else _link_target(place, path)
            if target is None or links >= MAX_LINKS:
                error.filename = str(path)
                raise
        else:
            try:
                _check(place, descriptor, path, to_write=bool(flags & (os.O_WRONLY | os.O_RDWR)))
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor
    return open_regular(path.parent / target, flags, mode, links=links + 1)


def _link_target(place: int, path: Path) -> str | None:
    """Where a link of a trusted user points; None if it is none any more."""
    look = os.open(path.name, LOOK, dir_fd=place)
    try:
        return trusted_target(look, path)
    finally:
        os.close(look)


def _check(place: int, descriptor: int, path: Path, *, to_write: bool) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeFile(path, "this is no regular file")
    if to_write and found.st_uid not in {0, os.geteuid(), os.fstat(place).st_uid}:
        raise UnsafeFile(path, "this belongs to another user: not written")
    if to_write and found.st_nlink != 1:
        raise UnsafeFile(path, "this file has another name, too: not written")


# --- reading and writing --------------------------------------------------------------------------


def _holds(place: int, name: str, data: bytes, mode: int) -> bool:
    """Whether it is a regular file with this content, and with no more rights for others than it
    would be given; a link is none. All else is replaced.
    """
    try:
        descriptor = os.open(name, os.O_RDONLY | OPEN, dir_fd=place)
    except OSError:
        return False
    try:
        found = os.fstat(descriptor)
        is_safe = stat.S_ISREG(found.st_mode) and not stat.S_IMODE(found.st_mode) & ~mode
        same = is_safe and found.st_size == len(data)
        return same and _read_all(descriptor) == data
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


def _write_new(place: int, name: str, data: bytes, mode: int, *, durable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, PRIVATE, dir_fd=place), "wb") as file:
        os.fchmod(file.fileno(), mode)
        give_to_owner(place, file.fileno())
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())


def _sync_folder(place: int) -> None:
    """Make a rename in the folder survive a loss of power."""
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
