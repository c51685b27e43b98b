"""The kinds of events that are told of a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "peer.new": "A node is known: `address`",
    "peer.gone": "A node is not known any more: `address`",
    "peer.path_found": "A node answers by a path: `address`, `path`",
    "peer.path_lost": "A path to a node is given up: `address`, `path`",
    "peer.direct": "A node is reached directly: `address`, `path`",
    "peer.tunnelled": "A node is reached by our TCP tunnel: `address`, `path`, `reason`",
    "peer.relayed": "A node is reached by a root, or is so for another reason: `address`, `reason`",
    "peer.unreachable": "A node is not reached, or for another reason: `address`, `reason`",
    "network.joined": "This node is in a network, from its start or from now on: `network`",
    "network.status": "What became of a joined network: `network`, `status`",
    "network.configured": "Its controller gave a network its configuration:"
    " `network`, `name`, `addresses`",
    "network.left": "This node is not in a network any more: `network`",
    "member.asked": "A node asked to be let into a network of ours, for the first time:"
    " `network`, `member`",
    "member.authorized": "A member was let in: `network`, `member`",
    "member.deauthorized": "A member was put out: `network`, `member`",
    "member.changed": "What is on file of a member changed: `network`, `member`",
    "member.deleted": "A member is not on file any more: `network`, `member`",
    "controller.network_created": "A network was made here: `network`, `name`",
    "controller.network_changed": "A network of ours was changed: `network`, `name`",
    "controller.network_deleted": "A network of ours was deleted: `network`",
    "node.online": "A root answers, or we are one",
    "node.offline": "No root answers",
    "node.upstreams": "The roots of planet and moons are others: `upstreams`",
    "node.addresses": "This node is at other places: `listening`, `mapped`, `surfaces`",
    "doctor.changed": "What most needs looking at is something else, looked for every 10 s while"
    " somebody listens: `cause`, `line`",
}
"""What each kind says, and its fields beside ``at`` (ms) and ``event``."""

MISSED: Final = "stream.missed"
"""Of one stream alone, and first: some of what was asked for is not kept any more."""
ENDED: Final = "stream.ended"
"""Of one stream alone, and last, with ``why``."""
