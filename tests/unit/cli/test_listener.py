"""The token goes to the service and to nobody else, whoever holds its port."""

from __future__ import annotations

import contextlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from earthline.cli.common.client import Client, NoService, NotTheService, read_token
from earthline.cli.stock import stock
from earthline.runtime.host import tcp_table
from earthline.runtime.host.tcp_table import callers, listeners

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")

STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
taken = socket.socket()
taken.bind(("127.0.0.1", 0)); taken.listen()
print(taken.getsockname()[1], flush=True)
caller, _ = taken.accept()
print(caller.recv(4096).decode(), flush=True)
"""


@contextmanager
def stranger() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A program of another user at a port of its own, and what it was told."""
    argv = [sys.executable, "-IS", "-c", STRANGER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield int(child.stdout.readline()), child
        finally:
            child.kill()


@contextmanager
def listening(family: socket.AddressFamily, host: str) -> Iterator[int]:
    with socket.socket(family) as bound:
        bound.bind((host, 0))
        bound.listen()
        yield bound.getsockname()[1]


@needs_root
def test_token_is_not_told_to_whoever_holds_the_port_of_a_service_that_is_down(tmp_path) -> None:
    with stranger() as (port, child):
        with pytest.raises(NotTheService, match=f"user {NOBODY} listens on port {port}"):
            Client(port, "the-token", home=tmp_path).request("GET", "/status")
        assert child.stdout.readline().strip() == ""


@needs_root
def test_stock_client_names_the_stranger_in_one_line(tmp_path) -> None:
    with stranger() as (port, child):
        outcome = stock.run(["zerotier-cli", f"-D{tmp_path}", f"-p{port}", "-Tsecret", "info"])
        assert (outcome.status, outcome.out) == (1, "")
        assert outcome.err.count("\n") == 1
        assert f"user {NOBODY}" in outcome.err
        assert "secret" not in child.stdout.readline()


@needs_root
def test_owner_of_the_home_folder_may_run_its_service(tmp_path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    with stranger() as (port, child):
        ours = threading.Thread(target=_ask, args=(Client(port, "the-token", home=tmp_path),))
        ours.start()
        assert "GET /status" in child.stdout.readline()
        child.kill()
        ours.join()


def _ask(client: Client) -> None:
    with contextlib.suppress(NoService):  # it is told the token, and answers nothing
        client.request("GET", "/status")


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["X-ZT1-Auth"].encode())

    def log_message(self, *_: object) -> None:
        pass


def test_own_service_gets_the_token(tmp_path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.handle_request).start()
        answer = Client(server.server_port, "the-token", home=tmp_path).request("GET", "/status")
    assert answer.text == "the-token"


@pytest.mark.parametrize(
    ("family", "bound_to", "asked"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0", "127.0.0.1"),
        (socket.AF_INET6, "::", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "::1"),
    ],
)
def test_listener_is_found_however_it_is_bound(family, bound_to, asked) -> None:
    with listening(family, bound_to) as port:
        assert listeners(asked, port) == {os.geteuid()}


def test_callers_of_a_port_are_told_apart_by_their_user() -> None:
    with (
        listening(socket.AF_INET, "127.0.0.1") as port,
        listening(socket.AF_INET6, "::1") as other,
        socket.create_connection(("127.0.0.1", port)) as ours,
        socket.create_connection(("::1", other)) as theirs,
    ):
        assert callers(port) == {ours.getsockname(): os.geteuid()}
        assert callers(other) == {theirs.getsockname()[:2]: os.geteuid()}


def test_other_machines_are_the_users_own_choice() -> None:
    assert listeners("192.0.2.1", 9993) is None


def test_kernel_that_tells_nothing_gets_no_token_sent(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tcp_table, "TABLES", tmp_path)
    with (
        listening(socket.AF_INET, "127.0.0.1") as port,
        pytest.raises(NotTheService, match="cannot find out who listens"),
    ):
        Client(port, "the-token", home=tmp_path).request("GET", "/status")


@needs_root
def test_token_is_not_read_by_a_link_of_another_user(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    secret = tmp_path / "of-root-alone"
    secret.write_text("precious")
    home = tmp_path / "home"
    home.mkdir()
    (home / "authtoken.secret").symlink_to(secret)
    os.lchown(home / "authtoken.secret", NOBODY, NOBODY)
    assert read_token(home) is None
