"""The process that is a libzt node: loads the library and obeys one JSON command a line.

    python libzt_child.py LIBRARY HOME      (with the shim preloaded)

A command is ``[name, argument, ...]``, an answer ``{"ok": value}`` or ``{"error": text}``. Uses the
library's public C functions ``zts_*`` only. Standard library only: it runs without the package.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

AF_INET, SOCK_STREAM = 2, 1
CHUNK = 65536
ADDRESS_TEXT = 46  # the library takes this length for a textual address, and no other
CONNECT_MS = 20_000

SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "zts_init_from_storage": (ctypes.c_int, [ctypes.c_char_p]),
    "zts_init_set_roots": (ctypes.c_int, [ctypes.c_char_p, ctypes.c_uint]),
    "zts_init_allow_port_mapping": (ctypes.c_int, [ctypes.c_uint]),
    "zts_node_start": (ctypes.c_int, []),
    "zts_node_is_online": (ctypes.c_int, []),
    "zts_node_get_id": (ctypes.c_uint64, []),
    "zts_net_join": (ctypes.c_int, [ctypes.c_uint64]),
    "zts_net_leave": (ctypes.c_int, [ctypes.c_uint64]),
    "zts_addr_is_assigned": (ctypes.c_int, [ctypes.c_uint64, ctypes.c_uint]),
    "zts_addr_get_str": (
        ctypes.c_int,
        [ctypes.c_uint64, ctypes.c_uint, ctypes.c_char_p, ctypes.c_uint],
    ),
    "zts_socket": (ctypes.c_int, [ctypes.c_int, ctypes.c_int, ctypes.c_int]),
    "zts_bind": (ctypes.c_int, [ctypes.c_int, ctypes.c_char_p, ctypes.c_ushort]),
    "zts_listen": (ctypes.c_int, [ctypes.c_int, ctypes.c_int]),
    "zts_accept": (
        ctypes.c_int,
        [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_ushort)],
    ),
    "zts_connect": (
        ctypes.c_int,
        [ctypes.c_int, ctypes.c_char_p, ctypes.c_ushort, ctypes.c_int],
    ),
    "zts_read": (ctypes.c_ssize_t, [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]),
    "zts_write": (ctypes.c_ssize_t, [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]),
    "zts_close": (ctypes.c_int, [ctypes.c_int]),
}


class Node:
    """The one node of this process."""

    def __init__(self, library: str, home: str) -> None:
        self._zts = load(library)
        self._home = home

    def start(self, planet: str) -> None:
        """Start over the storage folder, with a planet file's bytes for roots."""
        roots = Path(planet).read_bytes()
        self._call("zts_init_from_storage", self._home.encode())
        self._call("zts_init_set_roots", roots, len(roots))
        self._call("zts_init_allow_port_mapping", 0)
        self._call("zts_node_start")

    def online(self) -> bool:
        return bool(self._zts.zts_node_is_online() == 1)

    def address(self) -> int:
        return int(self._zts.zts_node_get_id())

    def join(self, network: int) -> None:
        self._call("zts_net_join", network)

    def leave(self, network: int) -> None:
        self._call("zts_net_leave", network)

    def ip(self, network: int) -> str | None:
        """The IPv4 address the controller assigned, once there is one."""
        if self._zts.zts_addr_is_assigned(network, AF_INET) != 1:
            return None
        text = ctypes.create_string_buffer(ADDRESS_TEXT)
        self._call("zts_addr_get_str", network, AF_INET, text, ADDRESS_TEXT)
        return text.value.decode()

    def echo(self, port: int) -> None:
        """Serve TCP echo from now on."""
        listener = self._call("zts_socket", AF_INET, SOCK_STREAM, 0)
        self._call("zts_bind", listener, b"0.0.0.0", port)
        self._call("zts_listen", listener, 8)
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def exchange(self, ip: str, port: int, size: int) -> bool:
        """Send random bytes to an echo server; whether the same came back."""
        connection = self._call("zts_socket", AF_INET, SOCK_STREAM, 0)
        self._call("zts_connect", connection, ip.encode(), port, CONNECT_MS)
        sent = os.urandom(size)
        sender = threading.Thread(target=self._send, args=(connection, sent), daemon=True)
        sender.start()
        digest = self._receive(connection, size)
        sender.join()
        self._zts.zts_close(connection)
        return digest == hashlib.sha256(sent).hexdigest()

    def _serve(self, listener: int) -> None:
        while True:
            text, port = ctypes.create_string_buffer(ADDRESS_TEXT), ctypes.c_ushort()
            connection = self._zts.zts_accept(listener, text, ADDRESS_TEXT, ctypes.byref(port))
            if connection < 0:
                raise OSError(f"zts_accept returned {connection}")
            threading.Thread(target=self._reflect, args=(connection,), daemon=True).start()

    def _reflect(self, connection: int) -> None:
        buffer = ctypes.create_string_buffer(CHUNK)
        while (count := self._zts.zts_read(connection, buffer, CHUNK)) > 0:
            self._send(connection, buffer.raw[:count])
        self._zts.zts_close(connection)

    def _send(self, connection: int, data: bytes) -> None:
        while data:
            piece = data[:CHUNK]
            data = data[self._call("zts_write", connection, piece, len(piece)) :]

    def _receive(self, connection: int, size: int) -> str:
        buffer = ctypes.create_string_buffer(CHUNK)
        digest = hashlib.sha256()
        while size > 0:
            count = self._call("zts_read", connection, buffer, min(CHUNK, size))
            if count == 0:
                break
            digest.update(buffer.raw[:count])
            size -= count
        return digest.hexdigest()

    def _call(self, name: str, *arguments: Any) -> int:
        result = int(getattr(self._zts, name)(*arguments))
        if result < 0:
            raise OSError(f"{name} returned {result}")
        return result


def load(path: str) -> ctypes.CDLL:
    """The library, its functions bound lazily: it names functions of CPython 3.9 it never calls."""
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    handle = dlopen(path.encode(), os.RTLD_LAZY)
    if not handle:
        dlerror = ctypes.CDLL(None).dlerror
        dlerror.restype = ctypes.c_char_p
        raise OSError(dlerror().decode())
    library = ctypes.CDLL(path, handle=handle)
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def main() -> None:
    node = Node(*sys.argv[1:3])
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        command: Callable[..., Any] = getattr(node, name)
        try:
            answer = {"ok": command(*arguments)}
        except OSError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)
    # Its threads hold the node: an orderly stop has nothing to save that the test wants.
    os._exit(0)


if __name__ == "__main__":
    main()
