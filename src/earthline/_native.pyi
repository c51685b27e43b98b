"""The only door to Rust: protocol primitives, the packet codec, the switch, and its I/O driver.

Addresses are 40-bit ``int``, network IDs and packet IDs 64-bit ``int``, MACs 48-bit ``int``, times
``int`` milliseconds of `now_ms`. A physical endpoint is ``(ip, port)`` with 4 or 16 bytes of
IP; a path is ``(socket, ip, port)``, where ``socket`` is the number the host gave to a bound UDP socket.
Misuse (a key of the wrong length, a reserved address) raises ``ValueError``; what a peer sent never does.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias, final

from earthline.effects import Activity, Punted, SwitchCommand

__all__ = [
    "Driver",
    "Output",
    "PuntQueue",
    "Reassembler",
    "SessionKey",
    "Switch",
    "TcpRelay",
    "agree",
    "compress",
    "decompress",
    "evaluate_rules",
    "evaluate_rules_in_earnest",
    "filter_frame",
    "fragment",
    "generate_identity",
    "kbkdf",
    "keep_capabilities",
    "memory_hard_digest",
    "narrow_capabilities",
    "now_ms",
    "open_hellos",
    "public_key_of",
    "seal_process",
    "sign",
    "validate_identity",
    "verify",
]

_Path: TypeAlias = tuple[int, bytes, int]

# --- identity (01, 2) ----------------------------------------------------------------------------

def memory_hard_digest(public_key: bytes) -> bytes:
    """64-byte digest of a 64-byte public key (01, 2.2)."""

def generate_identity(seed: bytes, threads: int) -> tuple[int, bytes, bytes]:
    """Search for (address, public key, private key) from a 32-byte seed on some threads (01, 2.3)."""

def validate_identity(address: int, public_key: bytes) -> bool:
    """Whether the address fits the key by the memory-hard hash and is not reserved (01, 2.4)."""

def public_key_of(private_key: bytes) -> bytes:
    """64-byte public key of a 64-byte private key (01, 2.1)."""

def sign(private_key: bytes, message: bytes) -> bytes:
    """96-byte signature (01, 2.8)."""

def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 96-byte signature holds; False for any other length (01, 2.8)."""

def agree(private_key: bytes, public_key: bytes, length: int = 48) -> bytes:
    """The permanent key K of two identities, or more bytes of the same function (01, 2.9)."""

def open_hellos(private_key: bytes, hellos: Sequence[tuple[bytes, bytes]]) -> list[bytes | None]:
    """For each clear HELLO, given after the public key in it, K, or None where its MAC does not hold.

    Meanwhile other threads go on.
    """

def kbkdf(key: bytes, label: int, context: int = 0, counter: int = 0) -> bytes:
    """48 bytes derived from the 48-byte K (01, 2.10)."""

# --- packet (01, 3 and 4) ------------------------------------------------------------------------

@final
class SessionKey:
    """The scheduled keys of one pair of identities."""

    def __new__(cls, key: bytes) -> SessionKey:
        """From the 48-byte K."""
    @property
    def aes_k0(self) -> bytes: ...
    @property
    def aes_k1(self) -> bytes: ...
    def seal(self, packet: bytes, suite: int) -> bytes:
        """Armour a whole plain packet with suite 0, 1 or 3; the fragmented flag is kept (01, 3.5, 3.6)."""
    def open(self, packet: bytes) -> bytes | None:
        """The packet with its body in the clear (flags as received), or None if it does not authenticate.

        Suites 0, 1 and 3 only. The payload is not decompressed.
        """
    def mask_hello_tail(self, packet_id: int, tail: bytes) -> bytes:
        """Encrypt or decrypt the tail of a HELLO (01, 3.8)."""

def compress(packet: bytes) -> bytes:
    """Compress the payload of a plain packet where that makes it shorter, and set the verb's flag (01, 3.11)."""

def decompress(packet: bytes) -> bytes | None:
    """Undo `compress`; the packet itself where the flag is clear; None if malformed or too large."""

def fragment(packet: bytes, mtu: int) -> list[bytes]:
    """Cut an armoured packet whose fragmented flag is already set as needed into datagrams (01, 4.2)."""

@final
class Reassembler:
    """The bounded reassembly buffer the switch uses, by itself (01, 4.3); all pieces are of one peer."""

    def __new__(cls, slots: int = 32) -> Reassembler: ...
    def accept(self, datagram: bytes, now: int) -> bytes | None:
        """Feed a fragmented head or a fragment; the whole packet once its last piece is in."""

# --- rules (03, 6) --------------------------------------------------------------------------------

