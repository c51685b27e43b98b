"""Networks of a stock controller: taken over whole, given back, and what is odd is named."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from controller_lab import LAB, MEMBER, Lab

from earthline.controller.store import Store, foreign_folder
from earthline.controller.store.archive import (
    Finding,
    archive_files,
    archive_folder,
    import_archive,
    read_archive,
    read_names,
    take_archive,
)
from earthline.controller.store.foreign_folder import UnfitFolder
from earthline.controller.store.places import FILE, open_store

NETWORK = {
    "id": "b48062de76000001",
    "nwid": "b48062de76000001",
    "name": "office",
    "private": True,
    "revision": 7,
    "ipAssignmentPools": [{"ipRangeStart": "10.7.0.10", "ipRangeEnd": "10.7.0.99"}],
    "routes": [{"target": "10.7.0.0/24", "via": None}],
    "v4AssignMode": {"zt": True},
    "colour": "green",
}
ANNA = {
    "id": "e2189d2483",
    "address": "e2189d2483",
    "nwid": "b48062de76000001",
    "authorized": True,
    "ipAssignments": ["10.7.0.42"],
    "revision": 3,
    "mood": "fine",
}
OTTO = {"id": "0a1b2c3d4e", "nwid": "b48062de76000001", "authorized": False}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stock controller's home, with a few things in it that do not belong there."""
    networks = tmp_path / "controller.d" / "network"
    members = networks / "b48062de76000001" / "member"
    members.mkdir(parents=True)
    (networks / "b48062de76000001.json").write_text(json.dumps(NETWORK))
    (members / "e2189d2483.json").write_text(json.dumps(ANNA))
    (members / "0a1b2c3d4e.json").write_text(json.dumps(OTTO))
    (members / "ffffffffff.json").write_text("{torn")
    (networks / "notes.txt").write_text("remember the milk")
    return tmp_path


def found_in(folder: Path) -> Path:
    place = archive_folder(folder)
    assert place is not None
    return place


def test_members_keep_address_and_rights_and_get_nothing_new(folder: Path, lab: Lab) -> None:
    import_archive(read_archive(found_in(folder)), lab.store)
    assert lab.config(MEMBER).static_ips[0].ip == bytes((10, 7, 0, 42))
    taken = lab.store.taken(LAB, [bytes((10, 7, 0, 42))], other_than=1)
    assert taken == {bytes((10, 7, 0, 42))}
    assert lab.authority.get_network(LAB)["colour"] == "green"  # type: ignore[index]
    assert lab.authority.get_member(LAB, 0x0A1B2C3D4E)["authorized"] is False  # type: ignore[index]


def test_what_is_not_understood_is_named_by_file_and_key(folder: Path) -> None:
    archive = read_archive(found_in(folder))
    named = {(Path(f.file).name, f.key): f.problem for f in archive.findings}
    assert named["b48062de76000001.json", "colour"] == "kept, but not understood"
    assert named["e2189d2483.json", "mood"] == "kept, but not understood"
    assert named["notes.txt", ""] == "not a file of a controller: skipped"
    assert named["ffffffffff.json", ""].startswith("the body is not JSON")
    assert set(archive.networks) == {LAB}
    assert set(archive.members) == {(LAB, 0x0A1B2C3D4E), (LAB, MEMBER)}


def test_export_gives_back_what_was_imported(folder: Path, store: Store, tmp_path: Path) -> None:
    import_archive(read_archive(found_in(folder)), store)
    for path, data in archive_files(take_archive(store)):
        (tmp_path / "back" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "back" / path).write_bytes(data)
    again = read_archive(tmp_path / "back")
    assert again.networks == {LAB: NETWORK}
    assert again.members[LAB, MEMBER] == ANNA
    assert again.members[LAB, 0x0A1B2C3D4E] == {**OTTO, "revision": 1}


def test_network_that_is_there_already_is_left_alone(folder: Path, lab: Lab) -> None:
    lab.create(name="mine")
    archive = read_archive(found_in(folder))
    import_archive(archive, lab.store)
    assert lab.authority.get_network(LAB)["name"] == "mine"  # type: ignore[index]
    assert lab.authority.members(LAB) == {}
    assert Finding(f"{LAB:016x}", "", "there already: left as it is") in archive.findings


def test_console_names_and_scripts_come_along(folder: Path, tmp_path: Path) -> None:
    names = tmp_path / "storage"
    names.mkdir()
    notes = {
        "a": {"key": "e2189d2483", "value": "anna's laptop"},
        "b": {"key": "member-0a1b2c3d4e", "value": {"name": "otto"}},
        "c": {"key": "network-b48062de76000001", "value": {"rulesSource": "accept;"}},
        "d": {"key": "version", "value": 2},
        "e": {"key": "theme", "value": "dark"},
    }
    for file, note in notes.items():
        (names / file).write_text(json.dumps(note))
    archive = read_archive(found_in(folder))
    known = len(archive.findings)
    read_names(names, archive)
    assert archive.members[LAB, MEMBER]["name"] == "anna's laptop"
    assert archive.members[LAB, 0x0A1B2C3D4E]["name"] == "otto"
    assert archive.networks[LAB]["rulesSource"] == "accept;"
    assert [finding.key for finding in archive.findings[known:]] == ["theme"]


