"""The recordings of frames as other nodes would have made them: new keys, addresses and a network.

What names a node or the network in a packet is put in its place byte by byte, and what its
controller signed is signed again by the new one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.mac import mac_bytes, mac_of

CERTIFICATE = re.compile(r"010007([0-9a-f]{336})([0-9a-f]{10})([0-9a-f]{192})")
CONFIG_VERB = 0x0B, 0x0C
SIGNATURE = 96


def write_folder(recorded: Path, folder: Path) -> dict[str, str]:
    """Write frame_tx and frame_rx with other identities; every new address by its old one."""
    texts = {name: (recorded / f"{name}.json").read_text() for name in ("frame_tx", "frame_rx")}
    cases = json.loads(texts["frame_rx"])["cases"]
    secrets = [cases[0]["self_secret"], cases[0]["sender_secret"]]
    old = [SecretIdentity.parse(text).public for text in secrets]
    old += [Identity.parse(cases[0]["controller_identity"])]
    named = _addresses(texts["frame_tx"]) - {node.address for node in old}
    network = int(cases[0]["network_id"], 16)
    seeds = (number.to_bytes(32, "big") for number in range(len(old) + len(named)))
    new = [SecretIdentity.generate(seed, 1) for seed in seeds]
    controller = new[2]
    changes = _changes(network, old, sorted(named), new)
    for name, text in texts.items():
        document = json.loads(_replaced(text, changes))
        for before, case in zip(json.loads(text)["cases"], document["cases"], strict=True):
            _sign_again(before, case, old[2], controller)
        if name == "frame_rx":
            for case in document["cases"]:
                case["self_secret"], case["sender_secret"] = new[0].text, new[1].text
        (folder / f"{name}.json").write_text(json.dumps(document))
    return {f"{node.address:010x}": f"{new[at].public.address:010x}" for at, node in enumerate(old)}


def _addresses(text: str) -> set[int]:
    return {
        int(packet["to"], 16) for case in json.loads(text)["cases"] for packet in case["packets"]
    }


def _changes(
    network: int, old: list[Identity], named: list[int], new: list[SecretIdentity]
) -> dict[str, str]:
    """Old hex digits and new ones, the longer first."""
    changed = new[2].public.address << 24 | network & 0xFFFFFF
    pairs = dict(_of_network(network, changed))
    for before, secret in zip(old, new, strict=False):
        after = secret.public
        pairs[before.public_key.hex()] = after.public_key.hex()
        for start in range(0, 32, 8):
            pairs[before.hash[start : start + 8].hex()] = after.hash[start : start + 8].hex()
    addresses = [node.address for node in old] + named
    for address, secret in zip(addresses, new, strict=True):
        after = secret.public.address
        pairs |= dict(_of_text(f"{address:010x}", f"{after:010x}"))
        macs = (mac_bytes(mac_of(address, network)), mac_bytes(mac_of(after, changed)))
        pairs[macs[0].hex()] = macs[1].hex()
    return dict(sorted(pairs.items(), key=lambda pair: -len(pair[0])))


def _of_network(before: int, after: int) -> Iterator[tuple[str, str]]:
    yield from _of_text(f"{before:016x}", f"{after:016x}")


def _of_text(before: str, after: str) -> Iterator[tuple[str, str]]:
    """As bytes of the wire, and as text in a configuration's dictionary."""
    yield before, after
    yield before.encode().hex(), after.encode().hex()


def _replaced(text: str, changes: dict[str, str]) -> str:
    """All at once, so that nothing new is taken for something old."""
    pattern = re.compile("|".join(map(re.escape, changes)))
    return pattern.sub(lambda found: changes[found[0]], text)


def _sign_again(before: dict, case: dict, old: Identity, controller: SecretIdentity) -> None:
    """Have what held under the old controller's key hold under the new one's."""
    for key in ("our_certificate", "sender_certificate", "payload"):
        if key in case:
            case[key] = _certificates(before[key], case[key], old, controller)
    for was, packet in zip(before.get("packets", ()), case.get("packets", ()), strict=True):
        packet["payload"] = _certificates(was["payload"], packet["payload"], old, controller)
    if case.get("verb") in CONFIG_VERB and len(case["payload"]) > 2 * SIGNATURE:
        case["payload"] = _chunk(before["payload"], case["payload"], old, controller)


def _certificates(before: str, text: str, old: Identity, controller: SecretIdentity) -> str:
    valid = [
        old.verify(bytes.fromhex(found[1]), bytes.fromhex(found[3]))
        for found in CERTIFICATE.finditer(before)
    ]

    def signed(found: re.Match[str]) -> str:
        signature = found[3]
        if valid.pop(0):
            signature = controller.sign(bytes.fromhex(found[1])).hex()
        return f"010007{found[1]}{found[2]}{signature}"

    return CERTIFICATE.sub(signed, text)


def _chunk(before: str, text: str, old: Identity, controller: SecretIdentity) -> str:
    """A chunk of a configuration ends with a signature's type, its length and itself."""
    was, now = bytes.fromhex(before), bytes.fromhex(text)
    message = slice(0, -SIGNATURE - 3)
    if not old.verify(was[message], was[-SIGNATURE:]):
        return text
    return (now[:-SIGNATURE] + controller.sign(now[message])).hex()
