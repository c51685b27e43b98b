"""A controller's networks and members as files: the stock layout, read and written (04, 2.1-2.3).

::

    network/1122334455aabbcc.json                    one network
    network/1122334455aabbcc/member/0a1b2c3d4e.json  one of its members

Objects go in and out whole: fields that nobody here knows are kept, and named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from earthline.controller.objects import member_object, network_object
from earthline.controller.objects.coercion import JsonObject, UnfitObject, parse_object, render
from earthline.controller.store import Store
from earthline.controller.store.foreign_folder import ForeignFolder
from earthline.controller.store.records import Records
from earthline.wire.address import format_address, format_network

NETWORKS = "network"
MEMBERS = "member"

_NETWORK_FILE = re.compile(r".{16}\.json")
_MEMBER_FILE = re.compile(r".{10}\.json")
_NETWORK_ID = re.compile(r"[0-9a-fA-F]{16}")
_ADDRESS = re.compile(r"[0-9a-fA-F]{10}")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was not taken over as it stands."""

    file: str
    key: str
    """Of the object; empty for the whole file."""
    problem: str


@dataclass(slots=True)
class Archive:
    """What a folder holds."""

    networks: dict[int, JsonObject] = field(default_factory=dict)
    members: dict[tuple[int, int], JsonObject] = field(default_factory=dict)
    """By network and address."""
    findings: list[Finding] = field(default_factory=list)


def archive_folder(folder: Path) -> Path | None:
    """Where the networks are: in a controller's own folder, or in a home folder that has one."""
    candidates = (folder, folder / "controller.d")
    return next((place for place in candidates if (place / NETWORKS).is_dir()), None)


# --- reading --------------------------------------------------------------------------------------


def read_archive(folder: Path) -> Archive:
    """Everything below a controller's folder that a stock controller would load.

    Raises `UnfitFolder` where there is too much of it.
    """
    archive = Archive()
    try:
        with ForeignFolder.open(folder) as place, place.folder(NETWORKS) as networks:
            for name in _files(networks, _NETWORK_FILE, archive):
                _read_network(networks, name, archive)
    except OSError as fault:
        _say(archive, folder / NETWORKS, "", _why(fault))
    return archive


def _read_network(networks: ForeignFolder, file: str, archive: Archive) -> None:
    path = networks.path / file
    network = _object(networks, file, archive)
    if network is None:
        return
    name = network.get("id")
    if not isinstance(name, str) or not _NETWORK_ID.fullmatch(name):
        _say(archive, path, "id", "not a network: skipped")
        return
    network_id = int(name, 16)
    _name_unknown(path, network, network_object.FIELDS, archive)
    archive.networks[network_id] = network
    _read_members(networks, file.removesuffix(".json"), archive)


def _read_members(networks: ForeignFolder, name: str, archive: Archive) -> None:
    """A network without any has no folder of its own."""
    path = networks.path / name
    try:
        if not networks.has(name):
            return
        with networks.folder(name) as network:
            path = network.path / MEMBERS
            if not network.has(MEMBERS):
                return
            with network.folder(MEMBERS) as members:
                for file in _files(members, _MEMBER_FILE, archive):
                    _read_member(members, file, archive)
    except OSError as fault:
        _say(archive, path, "", _why(fault))


def _read_member(members: ForeignFolder, file: str, archive: Archive) -> None:
    path = members.path / file
    member = _object(members, file, archive)
    if member is None:
        return
    address, network = member.get("id"), member.get("nwid")
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        _say(archive, path, "id", "not a member: skipped")
        return
    if not isinstance(network, str) or not _NETWORK_ID.fullmatch(network):
        _say(archive, path, "nwid", "it does not say of which network: skipped")
        return
    _name_unknown(path, member, member_object.FIELDS, archive)
    archive.members[int(network, 16), int(address, 16)] = member


def _files(folder: ForeignFolder, name: re.Pattern[str], archive: Archive) -> Iterator[str]:
    for file in folder.names():
        if name.fullmatch(file):
            yield file
        elif not folder.is_folder(file):
            _say(archive, folder.path / file, "", "not a file of a controller: skipped")


