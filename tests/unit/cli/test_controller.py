"""``earthline controller import`` out of a folder of somebody who means ill: one line, no more."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earthline.cli.app import app
from earthline.cli.common.output import Session

NETWORK = {"id": "b48062de76000001", "nwid": "b48062de76000001", "name": "office"}


@pytest.fixture
def stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of a stock controller."""
    monkeypatch.setattr(Session, "given", None)
    vars(Session).pop("home", None)  # of the command line before
    networks = tmp_path / "stock" / "controller.d" / "network"
    networks.mkdir(parents=True)
    (networks / "b48062de76000001.json").write_text(json.dumps(NETWORK))
    yield tmp_path / "stock"
    vars(Session).pop("home", None)


def import_from(folder: Path, *more: str) -> tuple[int, str]:
    home = folder.parent / "home"
    words = ["--home", str(home), "controller", "import", str(folder), *more]
    found = CliRunner().invoke(app, words)
    return found.exit_code, found.output


def test_networks_and_what_makes_it_the_same_node_come_along(stock: Path) -> None:
    (stock / "planet").write_bytes(b"a planet")
    (stock / "networks.d").mkdir()
    (stock / "networks.d" / "1122334455667788.conf").write_text("")
    assert import_from(stock) == (0, "1 networks, 0 members\n")
    home = stock.parent / "home"
    assert (home / "planet").read_bytes() == b"a planet"
    assert (home / "networks.d" / "1122334455667788.conf").exists()


@pytest.mark.parametrize("name", ["identity.secret", "planet", "networks.d", "peers.d/1.peer"])
def test_link_is_not_followed_and_nothing_imported(stock: Path, name: str) -> None:
    secret = stock.parent / "secret"
    secret.mkdir()
    (secret / "file").write_text("of root")
    place = stock / name
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(secret if name == "networks.d" else secret / "file")
    status, said = import_from(stock)
    assert status == 1
    assert said == f"earthline: {place}: a symbolic link: not followed\n"
    assert not (stock.parent / "home").exists()


def test_pipe_is_not_waited_for(stock: Path) -> None:
    os.mkfifo(stock / "identity.secret")
    status, said = import_from(stock)
    assert (status, said.count("\n")) == (1, 1)
    assert "no regular file" in said


def test_names_that_are_not_there_are_named(stock: Path) -> None:
    status, said = import_from(stock, "--names", str(stock / "nowhere"))
    assert status == 1
    assert said == f"earthline: {stock / 'nowhere'}: No such file or directory\n"
