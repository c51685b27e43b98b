"""The home folder: its files, their names and modes, and the lock that keeps a second instance out.

Names and contents are the stock ones (05, 2.1), so that a home may be handed from one to the other.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import string
from pathlib import Path

from earthline.controller.store import NO_ROOM
from earthline.root.planet import SIGNING_FILE
from earthline.runtime.base.files import (
    PRIVATE,
    PRIVATE_FOLDER,
    PUBLIC,
    lost_link,
    make_folder,
    open_regular,
    read_if_there,
    remove,
    rename,
    restrict,
)
from earthline.runtime.base.keeping import Keeping
from earthline.runtime.home.running import PORT_FILE
from earthline.wire.identity import SecretIdentity
from earthline.wire.reader import Malformed, Reader
from earthline.wire.world import World, WorldKind

LOCK_FILE = "earthline.lock"
TOKEN_ALPHABET = string.ascii_lowercase + string.digits
TOKEN_LENGTH = 24
"""Characters of a token out of 36 each: 124 bits (05, 2.1)."""


class StartFault(Exception):
    """Why the service does not start: one line that names the file, or the port, and the fault."""


class Home:
    """Paths and start-up files of one home folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keeping = Keeping(path)
        self._lock: int | None = None
        self._running = False

    @property
    def secret_file(self) -> Path:
        return self.path / "identity.secret"

    @property
    def planet_file(self) -> Path:
        return self.path / "planet"

    @property
    def planet_key_file(self) -> Path:
        return self.path / SIGNING_FILE

    @property
    def settings_file(self) -> Path:
        return self.path / "local.conf"

    @property
    def port_file(self) -> Path:
        return self.path / PORT_FILE

    @property
    def pid_file(self) -> Path:
        return self.path / "zerotier-one.pid"

    @property
    def controller_folder(self) -> Path:
        """Where the controller's networks are, unless the settings say otherwise."""
        return self.path / "controller.d"

    # --- one instance -----------------------------------------------------------------------------

    def make(self) -> None:
        """Create the folder where there is none, or raise `StartFault`."""
        try:
            make_folder(self.path)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> StartFault:
        what = f"{error.filename or self.path}: cannot use this home folder: {error.strerror}"
        if error.errno == errno.EACCES and os.geteuid() != 0:
            what += ": try again as root, or name a folder of your own with --home"
        return StartFault(what)

    def claim(self) -> None:
        """Create the folder and lock it, or raise `StartFault` with the pid of who holds it.

        The lock belongs to the open file, so it is inherited over a fork and goes with the process,
        however that ends. On a disk that takes no writes, that of an earlier run has to do.
        """
        self.make()
        descriptor = self._lock_file()
        if descriptor is None:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StartFault(
                f"{self.path}: another instance with pid {holder} already uses this home folder"
            ) from None
        self._lock = descriptor

    def _lock_file(self) -> int | None:
        path = self.path / LOCK_FILE
        try:
            return open_regular(path, os.O_RDWR | os.O_CREAT, PUBLIC)
        except OSError as error:
            if error.errno == errno.ENOENT and (lost := lost_link(path)) is not None:
                raise StartFault(str(lost)) from error
            if error.errno not in NO_ROOM:
                raise self._unusable(error) from error
        try:
            return open_regular(path, os.O_RDONLY)
        except OSError:
            return None

    def write_pid(self) -> None:
        """Tell the world, and a second instance, who runs here."""
        pid = str(os.getpid()).encode()
        if self._lock is not None:
            with contextlib.suppress(OSError):  # only so that a second instance can name us
                os.ftruncate(self._lock, 0)
                os.pwrite(self._lock, pid, 0)
        self.keeping.write(self.pid_file, pid, PUBLIC)
        self._running = True

    def release(self) -> None:
        """Remove the pid file and give up the lock. Idempotent."""
        if self._running:
            self.keeping.remove(self.pid_file)
            self._running = False
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # --- start-up files ---------------------------------------------------------------------------

    def refuse_old_controller(self) -> None:
        """`StartFault` where a controller of before 1.2 kept its networks (05, 10.1)."""
        old = self.path / "controller.db"
        if old.exists():
            raise StartFault(
                f"{old}: this is a controller database of release 1.1 or before, which cannot be "
                "read; move it away to start without those networks"
            )

    def fix_modes(self) -> None:
        """Secrets are nobody else's business, whoever put them here (05, 2.1)."""
        for name in ("identity.secret", "authtoken.secret", "metricstoken.secret", SIGNING_FILE):
            self._restrict(name, PRIVATE)
        for name in ("networks.d", "moons.d", "peers.d", "controller.d"):
            self._restrict(name, PRIVATE_FOLDER)

    def _restrict(self, name: str, mode: int) -> None:
        path = self.path / name
        self.keeping.attempt(path, lambda: restrict(path, mode))

    def load_identity(self) -> SecretIdentity | None:
        """The stored identity, None if there is none yet; `StartFault` if it is unusable."""
        path = self.secret_file
        text = read_if_there(path)
        if text is None:
            return None
        try:
            identity = SecretIdentity.parse(text.decode("ascii").strip())
        except (ValueError, UnicodeDecodeError):
            raise StartFault(f"{path}: this is not a secret identity") from None
        if not identity.public.locally_valid():
            raise StartFault(f"{path}: the address does not belong to the key")
        return identity

    def store_identity(self, identity: SecretIdentity) -> None:
        """Write both identity files, where they differ."""
        self.keeping.write(self.secret_file, identity.text.encode("ascii"))
        public = str(identity.public).encode("ascii")
        self.keeping.write(self.path / "identity.public", public, PUBLIC)

    def retire_identity(self) -> None:
        """Put an identity aside whose address another node has: the next start makes a new one."""
        secret = self.secret_file
        with contextlib.suppress(FileNotFoundError):
            rename(secret, f"{secret.name}.saved_after_collision")
        remove(self.path / "identity.public")

    def load_planet(self) -> bytes | None:
        """The stored planet, checked to be one; None if there is none."""
        data = read_if_there(self.planet_file)
        if data is None:
            return None
        parse_planet(data, str(self.planet_file))
        return data

    def token(self, name: str) -> str:
        """An API token (``authtoken`` or ``metricstoken``), made if missing."""
        path = self.path / f"{name}.secret"
        token = (read_if_there(path) or b"").decode("ascii", "replace").strip(" \t\r\n")
        if token:
            if not token.isascii() or not token.isprintable():
                raise StartFault(
                    f"{path}: this is not a token, which is of letters and digits; "
                    "remove the file to have one made"
                )
            return token
        token = "".join(secrets.choice(TOKEN_ALPHABET) for _ in range(TOKEN_LENGTH))
        self.keeping.write(path, token.encode())
        return token


def parse_planet(data: bytes, name: str) -> World:
    """A planet out of a file's content; `StartFault` naming the file if it is none."""
    try:
        reader = Reader(data)
        world = World.read(reader)
        if not reader.done:
            raise StartFault(f"{name}: {reader.remaining} bytes follow the planet")
    except Malformed:
        raise StartFault(
            f"{name}: this is not a planet: `earthline planet show --out FILE` on one of its nodes "
            "writes it"
        ) from None
    if world.kind is not WorldKind.PLANET:
        raise StartFault(f"{name}: this is a {world.kind.name.lower()}, not a planet")
    return world