def _object(folder: ForeignFolder, file: str, archive: Archive) -> JsonObject | None:
    try:
        return parse_object(folder.read(file))
    except OSError as fault:
        _say(archive, folder.path / file, "", _why(fault))
    except UnfitObject as fault:
        _say(archive, folder.path / file, "", str(fault))
    return None


def _why(fault: OSError) -> str:
    return fault.strerror or str(fault)


def _name_unknown(path: Path, found: JsonObject, known: frozenset[str], archive: Archive) -> None:
    for key in sorted(found.keys() - known):
        _say(archive, path, key, "kept, but not understood")


def _say(archive: Archive, path: Path, key: str, problem: str) -> None:
    archive.findings.append(Finding(str(path), key, problem))


# --- into a store, and out of one -----------------------------------------------------------------


def import_archive(archive: Archive, store: Store) -> None:
    """Write everything into a store, or nothing; networks that are there already are left alone."""
    present = set(store.network_ids())
    records = Records(store)
    with store.group():
        for network, found in archive.networks.items():
            if network in present:
                name = format_network(network)
                archive.findings.append(Finding(name, "", "there already: left as it is"))
            else:
                records.restore_network(network, found)
        for (network, address), found in archive.members.items():
            if network not in present:
                records.restore_member(network, address, found)


def take_archive(store: Store) -> Archive:
    """Everything that is in a store."""
    archive = Archive()
    records = Records(store)
    for network in store.network_ids():
        found = records.network(network)
        if found is None:
            continue
        archive.networks[network] = found
        for member in records.members(network):
            archive.members[network, int(member["id"], 16)] = member
    return archive


def archive_files(archive: Archive) -> Iterator[tuple[Path, bytes]]:
    """The files of an archive: where each belongs below a controller's folder, and its content."""
    for network, found in archive.networks.items():
        yield Path(NETWORKS, f"{format_network(network)}.json"), render(found).encode()
    for (network, address), member in archive.members.items():
        place = Path(NETWORKS, format_network(network), MEMBERS)
        yield place / f"{format_address(address)}.json", render(member).encode()


# --- what web consoles keep beside it -------------------------------------------------------------


def read_names(folder: Path, archive: Archive) -> None:
    """Give members the names, and networks the rule scripts, that ztncui keeps (``etc/storage``).

    One JSON file for each: ``{"key": "0a1b2c3d4e", "value": "laptop"}``, or with the key
    ``member-0a1b2c3d4e`` or ``network-1122334455aabbcc`` and an object as value.
    """
    with ForeignFolder.open(folder) as place:
        for file in place.names():
            noted = {} if place.is_folder(file) else _object(place, file, archive) or {}
            key, value = noted.get("key"), noted.get("value")
            if isinstance(key, str) and not _note(key, value, archive):
                _say(archive, folder / file, key, "not understood: skipped")


def _note(key: str, value: object, archive: Archive) -> bool:
    name = value.get("name") if isinstance(value, dict) else value
    plain = key.removeprefix("member-")
    if _ADDRESS.fullmatch(plain) and isinstance(name, str):
        for (_, address), member in archive.members.items():
            if address == int(plain, 16):
                member.setdefault("name", name)
        return True
    plain = key.removeprefix("network-")
    source = value.get("rulesSource") if isinstance(value, dict) else None
    if _NETWORK_ID.fullmatch(plain) and isinstance(source, str):
        network = archive.networks.get(int(plain, 16))
        if network is not None and not network.get("rulesSource"):
            network["rulesSource"] = source
        return True
    return key == "version"


def report_lines(archive: Archive) -> list[str]:
    """One line of sums, and one for each finding."""
    sums = f"{len(archive.networks)} networks, {len(archive.members)} members"
    lines = [f"{f.file}: {f'{f.key}: ' if f.key else ''}{f.problem}" for f in archive.findings]
    return [sums, *lines]


def report_json(archive: Archive) -> str:
    """The same for scripts."""
    findings = [{"file": f.file, "key": f.key, "problem": f.problem} for f in archive.findings]
    networks = [format_network(network) for network in sorted(archive.networks)]
    members = len(archive.members)
    return json.dumps({"networks": networks, "members": members, "findings": findings}, indent=2)
