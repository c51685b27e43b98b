"""``earthline-idtool``: identities and moons, with the stock tool's commands and texts (05, 5)."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

from earthline import STOCK_VERSION
from earthline.clean import escape
from earthline.root.planet import (
    DefinitionFault,
    SigningKey,
    WorldDefinition,
    define_moon,
    world_file,
)
from earthline.wire.identity import Identity, SecretIdentity

USAGE = """\
ZeroTier One version {version}
Earthline identity tool
Usage: {program} <command> [<args>]

Commands:
  generate [<identity.secret>] [<identity.public>] [<vanity>]
  validate <identity.secret/public>
  getpublic <identity.secret>
  sign <identity.secret> <file>
  verify <identity.secret/public> <file> <signature>
  initmoon <identity.public of first seed>
  genmoon <moon json>
"""
MAX_VANITY = 10


class Finish(Exception):
    """End the program: exit status, standard output, standard error."""

    def __init__(self, status: int, out: str = "", err: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.out = out
        self.err = err


def usage(program: str) -> str:
    """What stands where something is missing."""
    return USAGE.format(version=STOCK_VERSION, program=Path(program).name)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        raise Finish(1, err=f"{path} is not readable\n") from None


def _text_of(argument: str) -> str:
    """An identity is given as itself, or as the name of a file that holds it."""
    if len(argument) > 32 and argument[10:11] == ":":
        return argument
    try:
        return Path(argument).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _identity(argument: str) -> Identity:
    try:
        return Identity.parse(_text_of(argument))
    except ValueError:
        fault = f"Identity argument invalid or file unreadable: {argument}\n"
        raise Finish(1, err=fault) from None


def _secret_identity(argument: str) -> SecretIdentity:
    try:
        return SecretIdentity.parse(_text_of(argument))
    except ValueError:
        identity = _identity(argument)
        fault = (
            f"{identity.address:010x} does not contain a private key (must use private to sign)\n"
        )
        raise Finish(1, err=fault) from None


# --- commands -------------------------------------------------------------------------------------


def generate(arguments: list[str]) -> str:
    """A new identity: to standard output, or to files, the secret one for its owner alone."""
    secret_file, public_file, vanity = (*arguments, "", "", "")[:3]
    identity = _search(vanity.lower())
    if not secret_file:
        return identity.text
    wrote = [_write(secret_file, identity.text, private=True)]
    if public_file:
        wrote.append(_write(public_file, str(identity.public), private=False))
    return "".join(wrote)


def _search(vanity: str) -> SecretIdentity:
    if len(vanity) > MAX_VANITY or any(digit not in "0123456789abcdef" for digit in vanity):
        raise Finish(1, err=f"vanity {vanity} is not at most 10 hexadecimal digits\n")
    while True:
        identity = SecretIdentity.generate(secrets.token_bytes(32), os.cpu_count() or 1)
        if f"{identity.address:010x}".startswith(vanity):
            return identity
        sys.stderr.write(f"vanity address: not {identity.address:010x}\n")


def _write(name: str, text: str, *, private: bool) -> str:
    mode = 0o600 if private else 0o644
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        raise Finish(1, err=f"Error writing to {name}\n") from None
    return f"{name} written\n"


def validate(arguments: list[str]) -> str:
    """Whether the address belongs to the key."""
    argument = arguments[0]
    if not _identity(argument).locally_valid():
        raise Finish(1, err=f"{argument} FAILED validation.\n")
    return f"{argument} is a valid identity\n"


def getpublic(arguments: list[str]) -> str:
    """The public part."""
    return str(_identity(arguments[0]))


def sign(arguments: list[str]) -> str:
    """The signature of a file's content, in hex."""
    identity = _secret_identity(arguments[0])
    return identity.sign(_read(arguments[1])).hex()


def verify(arguments: list[str]) -> str:
    """Check a signature, given in hex or as the name of a file that holds hex."""
    argument, file, signature = arguments[:3]
    identity = _identity(argument)
    content = _read(file)
    if not identity.verify(content, _signature(signature)):
        raise Finish(1, err=f"{file} signature check FAILED\n")
    return f"{file} signature valid\n"


def _signature(argument: str) -> bytes:
    """The bytes; empty, which never verifies, if it is no hex."""
    with contextlib.suppress(ValueError):
        return bytes.fromhex(argument)
    with contextlib.suppress(ValueError, OSError):
        return bytes.fromhex(Path(argument).read_text("ascii").strip())
    return b""


def initmoon(arguments: list[str]) -> str:
    """A moon's definition, to be completed by hand."""
    try:
        identity = Identity.parse(_text_of(arguments[0]))
    except ValueError:
        raise Finish(1, err=f"{arguments[0]} is not a valid identity\n") from None
    definition = define_moon(identity, SigningKey.generate(secrets.token_bytes))
    return definition.emit() + "\n"


def genmoon(arguments: list[str]) -> str:
    """The signed world of a definition, into the current folder."""
    file = arguments[0]
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Finish(1, err=f"cannot read {file}\n") from None
    try:
        definition = WorldDefinition.parse(text, file)
    except DefinitionFault as fault:
        raise Finish(1, err=f"{fault}\n") from None
    world = definition.issue(time.time_ns() // 1_000_000)
    name = world_file(definition)
    Path(name).write_bytes(world.emit())
    return f"wrote {name} (signed world with timestamp {world.timestamp})\n"


COMMANDS: dict[str, tuple[Callable[[list[str]], str], int, int]] = {
    "generate": (generate, 0, 1),
    "validate": (validate, 1, 1),
    "getpublic": (getpublic, 1, 1),
    "sign": (sign, 2, 1),
    "verify": (verify, 3, 1),
    "initmoon": (initmoon, 1, 0),
    "genmoon": (genmoon, 1, 0),
}
"""Command: what does it, how many arguments it needs, and the exit status if any is missing."""


def run(argv: list[str]) -> Finish:
    """What the program says and how it ends."""
    command = COMMANDS.get(argv[1]) if len(argv) > 1 else None
    if command is None:
        return Finish(1, usage(argv[0]))
    action, needed, status = command
    if len(argv) - 2 < needed:
        return Finish(status, usage(argv[0]))
    try:
        return Finish(0, action(argv[2:]))
    except Finish as outcome:
        return outcome


def main() -> None:
    """Run the command that the command line names."""
    outcome = run(sys.argv)
    sys.stdout.write(escape(outcome.out))
    sys.stderr.write(escape(outcome.err))
    sys.exit(outcome.status)
