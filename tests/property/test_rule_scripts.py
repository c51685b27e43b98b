"""The compiler of rule scripts against arbitrary text (04, 13)."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from earthline.controller.objects.rules_json import normalise_rules
from earthline.controller.rules_check.frames import FrameFault, read_frame
from earthline.controller.rules_script import ScriptFault, compile_script
from earthline.controller.rules_script.definitions import RESERVED
from earthline.controller.rules_script.limits import MAX_BASE_RULES, MAX_SCRIPT
from earthline.controller.rules_script.names import CHARACTERISTICS, ETHERTYPES, IP_PROTOCOLS

ARGUMENTS = (
    *("0", "1", "-1", "0xff", "443", "80-443", "9-8", "70000", "0.5", "9" * 30, "1e9", "$a", "$"),
    *("0a1b2c3d4e", "0a:1b:2c:3d:4e", "aa-bb-cc-dd-ee-ff", "10.0.0.0/8", "fd00::/8", "10.0.0.1"),
    *("m", "m(1)", "m($a,$b)", "m()", "m(", "(", ")", "t", "c", "1x", "é", "#", "x#", ";;", "²"),
    *("inbound,tcp_syn", "multicast,64", ",", "arp", "tcp"),
)
WORDS = st.sampled_from(
    sorted({*RESERVED, "id", *ARGUMENTS, *CHARACTERISTICS, *ETHERTYPES, *IP_PROTOCOLS})
)
GAPS = st.sampled_from([" ", "\n", ";", "; ", " ; ", ";\n", "\t", "\r\n", "\x0b"])
SCRIPTS = st.lists(st.tuples(WORDS, GAPS)).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)


def outcome_of(read, text):
    """What was read, or the fault it was refused with."""
    try:
        return read(text)
    except (ScriptFault, FrameFault) as fault:
        return fault


@given(SCRIPTS | st.text())
@example("macro a include b; macro b include a; include a")
@example("macro a($x) drop dport $x; ; include a($y)")
@example("accept dport " + "9" * 5000)
@example("accept random ." + "0" * 5000)
@example("tag t id 1 enum 1 \ud800 default \ud800; accept;")
@example("drop " * 5000)
def test_any_text_compiles_or_is_refused_with_its_place(text):
    program = outcome_of(compile_script, text)
    if isinstance(program, ScriptFault):
        assert 1 <= program.line <= text.count("\n") + 1
        assert 0 <= program.column <= len(text.split("\n")[program.line - 1])
        assert len(str(program).splitlines()) == 1
        return
    assert json.loads(program.emit())["config"] == program.config
    for table in (program.config["rules"], *(c["rules"] for c in program.config["capabilities"])):
        assert len(normalise_rules(table)) == len(table)


def doubling(depth):
    macros = [f"macro m{i + 1} include m{i} include m{i} ;" for i in range(depth)]
    return " ".join(["macro m0 accept vlan 1; ;", *macros, f"include m{depth}"])


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (doubling(15), "at most 1024 rules"),
        (doubling(15).replace("accept vlan 1;", ""), "more than 4096 macros"),
        (doubling(17), "more than 16 deep"),
        ("macro a include a; include a", "includes itself"),
        ("accept vlan 1; " * (MAX_BASE_RULES + 1), "at most 1024 rules"),
        ("cap a id 1 " + "accept vlan 1; " * 33, "at most 64 rules"),
        ("#" + "x" * MAX_SCRIPT, f"more than {MAX_SCRIPT} characters"),
    ],
)
def test_script_that_grows_beyond_bounds_is_refused(script, reason):
    with pytest.raises(ScriptFault, match=reason):
        compile_script(script)


FRAME_WORDS = st.sampled_from(
    [
        *(
            "tcp",
            "udp",
            "icmp",
            "icmp6",
            "arp",
            "ip",
            "ethertype",
            "sctp",
            ">",
            "reply",
            "from",
            "to",
        ),
        *("10.1.1.1:5000", "[fd00::1]:443", "fd00::1", "10.1.1.1", "224.0.0.1", "ff02::1", "esp"),
        *("flags", "syn,ack", "none", "vlan", "7", "size", "60", "9999999999", "0x88cc", "tos"),
        *("type", "code", "02:00:00:00:00:01", "x"),
    ]
)


@given(st.lists(FRAME_WORDS).map(" ".join) | st.text())
def test_any_notation_is_a_frame_or_refused_in_one_line(text):
    frame = outcome_of(read_frame, text)
    if isinstance(frame, FrameFault):
        assert len(str(frame).splitlines()) == 1
    else:
        assert 0 <= frame.ethertype <= 0xFFFF
