"""`earthline-idtool`: the stock tool's commands (05, 5)."""

from __future__ import annotations

import json
import stat

import pytest

from earthline.cli.stock import idtool
from earthline.wire.identity import SecretIdentity
from earthline.wire.world import World, WorldKind


def run(*words):
    return idtool.run(["/usr/bin/earthline-idtool", *map(str, words)])


@pytest.fixture(scope="module")
def identity():
    return SecretIdentity.parse(run("generate").out)


def test_generate_to_files_locks_the_secret_down(tmp_path):
    secret, public = tmp_path / "id.secret", tmp_path / "id.public"
    outcome = run("generate", secret, public)
    assert outcome.out == f"{secret} written\n{public} written\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_text().startswith(public.read_text() + ":")


def test_validate(identity):
    text = identity.text
    assert run("validate", text).out == f"{text} is a valid identity\n"
    wrong = ("0" if text[0] != "0" else "1") + text[1:]
    outcome = run("validate", wrong)
    assert (outcome.status, outcome.err) == (1, f"{wrong} FAILED validation.\n")


def test_getpublic_from_a_file(identity, tmp_path):
    file = tmp_path / "identity.secret"
    file.write_text(identity.text + "\n")
    assert run("getpublic", file).out == str(identity.public)


def test_unreadable_identity(tmp_path):
    missing = tmp_path / "nothing"
    outcome = run("getpublic", missing)
    assert outcome.status == 1
    assert outcome.err == f"Identity argument invalid or file unreadable: {missing}\n"


def test_signature_of_a_file_verifies_until_it_changes(identity, tmp_path):
    file = tmp_path / "letter"
    file.write_bytes(b"hello")
    signature = run("sign", identity.text, file).out
    assert len(signature) == 192
    public = str(identity.public)
    assert run("verify", public, file, signature).out == f"{file} signature valid\n"
    kept = tmp_path / "letter.sig"
    kept.write_text(signature + "\n")
    assert run("verify", public, file, kept).status == 0
    file.write_bytes(b"hullo")
    outcome = run("verify", public, file, signature)
    assert (outcome.status, outcome.err) == (1, f"{file} signature check FAILED\n")
    assert run("verify", public, file, "no hex").status == 1


def test_signing_needs_the_private_key(identity, tmp_path):
    outcome = run("sign", str(identity.public), tmp_path / "x")
    assert outcome.status == 1
    assert "private key" in outcome.err


def test_moon_from_its_template(identity, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    definition = json.loads(run("initmoon", str(identity.public)).out)
    assert definition["id"] == f"{identity.address:010x}"
    assert list(definition) == sorted(definition)
    definition["roots"][0]["stableEndpoints"] = ["198.51.100.7/9993"]
    file = tmp_path / "moon.json"
    file.write_text(json.dumps(definition))
    outcome = run("genmoon", file)
    name = f"{identity.address:016x}.moon"
    assert outcome.out.startswith(f"wrote {name} (signed world with timestamp ")
    moon = World.parse((tmp_path / name).read_bytes())
    assert moon.kind is WorldKind.MOON
    assert moon.verify(moon.update_key)


def test_moon_from_nothing(tmp_path):
    missing = tmp_path / "moon.json"
    outcome = run("genmoon", missing)
    assert (outcome.status, outcome.err) == (1, f"cannot read {missing}\n")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([], 1),
        (["nosuch"], 1),
        (["validate"], 1),
        (["sign", "x"], 1),
        (["initmoon"], 0),
        (["genmoon"], 0),
    ],
)
def test_usage(words, status):
    outcome = run(*words)
    assert outcome.status == status
    assert outcome.out.startswith("ZeroTier One version 1.14.1\n")
