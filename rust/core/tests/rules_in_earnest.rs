//! Frames that hosts take for other than stock nodes see are judged twice (03, 6.2).

use std::net::{IpAddr, Ipv6Addr};

use earthline_core::rules::{
    Context, Copy, Credentials, Filtered, Frame, Refusal, RuleTable, Verdict, evaluate, filter,
};

const OWN: u64 = 0x53_91a3_6d1a;
const PEER: u64 = 0x73_62e8_2ffd;
const OBSERVER: u64 = 0x64_86e2_0b0b;
const PEER_MAC: u64 = 0x0200_0000_0001;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;

const NOT: u8 = 0x80;
const ACCEPT: &[u8] = &[1, 0];
const DROP: &[u8] = &[0, 0];
const BREAK: &[u8] = &[5, 0];
const IS_TCP: &[u8] = &[36, 1, 6];
const TO_SSH: &[u8] = &[40, 4, 0, 22, 0, 22];
const SYN: &[u8] = &[41, 8, 0, 0, 0, 0, 0, 0, 0, 0x02];
const NO_ACK: &[u8] = &[NOT + 41, 8, 0, 0, 0, 0, 0, 0, 0, 0x10];
const IS_VLAN: &[u8] = &[37, 2, 0x81, 0];
const NOT_AUTHENTIC: &[u8] = &[NOT + 41, 8, 0x10, 0, 0, 0, 0, 0, 0, 0];

/// An ethertype and what follows it.
type Content = (u16, Vec<u8>);

/// A TCP segment to this port with these flags.
fn tcp(port: u16, flags: u8) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    [&[0x9c, 0x40, high, low], [0; 8].as_slice(), &[0x50, flags], &[0; 14]].concat()
}

/// An IPv4 packet, or a fragment of one with this offset and "more fragments" flag.
fn ipv4(protocol: u8, fragment: u16, body: &[u8]) -> Content {
    let mut packet = vec![0x45, 0, 0, (20 + body.len()) as u8, 0, 7];
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    (IPV4, [packet.as_slice(), body].concat())
}

fn ipv6(source: Ipv6Addr, next: u8, body: &[u8]) -> Content {
    let mut packet = vec![0x60, 0, 0, 0, 0, body.len() as u8, next, 255];
    packet.extend(source.octets());
    packet.extend(address("fd00::2").octets());
    (IPV6, [packet.as_slice(), body].concat())
}

fn address(text: &str) -> Ipv6Addr {
    text.parse().unwrap_or(Ipv6Addr::UNSPECIFIED)
}

fn extended(next: u8, headers: &[u8], body: &[u8]) -> Content {
    ipv6(address("fd00::1"), next, &[headers, body].concat())
}

fn tagged(ethertype: u16, vlan: u8, (inner, payload): Content) -> Content {
    (ethertype, [&[0, vlan], inner.to_be_bytes().as_slice(), &payload].concat())
}

fn snap(last: u8, (inner, payload): Content) -> Content {
    let head = [0xaa, 0xaa, 0x03, 0, 0, last];
    // The length need not be true.
    (60, [&head, inner.to_be_bytes().as_slice(), &payload].concat())
}

fn filtered(rules: &[&[u8]], (ethertype, payload): &Content, owned: &[IpAddr]) -> Filtered {
    let table = RuleTable::parse(&rules.concat()).unwrap_or_default();
    let own = Credentials::default();
    let other = Credentials::new(Vec::new(), owned.to_vec(), Vec::new());
    let emulated = [address("fc5d:60ca:9b00::").octets()[..5].to_vec()];
    let context = Context { own: &own, other: &other, unknown_match: false, emulated: &emulated };
    filter(&table, [], &inbound(*ethertype, payload), &context, || 0)
}

fn inbound(ethertype: u16, payload: &[u8]) -> Frame<'_> {
    Frame {
        inbound: true,
        own: OWN,
        source: PEER,
        destination: OWN,
        source_mac: PEER_MAC,
        destination_mac: 0x0200_0000_0002,
        ethertype,
        vlan: 0,
        payload,
    }
}

fn passes(rules: &[&[u8]], content: &Content) -> bool {
    matches!(filtered(rules, content, &[]), Filtered::Accepted { .. })
}