def evaluate_rules(
    rules: bytes, frame: Any, random: int
) -> tuple[str, int, tuple[int, int, bool] | None]:
    """Evaluate one rule table against a frame as stock nodes see it (03, 6.3).

    ``frame`` is any object with the attributes ``inbound``, ``own``, ``source``, ``destination``,
    ``source_mac``, ``destination_mac``, ``ethertype``, ``vlan``, ``payload`` (after the Ethernet header),
    ``own_credentials`` and ``other_credentials`` (each (tags as (ID, value), IPs as 4 or 16 bytes, MACs)),
    ``unknown_match`` (flag 0x08) and ``emulated`` (first bytes of IPv6 addresses that neighbour emulation
    vouches for, 6.4). ``random`` (32 bits) is what every random match draws.

    Returns ``no_match``, ``drop``, ``redirect``, ``accept`` or ``super_accept``, the destination it then
    has, and the copy asked for as (observer, bytes, acknowledge). ValueError: a malformed table.
    """

def evaluate_rules_in_earnest(
    rules: bytes, frame: Any, random: int
) -> tuple[str, int, tuple[int, int, bool] | None] | None:
    """The same for the frame as the host behind its receiver may take it.

    That is without tags, SNAP and extension headers, with what is hidden in other fragments taken for what
    the rules refuse, and with neighbour solicitations authentic only if they say what is true. None: a
    frame that is not judged a second time.
    """

def filter_frame(
    rules: bytes, capabilities: Sequence[bytes], frame: Any, random: int
) -> tuple[int, int | None, list[tuple[int, int, bool]]]:
    """Judge a frame by base rules, then by the sender's capabilities (03, 6.7); ``frame`` as above.

    It passes if it does as stock nodes see it and, where that is another thing, in earnest.

    Returns 0 (dropped), 1 (accepted) or 2 (accepted without address checks), the node it is redirected
    to, and the copies to send as (observer, bytes, acknowledge).
    """

# --- the switch -----------------------------------------------------------------------------------

@final
class Output:
    """What one call of the switch produced."""

    datagrams: list[tuple[int, bytes, int, bytes]]
    """(socket, ip, port, datagram)"""
    frames: list[tuple[int, bytes]]
    """(network ID, Ethernet frame with its 14-byte header) for the TAP of that network"""
    punts: list[Punted]
    """What the switch has no entry for, as the engines take it."""

    def __bool__(self) -> bool:
        """Whether there is anything in it."""

@final
class Switch:
    """The passive per-packet engine. All tables are written by Python; nothing here decides."""

    def __new__(cls, address: int, seed: bytes, *, threads: int = 1) -> Switch:
        """For the node ``address``; ``seed`` (32 bytes) feeds its packet IDs. The driver has so many
        ``threads`` (1 to 64), each with a twin of the switch; what is called from here works on the first."""
    def ingest_datagrams(
        self, batch: Sequence[tuple[int, bytes, int, bytes]], now: int
    ) -> Output: ...
    def ingest_frames(self, batch: Sequence[tuple[int, bytes]], now: int) -> Output: ...
    def apply(self, commands: Sequence[SwitchCommand], now: int) -> Output:
        """Carry out commands in order: all of them, or none (``ValueError`` for one that cannot be right).

        Table entries are written to all twins, each of which is held once. Traffic goes through the first.
        """
    def set_trusted_networks(self, networks: Sequence[tuple[bytes, int, int]]) -> None:
        """(ip, prefix length, trusted path ID): where suite 2 is accepted from (01, 3.7)."""
    def set_mss_clamp(self, enabled: bool) -> None:
        """Whether TCP connections are to agree on segments that fit one datagram of their peer's route."""
    def take_activity(self) -> Activity:
        """What moved since the last call."""
    def refused(self, network: int) -> list[tuple[str, int, int, int]]:
        """What the present rules of a network dropped, by what: (what, entry, sent frames, received frames).

        What: ``rule`` (the base rules' ``entry``, from 0), ``capability``, ``no_rule`` or ``wraps``.
        """
    def counters(self) -> dict[str, int]:
        """Every counter by name: ``packets_rx``, ``frames_tx``, ``punts``, ``drop_<reason>``, ..."""

# --- the clock (Linux) ----------------------------------------------------------------------------

def now_ms() -> int:
    """What time it is for switch and engines: nobody can set it, and it goes on while we sleep."""

# --- the process (Linux) --------------------------------------------------------------------------

def keep_capabilities() -> None:
    """Have this thread keep its capabilities when its user changes. OSError: the kernel refuses."""

def narrow_capabilities() -> None:
    """Keep NET_ADMIN and NET_RAW (ambient, too) and NET_BIND_SERVICE, drop all others. OSError likewise."""

def seal_process() -> None:
    """For good: no rights beyond those of now (no_new_privs), no reading of our memory by others of our user, and
    no core file. Before threads are started. OSError likewise."""

