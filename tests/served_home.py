"""A home folder whose service is a handler of a few lines, for tests of the command line."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN = "0123456789abcdefghijklmn"


class Service(http.server.BaseHTTPRequestHandler):
    """Says nothing of what it is asked; a test says what it answers."""

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(home: Path, service: type[Service], token: str = TOKEN) -> Iterator[Path]:
    """The folder, with the port and the token of the service in it, while that answers."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), service) as server:
        (home / "zerotier-one.port").write_text(str(server.server_address[1]))
        (home / "authtoken.secret").write_text(token)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield home
        finally:
            server.shutdown()
            serving.join()