/// Every dress that a TCP segment can wear.
fn dresses(segment: &[u8]) -> Vec<(&'static str, Content)> {
    let plain = || ipv4(6, 0, segment);
    let atomic = || extended(44, &[6, 0, 0, 0, 0, 0, 0, 9], segment);
    vec![
        ("VLAN 0", tagged(VLAN, 0, plain())),
        ("VLAN 5", tagged(VLAN, 5, plain())),
        ("88a8", tagged(0x88a8, 0, plain())),
        ("9100", tagged(0x9100, 0, plain())),
        ("two tags", tagged(0x88a8, 1, tagged(VLAN, 5, plain()))),
        ("four tags", tagged(VLAN, 0, tagged(VLAN, 0, tagged(VLAN, 0, tagged(VLAN, 0, plain()))))),
        ("SNAP", snap(0x00, plain())),
        ("SNAP of a bridge", snap(0xf8, plain())),
        ("SNAP in a tag", tagged(VLAN, 0, snap(0x00, plain()))),
        ("tag in SNAP", snap(0x00, tagged(VLAN, 0, plain()))),
        ("atomic fragment", atomic()),
        ("atomic fragment in a tag", tagged(VLAN, 0, atomic())),
        ("first fragment", extended(44, &[6, 0, 0, 1, 0, 0, 0, 9], segment)),
        (
            "fragment behind options",
            extended(60, &[44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 9], segment),
        ),
        (
            "options behind fragment",
            extended(44, &[60, 0, 0, 0, 0, 0, 0, 9, 6, 0, 1, 4, 0, 0, 0, 0], segment),
        ),
        ("authentication", extended(51, &[6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], segment)),
        ("host identity", extended(139, &[6, 0, 0, 0, 0, 0, 0, 0], segment)),
        ("shim", extended(140, &[6, 0, 0, 0, 0, 0, 0, 0], segment)),
    ]
}

#[test]
fn no_dress_gets_a_segment_past_rules_about_ports_or_flags() {
    let no_ssh: [&[u8]; 4] = [IS_TCP, TO_SSH, DROP, ACCEPT];
    let established: [&[u8]; 4] = [SYN, NO_ACK, BREAK, ACCEPT];
    for rules in [no_ssh, established] {
        for (name, content) in dresses(&tcp(22, 0x02)) {
            assert!(!passes(&rules, &content), "{name}");
        }
        for (name, content) in dresses(&tcp(443, 0x10)) {
            assert!(passes(&rules, &content), "{name}, harmless");
        }
    }
}

#[test]
fn one_table_alone_is_evaluated_as_stock_nodes_do() {
    let table = RuleTable::parse(&[IS_TCP, TO_SSH, DROP, ACCEPT].concat()).unwrap();
    let none = Credentials::default();
    let context = Context { own: &none, other: &none, unknown_match: false, emulated: &[] };
    for (name, (ethertype, payload)) in dresses(&tcp(22, 0x02)) {
        let frame = inbound(ethertype, &payload);
        assert_eq!(evaluate(&table, &frame, &context, || 0).verdict, Verdict::Accept, "{name}");
    }
}

#[test]
fn frame_in_more_tags_than_anybody_uses_is_refused() {
    let mut content = ipv4(6, 0, &tcp(443, 0x10));
    for _ in 0..5 {
        content = tagged(VLAN, 0, content);
    }
    assert!(!passes(&[IS_TCP, TO_SSH, DROP, ACCEPT], &content));
}

#[test]
fn rules_that_know_of_tags_keep_their_say() {
    let (five, six) = (
        tagged(VLAN, 5, ipv4(6, 0, &tcp(443, 0x10))),
        tagged(VLAN, 6, ipv4(6, 0, &tcp(443, 0x10))),
    );
    let plain = ipv4(6, 0, &tcp(443, 0x10));
    for rules in [[IS_VLAN, ACCEPT, DROP].as_slice(), &[&[NOT + 37, 2, 0x81, 0], BREAK, ACCEPT]] {
        assert!(passes(rules, &five) && !passes(rules, &plain));
    }
    // The second byte of the tag, read from its little end, is 5.
    let bound = [0, 0, 0, 0, 0, 0, 0, 5];
    let is_five = [[51, 19].as_slice(), &bound, &bound, &[0, 1, 0x87]].concat();
    let rules: [&[u8]; 4] = [IS_VLAN, &is_five, ACCEPT, DROP];
    assert!(passes(&rules, &five) && !passes(&rules, &six));
    // What names another ethertype, or none, reads what is behind the tag: here the protocol.
    let bound = [0, 0, 0, 0, 0, 0, 0, 6];
    let is_tcp = [[51, 19].as_slice(), &bound, &bound, &[0, 2, 0x07]].concat();
    for rules in
        [[is_tcp.as_slice(), DROP, ACCEPT].as_slice(), &[&[37, 2, 8, 0], &is_tcp, DROP, ACCEPT]]
    {
        assert!(!passes(rules, &five));
    }
}