@final
class PuntQueue:
    """What the outputs of a switch leave for the engines, for hosts without a `Driver`, which has one itself."""

    def __new__(cls, switch: Switch) -> PuntQueue: ...
    def push(self, output: Output, now: int) -> None:
        """Have the output's punts wait. Where there is no room, something of who has most waiting is dropped."""
    def take(self, limit: int, newcomers: int = ...) -> list[Punted]:
        """A round of what waits, no more than ``limit``: of each class its share, of each sender in turn.

        No more than ``newcomers`` of them, if that is given, are HELLOs that no known key fits.
        """
    def counters(self) -> dict[str, int]:
        """What was dropped, by name, and ``punts_waiting``."""
    def __len__(self) -> int: ...

# --- I/O (Linux) ----------------------------------------------------------------------------------

@final
class Driver:
    """Threads that bolt a `Switch` to UDP sockets and TAP queues. Raises ``OSError`` from the kernel."""

    def __new__(
        cls,
        switch: Switch,
        *,
        tso: bool = True,
        uso: bool = True,
        join: bool = True,
        gso: bool = True,
        gro: bool = True,
        moderation: bool = True,
        mark: int = 0,
    ) -> Driver:
        """What may be left to the kernel, or done for it, as far as it knows how to: TCP stretches (``tso``)
        and several UDP datagrams (``uso``) read from a TAP as one frame, frames of a flow joined for it
        (``join``), datagrams sent (``gso``) and received (``gro``) several at a time. ``mark``: what sockets mark
        their packets with, so that TAP devices refuse them; 0: nothing (02, 7.10)."""
    def add_udp(self, socket: int, ip: bytes, port: int, device: str | None) -> int:
        """Bind a UDP socket (to a device too, where given) under the host's number; returns the port. Numbers
        from 1 << 20 on are left out where -1 stands for all sockets."""
    def set_ways(self, socket: int, ways: Sequence[tuple[bytes, int]] | None) -> None:
        """Send nothing by a socket but to these IPv4 networks, (ip, prefix length) each; None: to any. IPv6 is
        left to the kernel. ``ValueError`` for other networks."""
    def remove_udp(self, socket: int) -> None: ...
    def add_tap(self, network: int, name: str, mac: int, mtu: int) -> str:
        """Open a TAP device for a network, set MAC, MTU and up; returns the interface's name."""
    def remove_tap(self, network: int) -> None: ...
    def transmit(self, socket: int, ip: bytes, port: int, datagram: bytes, ttl: int) -> bool:
        """Send one datagram of Python's own (ttl 0: the default), by all sockets of the IP's family if
        ``socket`` is -1; False if nothing took it."""
    def transmit_whole(self, socket: int, ip: bytes, port: int, datagram: bytes) -> bool:
        """Send one datagram that no router may fragment; False if it is too large for the link it would leave
        by, as far as the kernel can tell at once."""
    def open_tunnel(self, ip: bytes, port: int, tls: bool, device: str | None) -> None:
        """Begin to connect to a TCP relay, in place of any tunnel there is (02, 8.3). Once it is up, what goes
        to the internet over IPv4 leaves by it too; what comes by it has the socket -1."""
    def leave_tunnel(self) -> None:
        """Send nothing by the tunnel any more; what still comes by it is taken."""
    def close_tunnel(self) -> None: ...
    def tunnel(self) -> tuple[str, str, int]:
        """(``closed``, ``connecting``, ``up`` or ``failed``; why it failed; when a datagram last came by it,
        ms, 0 for never)"""
    def unanswered_since(self) -> int:
        """When (ms) a datagram to the internet over IPv4 first left after the last `answered`; or 0."""
    def answered(self) -> None:
        """The internet has answered by UDP: to a question of ours, which nobody else can answer."""
    def write_frame(self, network: int, frame: bytes) -> bool: ...
    def apply(self, output: Output) -> None:
        """Send the datagrams and frames of an `Output` that Python obtained by itself."""
    def punt_fd(self) -> int:
        """An eventfd that is readable while punts wait."""
    def take_punts(self, limit: int, newcomers: int = ...) -> list[Punted]:
        """A round of what waits, as `PuntQueue.take`; empty only if nothing else does."""
    def counters(self) -> dict[str, int]: ...
    def close(self) -> None:
        """Stop the threads, close sockets and TAP devices. Idempotent."""

@final
class TcpRelay:
    """A relay for nodes without UDP, in TLS or not, on a thread of its own (02, 8.3)."""

    def __new__(
        cls,
        listen: Sequence[tuple[bytes, int]],
        certificate: tuple[bytes, bytes] | None,
        clients: int,
    ) -> TcpRelay:
        """Listen at (ip, port) each; ``certificate``: chain and key as PEM, else it makes its own;
        ``clients``: most at a time. ``OSError`` if it cannot listen, or cannot use the certificate."""
    def bound(self) -> list[tuple[bytes, int]]:
        """Where it listens."""
    def clients(self) -> int:
        """How many are connected."""
    def counters(self) -> dict[str, int]: ...
    def close(self) -> None:
        """End the thread and close every connection. Idempotent."""
