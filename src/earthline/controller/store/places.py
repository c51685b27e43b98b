"""Which store a place stands for: a folder, or a database of a server."""

from __future__ import annotations

from pathlib import Path

from earthline.controller.archive import archive_folder, import_archive, read_archive
from earthline.controller.foreign_folder import UnfitFolder
from earthline.controller.store import Store, StoreFault
from earthline.controller.store.postgresql import PostgresqlStore, is_postgresql
from earthline.controller.store.sqlite import SqliteStore

FILE = "controller.sqlite3"


def open_store(place: str) -> Store:
    """The store of a folder, which is made for its owner only, or of a PostgreSQL URL.

    Raises `StoreFault`.
    """
    if is_postgresql(place):
        return PostgresqlStore(place)
    folder = Path(place)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / FILE).exists() and archive_folder(folder) is not None:
            _take_over(folder)
    except OSError as fault:
        raise StoreFault(f"{folder}: {fault.strerror}") from None
    except UnfitFolder as fault:
        raise StoreFault(str(fault)) from None
    return SqliteStore(str(folder / FILE))


def _take_over(folder: Path) -> None:
    """Begin with the networks of the stock controller whose folder this is: all of them, or none.

    Its files stay as they are.
    """
    aside = folder / f"{FILE}.import"
    aside.unlink(missing_ok=True)
    store = SqliteStore(str(aside))
    import_archive(read_archive(folder), store)
    store.close()
    aside.rename(folder / FILE)
