"""Which services of Earthline run on this machine, and on which home folders.

Each leaves a note while it runs, so that a command finds its home without being told::

    /run/earthline/<uid>/<pid>.json     made by root for the user that the service becomes
    $RUNTIME_DIRECTORY/<pid>.json       under systemd, which makes /run/earthline/unit
    $XDG_RUNTIME_DIR/earthline/...      for everybody else

A note names pid and start of its process, and the network namespace: only from inside that one the
service's API is reached. Notes of dead processes count for nothing. Only folders that root made are
looked at, beside our own: else any user could have root's commands ask a service of his.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthline.runtime.base.files import PUBLIC, PUBLIC_FOLDER, read_if_there, remove, write_atomic
from earthline.runtime.base.process import (
    age_s,
    network_of,
    processes,
    start_of,
    unit_of,
    user_of,
    words_of,
)

RUN = Path("/run/earthline")
PORT_FILE = "zerotier-one.port"
PROGRAMS = {"earthline": "up", "earthline-one": None, "zerotier-one": None}
"""Programs that run a service, and the word of the command line that has them do it. The last is a
link to the one before it: what is run by no Python is not ours.
"""
OTHER_PROGRAMS = {"-i", "-q"}
"""Words that have the daemon be one of the other programs."""

YOUNG_S = 60.0
"""On a machine with much to do a program takes long to come to its note, and to answer."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A service that runs."""

    home: Path
    pid: int
    folder: int
    """The inode of the home folder as the service found it."""
    unit: str | None = None
    """The systemd unit whose main process it is, if it is one's."""

    @property
    def home_is_lost(self) -> bool:
        """Whether the folder was deleted, or another one has its name now."""
        try:
            return self.home.stat().st_ino != self.folder
        except PermissionError:
            return False  # it is hidden from us
        except OSError:
            return True


def make_room(uid: int, gid: int) -> None:
    """As root: a folder for the notes of the user that the service is about to become."""
    if os.geteuid() != 0:
        return
    place = RUN / str(uid)
    try:
        for folder in (RUN, place):
            folder.mkdir(exist_ok=True)
            folder.chmod(PUBLIC_FOLDER)
        os.chown(place, uid, gid)
    except OSError as error:
        _not_noted(place, error)


@contextlib.contextmanager
def noted(home: Path) -> Iterator[None]:
    """Have our note there as long as this lasts. The service runs without one, too."""
    place = _own_place()
    if place is None:
        yield
        return
    pid = os.getpid()
    note = {
        "home": str(home),
        "folder": home.stat().st_ino,
        "pid": pid,
        "start": start_of(pid),
        "network": network_of(),
        "unit": _own_unit(),
    }
    file = place / f"{pid}.json"
    try:
        _sweep(place)
        write_atomic(file, json.dumps(note).encode(), PUBLIC, durable=False)
    except OSError as error:
        _not_noted(place, error)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            remove(file)


def instances() -> list[Instance]:
    """The services whose API can be reached from here, by home."""
    network = network_of()
    found = {}
    for folder in _places():
        for file in sorted(folder.glob("*.json")):
            note = _read(file)
            if note is not None and note["network"] == network and _lives(file, note):
                found[note["pid"]] = _instance(note)
    return sorted(found.values(), key=lambda each: str(each.home))


def _instance(note: dict[str, Any]) -> Instance:
    """What it says of its unit has to be what the kernel says: that may be told to systemd."""
    unit = note["unit"] if note["unit"] == unit_of(note["pid"]) else None
    return Instance(Path(note["home"]), note["pid"], note["folder"], unit)


def instance_on(home: Path) -> Instance | None:
    """The service that runs on a home folder."""
    wanted = home.absolute()
    return next((each for each in instances() if each.home == wanted), None)


def read_port(home: Path) -> int | None:
    """The port of the service that runs on a home folder, or ran last; None if none ever did."""
    try:
        port = int((read_if_there(home / PORT_FILE) or b"").decode("ascii").strip())
    except (OSError, ValueError):
        return None
    return port if 0 < port <= 0xFFFF else None


def starting() -> bool:
    """Whether a service was started a moment ago, and has left no note yet."""
    known = {each.pid for each in instances()}
    others = (pid for pid in processes() if pid not in known and pid != os.getpid())
    return any(_runs_service(words_of(pid)) and is_young(pid) and _is_here(pid) for pid in others)


def _runs_service(words: list[str]) -> bool:
    if len(words) < 2 or not Path(words[0]).name.startswith("python"):
        return False
    program, arguments = Path(words[1]).name, words[2:]
    if program not in PROGRAMS:
        return False
    verb = PROGRAMS[program]
    return verb in arguments if verb else OTHER_PROGRAMS.isdisjoint(arguments)


def is_young(pid: int) -> bool:
    """Whether it was started a moment ago; an older one without a note has nowhere to leave one."""
    age = age_s(pid)
    return age is not None and age < YOUNG_S


def _is_here(pid: int) -> bool:
    """Whether it is in our network namespace, as far as that is to be seen."""
    return network_of(pid) in {None, network_of()}


# --- notes ----------------------------------------------------------------------------------------


def _own_place() -> Path | None:
    """Where we may leave a note; None if nowhere."""
    systemd = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if systemd:
        return Path(systemd)
    place = RUN / str(os.geteuid())
    if place.is_dir():
        return place
    return _session_place()


def _session_place() -> Path | None:
    """The folder of a user's login; an empty one is root's, or nobody's."""
    session = os.environ.get("XDG_RUNTIME_DIR")
    return Path(session) / "earthline" if session and os.geteuid() != 0 else None


def _own_unit() -> str | None:
    """The unit that started us, and not one that started the shell which did."""
    started_us = os.environ.get("SYSTEMD_EXEC_PID") == str(os.getpid())
    return unit_of(os.getpid()) if started_us or "RUNTIME_DIRECTORY" in os.environ else None


def _places() -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from sorted(RUN.iterdir())
    if (place := _session_place()) is not None:
        yield place


def _read(file: Path) -> dict[str, Any] | None:
    """A note, or None for anything else."""
    try:
        note = json.loads(read_if_there(file) or b"null")
        numbers = {key: int(note[key]) for key in _NUMBERS}
        return {"home": str(note["home"]), "unit": note["unit"], **numbers}
    except (OSError, ValueError, TypeError, KeyError):
        return None


_NUMBERS = ("folder", "pid", "start", "network")


def _lives(file: Path, note: dict[str, Any]) -> bool:
    """Whether it is of the process that left it, and of that one's user."""
    try:
        owner = file.lstat().st_uid
    except OSError:
        return False
    return start_of(note["pid"]) == note["start"] and user_of(note["pid"]) == owner


def _sweep(place: Path) -> None:
    """Remove what dead processes left behind."""
    for file in place.glob("*.json"):
        note = _read(file)
        if note is None or start_of(note["pid"]) != note["start"]:
            remove(file)


def _not_noted(place: Path, error: OSError) -> None:
    """Commands are to be told the home then."""
    import structlog  # noqa: PLC0415 - heavy, and no part of a short command

    structlog.get_logger().info(
        "not_noted", folder=str(place), why=error.strerror, otherwise="--home"
    )
