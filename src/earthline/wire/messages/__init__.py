"""One frozen value per verb's payload (the bytes from packet offset 28 on): `parse` and `emit`.

NOP has no payload, that of ECHO is any bytes, and ACK is history: they have no class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from earthline.wire.messages.config import ConfigChunk, NetworkConfigRequest
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.error import Error
from earthline.wire.messages.frame import ExtFrame, Frame, MulticastFrame
from earthline.wire.messages.hello import Hello
from earthline.wire.messages.misc import (
    PathNegotiation,
    QosMeasurement,
    RemoteTrace,
    UserMessage,
)
from earthline.wire.messages.multicast import MulticastGather, MulticastLike
from earthline.wire.messages.ok import Ok
from earthline.wire.messages.paths import PushDirectPaths
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.messages.whois import Whois
from earthline.wire.packet import Verb

PARSERS: Mapping[Verb, Callable[[bytes], Any]] = MappingProxyType(
    {
        Verb.HELLO: Hello.parse,
        Verb.ERROR: Error.parse,
        Verb.OK: Ok.parse,
        Verb.WHOIS: Whois.parse,
        Verb.RENDEZVOUS: Rendezvous.parse,
        Verb.FRAME: Frame.parse,
        Verb.EXT_FRAME: ExtFrame.parse,
        Verb.MULTICAST_LIKE: MulticastLike.parse,
        Verb.NETWORK_CREDENTIALS: NetworkCredentials.parse,
        Verb.NETWORK_CONFIG_REQUEST: NetworkConfigRequest.parse,
        Verb.NETWORK_CONFIG: ConfigChunk.parse,
        Verb.MULTICAST_GATHER: MulticastGather.parse,
        Verb.MULTICAST_FRAME: MulticastFrame.parse,
        Verb.PUSH_DIRECT_PATHS: PushDirectPaths.parse,
        Verb.QOS_MEASUREMENT: QosMeasurement.parse,
        Verb.USER_MESSAGE: UserMessage.parse,
        Verb.REMOTE_TRACE: RemoteTrace.parse,
        Verb.PATH_NEGOTIATION_REQUEST: PathNegotiation.parse,
    }
)
"""How the payload of each verb is read; every parser raises `Malformed` and nothing else."""