#[test]
fn frame_that_only_rules_about_tags_let_in_is_not_let_in_for_its_content() {
    assert!(!passes(&[&[37, 2, 8, 0], ACCEPT, DROP], &tagged(VLAN, 0, ipv4(17, 0, &[0; 8]))));
}

#[test]
fn flags_that_come_in_another_fragment_pass_for_what_is_refused() {
    let rules: [&[u8]; 4] = [SYN, NO_ACK, BREAK, ACCEPT];
    let segment = tcp(443, 0x10);
    for (name, content, expected) in [
        ("a whole segment", ipv4(6, 0, &segment), true),
        ("a first fragment with its flags", ipv4(6, 0x2000, &segment[..16]), true),
        ("a first fragment without", ipv4(6, 0x2000, &segment[..8]), false),
        ("a first fragment without ports", ipv4(6, 0x2000, &segment[..4]), false),
        ("the fragment where flags are", ipv4(6, 1, &segment[8..]), false),
        ("another fragment", ipv4(6, 2, &segment[16..]), true),
        ("datagrams have no flags", ipv4(17, 0x2000, &segment[..8]), true),
        ("a later fragment of a datagram", ipv4(17, 1, &segment[8..]), true),
        ("IPv6, first", extended(44, &[6, 0, 0, 1, 0, 0, 0, 9], &segment[..8]), false),
        ("IPv6, second", extended(44, &[6, 0, 0, 8, 0, 0, 0, 9], &segment[8..]), false),
        ("IPv6, third", extended(44, &[6, 0, 0, 16, 0, 0, 0, 9], &segment[16..]), true),
        (
            "IPv6, headers go on",
            extended(44, &[60, 0, 0, 1, 0, 0, 0, 9], &[6, 9, 0, 0, 0, 0, 0, 0]),
            false,
        ),
        ("IPv6 that ends amid its headers", extended(60, &[6, 9, 0, 0, 0, 0, 0, 0], &[]), true),
    ] {
        assert_eq!(passes(&rules, &content), expected, "{name}");
    }
}

#[test]
fn padding_behind_a_fragment_is_not_taken_for_its_flags() {
    let (ethertype, mut packet) = ipv4(6, 0x2000, &tcp(443, 0x02)[..8]);
    packet.extend(&tcp(443, 0x10)[8..]);
    assert!(!passes(&[SYN, NO_ACK, BREAK, ACCEPT], &(ethertype, packet)));
}

#[test]
fn what_is_hidden_in_another_fragment_is_not_what_is_accepted() {
    let first = ipv4(6, 0x2000, &tcp(22, 0x10)[..4]);
    assert!(!passes(&[TO_SSH, ACCEPT, DROP], &first));
    assert!(!passes(&[&[NOT + 40, 4, 0, 80, 0, 80], ACCEPT, DROP], &first));
    assert!(passes(&[IS_TCP, ACCEPT, DROP], &first), "its protocol is there");
    assert!(!passes(&[&[NOT + 40, 4, 0, 80, 0, 80], DROP, ACCEPT], &first));
}

#[test]
fn observers_miss_nothing_that_is_dressed_up() {
    let observe =
        |kind: u8| [&[kind, 14], OBSERVER.to_be_bytes().as_slice(), &[0; 4], &[0, 20]].concat();
    let content = tagged(VLAN, 0, ipv4(6, 0, &tcp(22, 0x02)));
    let copy = Some(Copy { to: OBSERVER, length: 20, watch: false });
    let accepted =
        |redirect, copy| Filtered::Accepted { unchecked: false, redirect, copies: [copy, None] };
    let (tee, redirect) = (observe(2), observe(4));
    assert_eq!(filtered(&[TO_SSH, &tee, ACCEPT], &content, &[]), accepted(None, copy));
    let redirected = filtered(&[TO_SSH, &redirect, ACCEPT], &content, &[]);
    assert_eq!(redirected, accepted(Some(OBSERVER), None));
}

/// A message of neighbour discovery: kind, source, target, and options as (kind, MAC).
fn neighbour(kind: u8, source: &str, target: &str, options: &[(u8, u64)]) -> Content {
    let mut message = vec![kind, 0, 0, 0, 0, 0, 0, 0];
    if kind != 0x85 {
        message.extend(address(target).octets());
    }
    for (option, mac) in options {
        message.extend([*option, 1]);
        message.extend(&mac.to_be_bytes()[2..]);
    }
    ipv6(address(source), 0x3a, &message)
}

