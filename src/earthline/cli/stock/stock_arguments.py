"""The stock client's command line, and where it finds the service (05, 6.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from earthline import STOCK_VERSION
from earthline.cli.common.client import Client, read_token, stock_home
from earthline.runtime.home.running import read_port

USAGE = f"""\
Earthline command line client, compatible with ZeroTier One {STOCK_VERSION}
Usage: {{program}} [-switches] <command/path> [<args>]

Available switches:
  -h                      - Display this help
  -v                      - Show version
  -j                      - Display full raw JSON output
  -D<path>                - Home folder, where port and token are found
  -p<port>                - Port of the local API (default: from the home folder)
  -T<token>               - Token of the local API (default: from the home folder)

Available commands:
  info                    - Display status info
  listpeers               - List all peers
  peers                   - List all peers (prettier)
  listnetworks            - List all networks
  join <network ID>       - Join a network
  leave <network ID>      - Leave a network
  set <network ID> <setting>=<value> - Set a network setting
  get <network ID> <setting>         - Get a network setting
  listmoons               - List moons (federated root sets)
  orbit <world ID> <seed> - Join a moon via any member root
  deorbit <world ID>      - Leave a moon
  bond list               - List peers with bonded links
  dump                    - Write all that is known of this node into a file
  help                    - Display this help

Settings: allowManaged, allowGlobal, allowDefault, allowDNS
"""


class Finish(Exception):
    """End the program: what to print, where, and the exit status."""

    def __init__(self, status: int, out: str = "", err: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.out = out
        self.err = err


@dataclass(slots=True)
class Arguments:
    """The command line, parsed."""

    program: str
    command: str = ""
    first: str = ""
    last: str = ""
    json: bool = False
    home: Path = field(default_factory=stock_home)
    port: int | None = None
    host: str = "127.0.0.1"
    token: str | None = None

    @property
    def usage(self) -> str:
        return USAGE.format(program=self.program)


def parse_arguments(argv: list[str]) -> Arguments:
    """Switches anywhere; command, first and last argument by place. Raises `Finish`.

    The value of a switch is glued to it as at the stock client, or is the next argument.
    """
    arguments = Arguments(Path(argv[0]).name)
    positional: list[str] = []
    rest = argv[1:]
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-") or argument == "-":
            positional.append(argument)
            continue
        letter, value = argument[1], argument[2:]
        if letter in "DHTp" and not value and rest and not rest[0].startswith("-"):
            value = rest.pop(0)
        _switch(arguments, letter, value)
    if positional:
        arguments.command = positional[0]
        arguments.first = positional[1] if len(positional) > 1 else ""
        arguments.last = positional[-1] if len(positional) > 2 else ""
    return arguments


def _switch(arguments: Arguments, letter: str, value: str) -> None:
    if (letter in "jvq" and value) or (letter in "DHT" and not value):
        raise Finish(1, arguments.usage)
    match letter:
        case "j":
            arguments.json = True
        case "q":
            pass
        case "v":
            raise Finish(0, f"{STOCK_VERSION}\n")
        case "D":
            arguments.home = Path(value)
        case "H":
            arguments.host = value
        case "T":
            arguments.token = value
        case "p":
            if not (value.isascii() and value.isdigit() and 0 < int(value) <= 0xFFFF):
                raise Finish(1, arguments.usage)
            arguments.port = int(value)
        case _:
            raise Finish(0, arguments.usage)


def make_client(arguments: Arguments) -> Client:
    """Port and token, looked up before the command is even looked at. Raises `Finish`."""
    home = arguments.home
    port = arguments.port or read_port(home)
    if port is None:
        raise Finish(
            2, err=f"{arguments.program}: missing port and zerotier-one.port not found in {home}\n"
        )
    token = arguments.token or read_token(home)
    if token is None:
        raise Finish(
            2,
            err=f"{arguments.program}: authtoken.secret not found or readable in {home} "
            "(try again as root)\n",
        )
    return Client(port, token, arguments.host, home)
