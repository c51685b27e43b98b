"""Commands where the service of the home is ZeroTier One: its recorded answers, over real HTTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from beside_stock import NAMED, REFUSED, WORKING

from earthline.lab.service import script
from served_home import TOKEN, Service, served

RECORDED = Path(__file__).parents[2] / "boundary" / "data" / "service-api"


def answer(name: str) -> tuple[int, bytes]:
    recorded = json.loads((RECORDED / f"{name}.json").read_text())
    return recorded["status"], recorded["responseText"].encode()


ANSWERS = {
    ("GET", "/health"): answer("009-health"),
    ("GET", "/status"): answer("002-status-online"),
    ("GET", "/peer"): answer("020-peer-list"),
    ("GET", "/network"): answer("304-network-list-after-join"),
    ("GET", "/moon"): answer("070-moon-list-empty"),
    ("POST", "/network/1122334455000001"): answer("302-join-unknown-network-id"),
    ("DELETE", "/network/1122334455000001"): answer("032-network-delete-not-joined"),
}
UNKNOWN = answer("011-unknown-path")


class Stock(Service):
    asked: list[tuple[str, str]]

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path))
        known = self.path == "/health" or self.headers.get("X-ZT1-Auth") == TOKEN
        status, body = ANSWERS.get((self.command, self.path), UNKNOWN) if known else (401, b"{}")
        self.answer(status, body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names


@pytest.fixture
def stock(tmp_path) -> Iterator[Path]:
    """The home folder of a service that gives recorded answers."""
    Stock.asked = []
    with served(tmp_path, Stock) as home:
        yield home


def run(home: Path, words: str) -> subprocess.CompletedProcess[str]:
    argv = [script("earthline"), "--home", str(home), *words.split()]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("words", WORKING)
def test_what_stock_can_do_is_done(stock, words):
    found = run(stock, words)
    assert (found.returncode, found.stderr) == (0, "")
    assert WORKING[words] in found.stdout


@pytest.mark.parametrize("words", REFUSED)
def test_what_only_we_can_do_is_refused_in_a_line_that_names_who_runs(stock, words):
    found = run(stock, words)
    assert (found.returncode, found.stdout) == (1, "")
    (line,) = found.stderr.splitlines()
    assert f"{NAMED}{stock}" in line


def test_settings_of_a_stock_service_are_not_touched(stock):
    run(stock, "tcp-relay on")
    assert [path for method, path in Stock.asked if method != "GET"] == []


def test_peers_of_a_stock_service_are_told_by_its_own_paths(stock):
    rows = [line.split() for line in run(stock, "peers").stdout.splitlines()]
    assert rows[1][5] == "direct"


def test_doctor_looks_from_outside(stock):
    findings = json.loads(run(stock, "doctor --json").stdout)["findings"]
    assert any("ZeroTier One 1.14.1 runs on" in found["seen"] for found in findings)
    assert "service_not_running" not in {found["id"] for found in findings}


def test_planet_is_not_written_into_the_home_of_a_stock_service(stock, tmp_path):
    file = tmp_path / "some-planet"
    file.write_bytes(bytes(100))
    assert NAMED in run(stock, f"planet install {file}").stderr
    assert not (stock / "planet").exists()
