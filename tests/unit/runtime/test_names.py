"""Which domains of a controller are given to the host's resolver."""

from __future__ import annotations

import asyncio

import pytest

from earthline.runtime.host.names import RESOLVECTL, LinkNames, NamesRefused, set_names
from earthline.wire.inet import InetAddress

SERVER = InetAddress(bytes([10, 7, 0, 1]), 53)


@pytest.fixture
def said(tmp_path, monkeypatch):
    """The words that a stand-in for resolvectl was called with, a line for each call."""
    log, program = tmp_path / "said", tmp_path / RESOLVECTL
    log.touch()
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return lambda: log.read_text().splitlines()


@pytest.mark.parametrize("domain", ["home", "lan.example.org", "_tcp.example", "a.b.", "xn--p1ai"])
def test_domain_is_given_to_the_resolver(domain, said):
    asyncio.run(set_names("zt0", LinkNames(domain, (SERVER,))))
    assert said() == ["dns zt0 10.7.0.1", f"domain zt0 {domain}", "default-route zt0 no"]


@pytest.mark.parametrize(
    "domain",
    ["", ".", "~", "~.", "~home", "-h", "--help", "a b", "a\nb", "a..b", "é", "a\x1b[2J", "a" * 64],
)
def test_domain_that_would_catch_other_names_is_refused(domain, said):
    with pytest.raises(NamesRefused, match="the domain that the controller names"):
        asyncio.run(set_names("zt0", LinkNames(domain, (SERVER,))))
    assert said() == []
