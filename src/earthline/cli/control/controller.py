"""``earthline controller``: take over the networks of a stock controller, and give them back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earthline.cli.common.commands import Commands
from earthline.cli.common.output import Session, fail, say, show_json_text

if TYPE_CHECKING:
    from earthline.controller.store.archive import Archive

app = Commands(help="Move a controller's networks in and out.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CARRIED_OVER = (
    "identity.secret",
    "identity.public",
    "planet",
    "moons.d",
    "networks.d",
    "peers.d",
)
"""What makes the home the same node to its members, besides the networks."""
CARRIED_FOR_ALL = ("identity.public", "planet")
"""Of these, what other users may read."""


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A stock home, or controller.d.")],
    names: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="ztncui's folder of names: .../ztncui/etc/storage."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be imported.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the networks of a stock controller from this home: same IDs, members and addresses.

    Stop both services first. The identity is imported too, since the networks belong to it.

    Example: earthline controller import /var/lib/zerotier-one
    """
    from earthline.controller.store import archive as archives  # noqa: PLC0415 - needs the store
    from earthline.controller.store.foreign_folder import UnfitFolder  # noqa: PLC0415

    source = archives.archive_folder(folder)
    if source is None:
        fail(
            f"{folder}: no controller's networks found (neither network/ nor controller.d/): "
            "name a stock home folder, such as /var/lib/zerotier-one"
        )
    try:
        found = archives.read_archive(source)
        if names is not None:
            archives.read_names(names, found)
        carried = _carried(source.parent if source.name == "controller.d" else source)
    except OSError as fault:
        fail(f"{fault.filename or names}: {fault.strerror}")
    except UnfitFolder as fault:
        fail(str(fault))
    _check_identity(source, carried)
    if not dry_run:
        with _own_home() as place:
            _carry_over(carried)
            _write_networks(place, found)
    _report(found, as_json=as_json)


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write: controller.d.")],
    as_json: AsJson = False,
) -> None:
    """Write this home's networks as the files of a stock controller. Stop the service first.

    Example: earthline controller export /var/lib/zerotier-one/controller.d
    """
    from earthline.controller.store import archive as archives  # noqa: PLC0415
    from earthline.controller.store.places import open_store  # noqa: PLC0415
    from earthline.runtime.base.files import write_atomic  # noqa: PLC0415

    with _own_home() as place:
        store = open_store(place)
        try:
            written = archives.take_archive(store)
        finally:
            store.close()
    try:
        for path, data in archives.archive_files(written):
            write_atomic(folder / path, data)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    _report(written, as_json=as_json)


def _report(archive: Archive, *, as_json: bool) -> None:
    from earthline.controller.store import archive as archives  # noqa: PLC0415

    if as_json:
        show_json_text(archives.report_json(archive))
    else:
        say(*archives.report_lines(archive))


@contextmanager
def _own_home() -> Iterator[str]:
    """The place of this home's store, while no service uses it.

    With no more rights than its owner has: the store opens its files by name, as often as it likes.
    """
    from earthline.controller.store import StoreFault  # noqa: PLC0415
    from earthline.runtime.base.folders import UnsafeFile  # noqa: PLC0415
    from earthline.runtime.home.home import Home, StartFault  # noqa: PLC0415
    from earthline.runtime.host.accounts import acting_as_owner  # noqa: PLC0415
    from earthline.runtime.settings.settings import SettingsFile  # noqa: PLC0415

    home = Home(Session.home)
    try:
        home.make()
        with acting_as_owner(home.path):
            home.claim()
            settings = SettingsFile(home.settings_file)
            settings.load()
            place = settings.parsed.settings.controller_db_path
            yield place or str(home.controller_folder)
    except (StartFault, StoreFault, UnsafeFile) as fault:
        fail(str(fault))
    finally:
        home.release()


def _check_identity(source: Path, carried: dict[str, tuple[bytes, int]]) -> None:
    """The two may be one node, or this home none yet."""
    from earthline.runtime.base.files import read_if_there  # noqa: PLC0415

    theirs, _ = carried.get("identity.secret", (None, 0))
    ours = read_if_there(Session.home / "identity.secret")
    if theirs is not None and ours is not None and ours.strip() != theirs.strip():
        fail(
            f"{Session.home} already has another identity than {source}, to which the networks "
            f"belong: import into a new folder, with --home"
        )


def _carried(source: Path) -> dict[str, tuple[bytes, int]]:
    """What comes along, by its name below a home: content and permission bits.

    Raises `OSError` that names what cannot come along, `UnfitFolder`.
    """
    from earthline.controller.store.foreign_folder import ForeignFolder  # noqa: PLC0415
    from earthline.runtime.base.files import PRIVATE, PUBLIC  # noqa: PLC0415

    found = {}

    def take(folder: ForeignFolder, name: str, below: str, mode: int) -> None:
        try:
            found[below] = folder.read(name), mode
        except OSError as fault:
            fault.filename = str(folder.path / name)
            raise

    with ForeignFolder.open(source) as home:
        for name in (name for name in CARRIED_OVER if home.has(name)):
            if not home.is_folder(name):
                take(home, name, name, PUBLIC if name in CARRIED_FOR_ALL else PRIVATE)
                continue
            with home.folder(name) as folder:
                for file in folder.names():
                    if not folder.is_folder(file):
                        take(folder, file, f"{name}/{file}", PRIVATE)
    return found


def _carry_over(carried: dict[str, tuple[bytes, int]]) -> None:
    """What this home has is kept."""
    from earthline.runtime.base.files import write_atomic  # noqa: PLC0415

    missing = {name for name in CARRIED_OVER if not (Session.home / name).exists()}
    for name, (data, mode) in carried.items():
        if Path(name).parts[0] in missing:
            write_atomic(Session.home / name, data, mode)


def _write_networks(place: str, found: Archive) -> None:
    from earthline.controller.store.archive import import_archive  # noqa: PLC0415
    from earthline.controller.store.places import open_store  # noqa: PLC0415

    store = open_store(place)
    try:
        import_archive(found, store)
    finally:
        store.close()
