"""`earthline-cli` against recorded runs of the stock client (05, 6)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earthline.cli.common.client import Answer, Client, NoService
from earthline.cli.stock import stock

CASES = json.loads(
    (Path(__file__).parents[2] / "boundary" / "data" / "cli-cases.json").read_text()
)["cases"]
RECORDED = {tuple(case["args"]): case["stdout"] for case in CASES}
STATUS = json.loads(RECORDED["-j", "info"])
PEERS = json.loads(RECORDED["-j", "listpeers"])
NETWORKS = json.loads(RECORDED["-j", "listnetworks"])
JOINED = "b48062de761ca497"
NOBODY = "1111111111111111"
SENT_AT = 1795339981553
"""Of the recorded peer's preferred path."""
NOW = {"listpeers": SENT_AT + 639, "peers": SENT_AT + 652}


def respond(client, method, path, body=None):
    """The stock API's answers at the time of recording."""
    if client.port == 9:
        raise NoService("connection refused")
    if client.token == "bad":
        return Answer(401, b"{}")
    match method, path:
        case "GET", "/status":
            found = STATUS
        case "GET", "/peer":
            found = PEERS
        case "GET", "/network":
            found = NETWORKS
        case "GET", "/moon":
            found = []
        case "GET", "/health":
            return Answer(200, RECORDED[("/health",)].encode())
        case "POST", _ if path == f"/network/{JOINED}":
            found = {**NETWORKS[1], **body}
        case "DELETE", _ if path == f"/network/{NOBODY}":
            found = {}
        case "POST", "/moon/0a1b2c3d4e":
            assert body == {"seed": "0a1b2c3d4e"}
            found = {}
        case "DELETE", "/moon/0a1b2c3d4e":
            found = {"result": True}
        case _, _ if path.startswith("/bond/"):
            return Answer(400, b"{}")
        case _:
            return Answer(404, b"")
    return Answer(200, json.dumps(found, separators=(",", ":"), sort_keys=True).encode())


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "authtoken.secret").write_text("token\n")
    (tmp_path / "zerotier-one.port").write_text("9993")
    monkeypatch.setattr(Client, "request", respond)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=[" ".join(case["args"]) for case in CASES])
def test_recorded_run_is_repeated_to_the_letter(case, home, monkeypatch):
    monkeypatch.setattr(stock, "_now_ms", lambda: NOW.get(case["args"][0], SENT_AT))
    outcome = stock.run(["/usr/sbin/zerotier-cli", f"-D{home}", *case["args"]])
    assert (outcome.status, outcome.out, outcome.err) == (
        case["exit"],
        case["stdout"],
        case["stderr"],
    )


def run(home, *words):
    return stock.run(["earthline-cli", f"-D{home}", *words])


@pytest.mark.parametrize("words", [["-h"], ["-?"], ["-x"], ["help"]])
def test_help_is_on_standard_output(home, words):
    outcome = run(home, *words)
    assert (outcome.status, outcome.err) == (0, "")
    assert "listnetworks" in outcome.out


@pytest.mark.parametrize("words", [[], ["nosuch"]])
def test_unknown_command_is_answered_on_standard_error_with_status_0(home, words):
    outcome = run(home, *words)
    assert (outcome.status, outcome.out) == (0, "")
    assert "Usage" in outcome.err


@pytest.mark.parametrize("words", [["-jx"], ["-vx"], ["-p0"], ["-p65536"], ["-px"], ["-T"]])
def test_bad_switch_is_usage_and_status_1(home, words):
    outcome = run(home, "info", *words)
    assert outcome.status == 1
    assert "Usage" in outcome.out


def test_value_of_a_switch_may_stand_apart(home):
    outcome = stock.run(["earthline-cli", "-D", str(home), "-p", "9", "join", JOINED])
    assert outcome.out == "0 join connection failed\n"


def test_switches_may_stand_anywhere(home):
    assert run(home, "info", "-j").out == RECORDED["-j", "info"]


def test_unreachable_peer_has_no_path(home, monkeypatch):
    lost = {**PEERS[0], "paths": [], "latency": -1, "versionMajor": -1, "role": "LEAF"}
    monkeypatch.setitem(globals(), "PEERS", [lost])
    assert run(home, "listpeers").out.splitlines()[1] == "200 listpeers b48062de76 - -1 - LEAF"
    assert run(home, "peers").out.splitlines()[2] == "b48062de76 -      LEAF      -1 RELAY"


def test_login_is_shown_under_its_network(home, monkeypatch):
    locked = {
        **NETWORKS[0],
        "status": "AUTHENTICATION_REQUIRED",
        "authenticationURL": "https://login.example/x",
    }
    monkeypatch.setitem(globals(), "NETWORKS", [locked])
    last = run(home, "listnetworks").out.splitlines()[-1]
    assert last == "    AUTH EXPIRED, URL: https://login.example/x"


HOSTILE = "office\n200 listnetworks 1111111111111111\x1b]52;c;aGk=\x07\x9b31m\u202e"


def hostile(value):
    """The same, with every text hostile that anybody else has a part in."""
    if isinstance(value, dict):
        return {key: item if key == "id" else hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return f"{value}{HOSTILE}" if isinstance(value, str) else value


@pytest.mark.parametrize(
    "words",
    [
        ["info"],
        ["peers"],
        ["listpeers"],
        ["listnetworks"],
        ["listbonds"],
        ["listmoons"],
        ["get", JOINED, "name"],
        ["get", JOINED, "ip"],
        ["join", JOINED],
        ["/network"],
        ["-j", "listnetworks"],
        ["-j", "peers"],
        ["leave", "2222222222222222"],
    ],
    ids=" ".join,
)
def test_what_others_name_forges_no_line_and_steers_no_terminal(words, home, monkeypatch, capsys):
    def answer(_client, _method, path, _body=None):
        if path.endswith("2222222222222222"):
            return Answer(500, HOSTILE.encode())
        found = {"/status": STATUS, "/peer": PEERS, "/network": NETWORKS}.get(path, [STATUS])
        found = [{**item, "id": JOINED} for item in found] if path == "/network" else found
        return Answer(200, json.dumps(hostile(found), ensure_ascii=False).encode())

    monkeypatch.setattr(Client, "request", answer)
    monkeypatch.setattr("sys.argv", ["zerotier-cli", f"-D{home}", *words])
    with pytest.raises(SystemExit):
        stock.main()
    shown = capsys.readouterr().out
    assert shown
    assert all(character.isprintable() or character in "\n\t" for character in shown), shown
    assert "\n200 listnetworks 1111111111111111" not in shown
