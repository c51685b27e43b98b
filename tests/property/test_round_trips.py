"""What we write, we read: values of every message and credential survive the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_values import (
    CREDENTIALS,
    MESSAGES,
    addresses,
    identities,
    inets,
    macs,
    rules,
    several,
    u8,
    u16,
    u64,
)

from earthline import _native
from earthline.wire.address import (
    format_address,
    format_network,
    is_reserved,
    parse_address,
    parse_network,
)
from earthline.wire.dictionary import Dictionary
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.mac import address_of, format_mac, mac_of, parse_mac
from earthline.wire.messages.hello import Hello
from earthline.wire.packet import HEADER_LENGTH, Header, build
from earthline.wire.reader import Malformed, Reader
from earthline.wire.rules import emit_rules, parse_rules

messages = pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
credentials = pytest.mark.parametrize("kind", CREDENTIALS, ids=lambda kind: kind.__name__)
entries = st.tuples(
    st.text(st.characters(codec="ascii", exclude_characters="\0\r\n="), min_size=1),
    st.binary(max_size=40),
)


@messages
@given(data=st.data())
def test_messages_survive_the_wire(kind, data):
    message = data.draw(MESSAGES[kind])
    assert kind.parse(message.emit()) == message


@messages
@given(data=st.data())
def test_cut_messages_never_break_a_parser(kind, data):
    emitted = data.draw(MESSAGES[kind]).emit()
    cut = emitted[: data.draw(st.integers(0, len(emitted)))]
    try:
        kind.parse(cut)
    except Malformed:
        assert cut != emitted


@credentials
@given(data=st.data())
def test_credentials_survive_the_wire_and_are_read_to_their_end(kind, data):
    credential = data.draw(CREDENTIALS[kind])
    reader = Reader(credential.emit() + b"what follows")
    assert kind.read(reader) == credential
    assert reader.rest() == b"what follows"


@given(
    st.builds(
        Hello,
        u8,
        u8,
        u8,
        u16,
        u64,
        identities,
        st.none() | inets,
        u64,
        u64,
        several(st.tuples(u64, u64)),
    ),
    st.binary(min_size=48, max_size=48),
    u64,
)
def test_hello_survives_its_mask(hello, key, packet_id):
    session = _native.SessionKey(key)

    def mask(tail):
        return session.mask_hello_tail(packet_id, tail)

    payload = hello.emit(mask)
    assert Hello.parse(payload, mask) == hello
    assert payload[hello.tail_offset :] == mask(hello.tail)
    assert Hello.parse(payload).identity == hello.identity


@given(u64, st.tuples(addresses, addresses), st.integers(0, 31), st.booleans())
def test_packets_keep_their_header(packet_id, ends, verb, fragmented):
    packet = build(packet_id, *ends, verb, b"payload", fragmented=fragmented)
    header = Header.parse(packet)
    assert header.packet_id == packet_id
    assert (header.destination, header.source) == ends
    assert (header.verb, header.fragmented, header.hops) == (verb, fragmented, 0)
    assert packet[HEADER_LENGTH:] == b"payload"


@given(several(rules(), 8))
def test_rule_tables_survive_the_wire(table):
    assert parse_rules(emit_rules(table)) == table
    assert parse_rules(emit_rules(table), 3) == table[:3]


@given(st.lists(entries, max_size=8))
def test_dictionaries_survive_the_wire_and_read_the_first_of_a_key(pairs):
    dictionary = Dictionary(pairs)
    again = Dictionary.parse(dictionary.emit())
    assert again == dictionary
    for key, value in reversed(pairs):
        assert again.get(key) == next(v for k, v in pairs if k == key), value


@given(inets)
def test_internet_addresses_survive_as_text(address):
    assert InetAddress.parse(str(address)) == address


@given(inets, st.integers(0, 32))
def test_a_network_contains_its_own_addresses(address, bits):
    prefix = InetAddress(address.ip, bits)
    assert prefix.network.contains(address)
    assert prefix.network.contains(InetAddress(prefix.network.ip, 0))


@given(identities)
def test_identities_survive_as_text(identity):
    assert Identity.parse(str(identity)) == identity
    assert Identity.parse(str(identity).upper() + " \n") == identity


@given(addresses, u64)
def test_a_mac_leads_back_to_its_node(address, network):
    mac = mac_of(address, network)
    assert address_of(mac, network) == address
    assert address_of(mac ^ 1 << 47, network) is None


@given(macs)
def test_macs_survive_as_text(mac):
    assert parse_mac(format_mac(mac)) == mac


@given(addresses, u64)
def test_addresses_and_network_ids_survive_as_text(address, network):
    assert parse_address(format_address(address)) == address
    assert parse_network(format_network(network)) == network
    assert not is_reserved(address)