fn arp(mac: u64, ip: [u8; 4]) -> Content {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 2];
    packet.extend(&mac.to_be_bytes()[2..]);
    packet.extend(ip);
    packet.extend([0; 10]);
    (ARP, packet)
}

#[test]
fn only_what_is_true_of_its_sender_is_authentic_to_neighbours() {
    let owned = [IpAddr::from(address("fd00::1")), IpAddr::from([10, 0, 0, 1])];
    let (own, other) = ((1, PEER_MAC), (1, PEER_MAC ^ 1));
    // The sender's address stands in those that the network's formula gives it.
    let (computed, anothers) = ("fc5d:60ca:9b73:62e8:2ffd::1", "fc5d:60ca:9b73:62e8:2ffe::1");
    for (name, content, expected) in [
        ("NS", neighbour(0x87, "fd00::1", "fd00::2", &[own]), true),
        ("NS without a MAC", neighbour(0x87, "fd00::1", "fd00::2", &[]), true),
        ("NS from a link-local address", neighbour(0x87, "fe80::9", "fd00::2", &[own]), true),
        ("NS from a computed address", neighbour(0x87, computed, "fd00::2", &[own]), true),
        ("NS before an address is used", neighbour(0x87, "::", "fd00::1", &[(14, 7)]), true),
        ("NS before a link-local one is", neighbour(0x87, "::", "fe80::9", &[]), true),
        ("NS from another's address", neighbour(0x87, "fd00::2", "fd00::3", &[own]), false),
        ("NS from another's computed one", neighbour(0x87, anothers, "fd00::3", &[own]), false),
        ("NS that claims another's", neighbour(0x87, "::", "fd00::2", &[]), false),
        ("NS with another's MAC", neighbour(0x87, "fd00::1", "fd00::2", &[other]), false),
        ("NS with both MACs", neighbour(0x87, "fd00::1", "fd00::2", &[own, other]), false),
        ("link-local NS, another's MAC", neighbour(0x87, "fe80::9", "fd00::2", &[other]), false),
        ("RS", neighbour(0x85, "fd00::1", "", &[own]), true),
        ("RS with another's MAC", neighbour(0x85, "fd00::1", "", &[other]), false),
        ("RS from another's address", neighbour(0x85, "fd00::2", "", &[own]), false),
        ("NA", neighbour(0x88, "fd00::1", "fd00::1", &[(2, PEER_MAC)]), true),
        ("NA of another's address", neighbour(0x88, "fd00::1", "fd00::2", &[(2, PEER_MAC)]), false),
        (
            "NA with another's MAC",
            neighbour(0x88, "fd00::1", "fd00::1", &[(2, PEER_MAC ^ 1)]),
            false,
        ),
        ("NA of a computed address", neighbour(0x88, computed, computed, &[(2, PEER_MAC)]), true),
        ("NA of another's computed one", neighbour(0x88, computed, anothers, &[]), false),
        ("ARP", arp(PEER_MAC, [10, 0, 0, 1]), true),
        ("ARP of another's address", arp(PEER_MAC, [10, 0, 0, 2]), false),
        ("ARP with another's MAC", arp(PEER_MAC ^ 1, [10, 0, 0, 1]), false),
    ] {
        for (dress, content) in [("", content.clone()), (" in a tag", tagged(VLAN, 0, content))] {
            let rules: [&[u8]; 3] = [NOT_AUTHENTIC, DROP, ACCEPT];
            let stock_stops = !dress.is_empty();
            let passed = matches!(filtered(&rules, &content, &owned), Filtered::Accepted { .. });
            assert_eq!(passed, expected && !stock_stops, "{name}{dress}");
            let rules: [&[u8]; 4] = [IS_VLAN, ACCEPT, DROP, &[]];
            assert_eq!(passes(&rules, &content), stock_stops, "{name}{dress}: nobody asks");
        }
    }
}

#[test]
fn neighbour_option_without_a_length_is_a_lie() {
    let (ethertype, mut packet) = neighbour(0x87, "fd00::1", "fd00::2", &[(1, PEER_MAC)]);
    let owned = [IpAddr::from(address("fd00::1"))];
    let rules: [&[u8]; 3] = [NOT_AUTHENTIC, DROP, ACCEPT];
    for (units, length) in [(0, 72), (2, 72), (1, 71), (1, 65)] {
        packet[65] = units;
        let cut = (ethertype, packet[..length].to_vec());
        let refused = Filtered::Dropped(Refusal::Rule(1));
        assert_eq!(filtered(&rules, &cut, &owned), refused, "{units} {length}");
    }
}