def test_stock_home_used_in_place_keeps_its_networks_and_its_files(folder: Path) -> None:
    place = folder / "controller.d"
    (place / f"{FILE}.import").write_text("of a start that was cut short")
    store = open_store(str(place))
    assert store.network_ids() == [LAB]
    store.delete_network(LAB)
    store.close()
    again = open_store(str(place))
    assert again.network_ids() == []
    again.close()
    assert (place / "network" / "b48062de76000001.json").exists()


# --- folders of somebody who means ill ------------------------------------------------------------


def problems(folder: Path) -> dict[str, str]:
    """By the name of the file; one line each."""
    archive = read_archive(found_in(folder))
    found = {Path(finding.file).name: finding.problem for finding in archive.findings}
    assert len({(f.file, f.key) for f in archive.findings}) == len(archive.findings)
    assert not any("\n" in problem for problem in found.values())
    assert LAB + 1 not in archive.networks
    assert archive.members.keys() <= {(LAB, 0x0A1B2C3D4E), (LAB, MEMBER)}
    return found


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """What only root may read."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "b48062de76000002.json").write_text(json.dumps(NETWORK | {"id": "b48062de76000002"}))
    (place / "0000000001.json").write_text(json.dumps(OTTO | {"id": "0000000001"}))
    return place


def test_linked_file_is_not_read(folder: Path, elsewhere: Path) -> None:
    name = "b48062de76000002.json"
    (folder / "controller.d" / "network" / name).symlink_to(elsewhere / name)
    assert problems(folder)[name] == "a symbolic link: not followed"


def test_linked_folder_is_not_read(folder: Path, elsewhere: Path) -> None:
    networks = folder / "controller.d" / "network"
    members = networks / "b48062de76000001" / "member"
    shutil.rmtree(members)
    members.symlink_to(elsewhere)
    assert "not followed" in problems(folder)["member"]
    shutil.rmtree(networks)
    networks.symlink_to(elsewhere)
    assert "not followed" in problems(folder)["network"]
    shutil.rmtree(folder / "controller.d")
    (elsewhere / "network").mkdir()
    (folder / "controller.d").symlink_to(elsewhere)
    assert "not followed" in problems(folder)["network"]


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "device"])
def test_what_is_no_regular_file_is_neither_read_nor_waited_for(folder: Path, kind: str) -> None:
    path = folder / "controller.d" / "network" / "b48062de76000002.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # zeroes without end
    assert problems(folder)[path.name] == "no regular file: skipped"


def test_sizes_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "controller.d" / "network" / "b48062de76000002.json"
    with path.open("wb") as file:
        file.truncate(foreign_folder.MAX_FILE + 1)
    archive = read_archive(found_in(folder))
    assert "larger than 16 MiB: skipped" in [finding.problem for finding in archive.findings]
    monkeypatch.setattr(foreign_folder, "MAX_TOTAL", 300)
    with pytest.raises(UnfitFolder, match="more than 0 MiB in all"):
        read_archive(found_in(folder))


def test_counts_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_folder, "MAX_FILES", 3)
    with pytest.raises(UnfitFolder, match="more than 3 files"):
        read_archive(found_in(folder))


@pytest.mark.parametrize("depth", [100, 1_000_000])
def test_deep_json_is_named(folder: Path, depth: int) -> None:
    path = folder / "controller.d" / "network" / "b48062de76000002.json"
    path.write_text('{"id": ' + "[" * depth + "]" * depth + "}")
    archive = read_archive(found_in(folder))
    (found,) = {f.problem for f in archive.findings if f.file == str(path) and not f.key}
    assert "\n" not in found
    assert found.startswith("the body is ")


def test_absurd_revision_is_cut(folder: Path, lab: Lab) -> None:
    path = folder / "controller.d" / "network" / "b48062de76000001" / "member" / "e2189d2483.json"
    path.write_text(json.dumps(ANNA | {"revision": 1 << 63}))
    import_archive(read_archive(found_in(folder)), lab.store)
    assert lab.config(MEMBER)
    assert lab.post_member(MEMBER, name="anna")


def test_import_that_fails_leaves_nothing(folder: Path, store: Store) -> None:
    archive = read_archive(found_in(folder))
    archive.members[LAB, 7] = {"revision": 1, "ipAssignments": [], "name": "\ud800"}
    with pytest.raises(ValueError, match="surrogates"):
        import_archive(archive, store)
    assert store.network_ids() == []
