"""`earthline rules`: what a script becomes, and what it does with a frame (04, 13; 03, 6)."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from earthline.cli.control.rules import app

SCRIPT = """\
# only IP
drop
  not ethertype ipv4
  and not ethertype arp
  and not ethertype ipv6
;
tag role id 7 default client enum 1 client enum 2 printer flag 4 colour ;
tag floor id 8 enum 1 ground ;
cap admin id 50 accept ipprotocol tcp dport 22; ;
cap guest id 51 accept ipprotocol tcp dport 23; ;
macro web($port)
  accept ipprotocol tcp dport $port;
;
include web(443)
redirect 0a1b2c3d4e ipprotocol udp dport 53;
tee 128 0a1b2c3d4e ipdest 10.9.0.0/16;
accept treq role printer;
drop teq floor ground;
accept chr ipauth ipprotocol udp;
break ipprotocol tcp chr tcp_syn and not chr tcp_ack;
accept not ipprotocol icmp;
"""
ALICE = "1111111111"


@pytest.fixture
def check(tmp_path):
    file = tmp_path / "office.rules"
    file.write_text(SCRIPT)

    def run(frame, *words, script=None):
        if script is not None:
            file.write_text(script)
        argv = ["check", str(file), "--as", ALICE, "--frame", frame, "--json", *words]
        found = CliRunner().invoke(app, argv)
        assert found.exit_code == 0, found.stderr
        return json.loads(found.stdout)

    return run


def reasons(found):
    return [side["reason"] for side in found["sides"]]


WEB = "tcp 10.1.1.1:5000 > 10.1.1.2:443"
SSH = "tcp 10.1.1.1:5000 > 10.1.1.2:22"
UDP = "udp 10.1.1.1:5000 > 10.1.1.2:80"


def test_rule_of_a_macro_is_told_with_the_line_that_includes_it(check):
    found = check(WEB)
    assert found["passes"] is True
    place = "line 12 (included in line 14): accept ipprotocol tcp dport 443"
    assert reasons(found) == [f"accepted by {place}"] * 2
    assert found["sides"][0]["rule"] == {"line": 12, "column": 3, "text": "accept"}


def test_trace_tells_what_held_and_what_was_not_asked(check):
    trace = check(WEB)["sides"][0]["trace"]
    assert [(step["text"], step["outcome"]) for step in trace] == [
        ("not ethertype ipv4", "no"),
        ("not ethertype arp", "not asked"),
        ("not ethertype ipv6", "not asked"),
        ("drop", "skipped"),
        ("ipprotocol tcp", "yes"),
        ("dport 443", "yes"),
        ("accept", "decides"),
    ]


def test_drop_is_told_with_all_its_matches(check):
    matches = "not ethertype ipv4 not ethertype arp not ethertype ipv6"
    assert reasons(check("ethertype 0x88cc")) == [f"dropped by line 2: drop {matches}"] * 2


def test_capability_of_the_sender_accepts_what_the_rules_leave_open(check):
    ended = "the rules end at line 20: break ipprotocol tcp chr tcp_syn not chr tcp_ack"
    without = check(SSH)
    assert not without["passes"]
    assert reasons(without)[0] == f"dropped: {ended}, and the sender has no capability"
    other = check(SSH, "--capability", "guest")
    assert reasons(other)[0] == f"dropped: {ended}, and no capability of the sender accepts it"
    admin = check(SSH, "--capability", "admin", "--capability", "guest")
    assert admin["passes"]
    assert [side["capability"] for side in admin["sides"]] == ["admin", "admin"]
    assert "line 9 of capability admin: accept ipprotocol tcp dport 22" in reasons(admin)[0]


def test_answer_of_a_flow_passes_where_its_opening_does_not(check):
    assert not check(SSH)["passes"]
    assert check(f"{SSH} flags ack")["passes"]


def test_default_of_a_tag_holds_until_another_value_is_given(check):
    assert "treq role printer" not in reasons(check(UDP))[0]
    assert "treq role printer" in reasons(check(UDP, "--to-tag", "role=printer"))[1]
    assert "treq role printer" not in reasons(check(UDP, "--to-tag", "role=printer,colour"))[1]


def test_sender_that_lacks_a_tag_is_told_from_one_that_has_it(check):
    both = ("--tag", "floor=ground", "--to-tag", "floor=1")
    assert "drop teq floor ground" in reasons(check(UDP, *both))[0]
    # The sender cannot know the receiver's tag, and lets the next drop pass by (03, 6.5).
    one = check(UDP, "--tag", "floor=ground")["sides"][0]["trace"]
    assert {"teq floor ground": "yes", "drop": "passed"}.items() <= {
        step["text"]: step["outcome"] for step in one
    }.items()


def test_certified_address_is_authenticated(check):
    assert "chr ipauth" in reasons(check(UDP, "--owns", "10.1.1.1"))[1]
    assert "chr ipauth" not in reasons(check(UDP, "--owns", "10.1.1.3"))[1]


def test_redirect_and_copy_are_told(check):
    found = check("udp 10.1.1.1:5000 > 10.1.1.2:53")
    assert found["sides"][0]["redirectedTo"] == "0a1b2c3d4e"
    assert reasons(found)[0].startswith("redirected to 0a1b2c3d4e by line 15: redirect 0a1b2c3d4e")
    copied = check("udp 10.1.1.1:5000 > 10.9.1.2:80 size 200")["sides"][0]
    assert copied["copies"] == [{"to": "0a1b2c3d4e", "length": 128, "watch": False}]


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        ("tcp [fd00::1]:1 > [fd00::2]:443", "ethertype ipv6 ipdest fd00::2/128 dport 443"),
        ("icmp 10.1.1.1 > 10.1.1.2", "icmp 8 0"),
        ("icmp 10.1.1.1 > 10.1.1.2 type 3 code 4", "icmp 3 4"),
        ("icmp6 fe80::1 > fd00::2 type 135", "icmp 135 0 chr ipauth"),
        ("arp 10.1.1.1 > 10.1.1.2", "ethertype arp chr broadcast framesize 28"),
        ("arp 10.1.1.1 > 10.1.1.2 reply", "ethertype arp not chr multicast"),
        ("udp 10.1.1.1:5353 > 224.0.0.251:5353", "macdest 01005e0000fb not chr broadcast"),
        ("udp 10.1.1.1:68 > 255.255.255.255:67", "chr broadcast"),
        ("udp [fe80::1]:1 > [ff02::fb]:2", "macdest 3333000000fb"),
        ("ip esp 10.1.1.1 > 10.1.1.2 tos 0x10", "ipprotocol 50 iptos 0xff 16"),
        ("ip esp fd00::1 > fd00::2 tos 0x10", "ipprotocol 50 iptos 0xff 16"),
        ("tcp 10.1.1.1:1 > 10.1.1.2:2 flags psh,ack,ns", "chr tcp_ns not chr tcp_syn,tcp_fin"),
        ("tcp 10.1.1.1:1 > 10.1.1.2:2 flags none", "not chr 0,1,2,3,4,5,6,7,8,9,10,11"),
        ("tcp 10.1.1.1:1 > 10.1.1.2:2 vlan 7", "ethertype 0x8100 framesize 44"),
        ("sctp 10.1.1.1:1 > 10.1.1.2:2 size 99", "ipprotocol sctp sport 1 framesize 99"),
        ("udplite 10.1.1.1:1 > 10.1.1.2:2", "ipprotocol udplite dport 2"),
        ("ethertype wol from 020000000001 to 02:00:00:00:00:02", "macsrc 020000000001"),
    ],
)
def test_frame_is_what_its_notation_says(check, frame, match):
    assert check(frame, script=f"accept {match};")["passes"]


@pytest.mark.parametrize("frame", ["arp 10.1.1.1 > 10.1.1.2", "icmp6 fd00::1 > fd00::2 type 135"])
def test_neighbour_is_told_of_by_who_owns_its_address(check, frame):
    script = "accept chr ipauth;"
    assert check(frame, "--owns", "10.1.1.1", "--owns", "fd00::1", script=script)["passes"]
    assert not check(frame, "--owns", "10.1.1.3", "--owns", "fd00::3", script=script)["passes"]


def test_solicitation_is_refused_by_a_rule_that_stock_nodes_never_reach(check):
    found = check("icmp6 fd00::1 > fd00::2 type 135", script="drop not chr ipauth; accept;")
    assert not found["passes"]
    assert reasons(found)[0].startswith("dropped by line 1: drop not chr ipauth")


def test_what_is_in_a_tag_is_refused_by_the_rules_about_it(check):
    found = check(f"{SSH} vlan 0", script="drop ipprotocol tcp dport 22;\naccept;")
    assert not found["passes"]
    said = "dropped by line 1: drop ipprotocol tcp dport 22 (judged as its host may take it)"
    assert reasons(found) == [said, said]
    assert check(f"{WEB} vlan 0", script="drop ipprotocol tcp dport 22;\naccept;")["passes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--frame", "xyz"], "a frame begins with one of tcp, udp"),
        (["--frame", "tcp 10.1.1.1"], "'tcp 10.1.1.1:5000 > 10.1.1.2:443'"),
        (["--frame", "tcp 10.1.1.1 > 10.1.1.2"], "has no port"),
        (["--frame", "tcp fd00::1:5 > fd00::2:6"], "brackets"),
        (["--frame", "tcp 10.1.1.1:5 > [fd00::2]:6"], "not of the same IP version"),
        (["--frame", "icmp6 10.1.1.1 > 10.1.1.2"], "icmp6 is of IPv6"),
        (["--frame", "arp fd00::1 > fd00::2"], "arp is of IPv4"),
        (["--frame", "udp 10.1.1.1:5 > 10.1.1.2:6 size 10"], "the headers alone have 28"),
        (["--frame", "udp 10.1.1.1:5 > 10.1.1.2:6 speed 10"], "options are code"),
        (["--frame", "udp 10.1.1.1:5 > 10.1.1.2:99999"], "from 0 to 65535"),
        (["--frame", UDP, "--tag", "colour=1"], "the script has no tag 'colour'"),
        (["--frame", UDP, "--tag", "role=king"], "it has client, printer, colour, numbers"),
        (["--frame", UDP, "--capability", "root"], "the script has admin, guest"),
        (["--frame", UDP, "--owns", "here"], "neither an IP nor a MAC"),
        (["--frame", UDP, "--to", "bob"], "10 hexadecimal digits"),
        (["--frame", UDP, "--members", "/nonexistent"], "cannot read /nonexistent"),
        (["--frame", UDP, "--expect", "maybe"], "--expect accept or drop"),
        (["--frame", "ethertype 1", "--expect", "accept"], "is dropped, and it should be accepted"),
    ],
)
def test_what_makes_no_sense_is_answered_in_one_line(tmp_path, words, said):
    file = tmp_path / "office.rules"
    file.write_text(SCRIPT)
    found = CliRunner().invoke(app, ["check", str(file), "--as", ALICE, *words])
    assert found.exit_code == 1
    (line,) = found.stderr.splitlines()
    assert said in line


def test_members_are_taken_from_a_file(check, tmp_path):
    members = tmp_path / "members.json"
    members.write_text(
        json.dumps(
            {
                ALICE: {"address": "2222222222", "capabilities": ["admin"], "owns": ["10.1.1.1"]},
                "bob": {"address": "3333333333", "tags": {"role": "printer"}},
            }
        )
    )
    found = check(UDP, "--members", str(members), "--to", "bob")
    assert (found["from"], found["to"]) == ("2222222222", "3333333333")
    assert "treq role printer" in reasons(found)[0]
    assert check(SSH, "--members", str(members))["passes"]
    assert not check(SSH, "--members", str(members), "--capability", "admin=off")["passes"]


def test_people_are_told_line_by_line(tmp_path):
    file = tmp_path / "office.rules"
    file.write_text(SCRIPT)
    found = CliRunner().invoke(app, ["check", str(file), "--as", ALICE, "--frame", WEB])
    assert found.exit_code == 0
    assert "1111111111 sends it: accepted by line 12" in found.stdout
    assert "receives it: accepted by line 12" in found.stdout
    assert "decides" in found.stdout


def test_script_is_refused_with_its_place(tmp_path):
    file = tmp_path / "bad.rules"
    file.write_text("accept\n  foo 1;\n")
    found = CliRunner().invoke(app, ["check", str(file), "--as", ALICE, "--frame", WEB])
    assert found.exit_code == 1
    assert found.stderr.startswith(f"earthline: {file} line 2 column 3: unknown match 'foo'")
