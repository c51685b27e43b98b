//! The specification's examples of rule tables (03, 6.8), and tables and frames of an attacker.

use std::net::IpAddr;

use earthline_core::rules::{
    Context, Copy, Credentials, Filtered, Frame, Malformed, Recent, Refusal, RuleTable, Verdict,
    evaluate, filter,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const OWN: u64 = 0x53_91a3_6d1a;
const PEER: u64 = 0x73_62e8_2ffd;
const OBSERVER: u64 = 0x64_86e2_0b0b;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;

const ACCEPT: [u8; 2] = [1, 0];
const DROP: [u8; 2] = [0, 0];

const NOT: u8 = 0x80;
const OR: u8 = 0x40;

/// Protocol and ports of an IPv4 packet from 10.0.0.1 to 10.0.0.2.
fn ipv4(protocol: u8, source: u16, destination: u16, flags: u8) -> Vec<u8> {
    let mut packet = vec![0; 40];
    packet[0] = 0x45;
    packet[9] = protocol;
    packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[20..22].copy_from_slice(&source.to_be_bytes());
    packet[22..24].copy_from_slice(&destination.to_be_bytes());
    packet[33] = flags;
    packet
}

/// An IPv6 packet from `fc00::` without content.
fn ipv6() -> Vec<u8> {
    let mut packet = vec![0; 40];
    (packet[0], packet[6], packet[8]) = (0x60, 59, 0xfc);
    packet
}

fn frame(inbound: bool, ethertype: u16, payload: &[u8]) -> Frame<'_> {
    let (source, destination) = if inbound { (PEER, OWN) } else { (OWN, PEER) };
    let (source_mac, destination_mac) = (0x0200_0000_0001, 0x0200_0000_0002);
    let (own, vlan) = (OWN, 0);
    Frame {
        inbound,
        own,
        source,
        destination,
        source_mac,
        destination_mac,
        ethertype,
        vlan,
        payload,
    }
}

fn tagged(tag: Option<u32>) -> Credentials {
    Credentials::new(tag.map(|value| (1, value)).into_iter().collect(), Vec::new(), Vec::new())
}

/// The verdict with our tag 1 and the peer's.
fn verdict_tagged(
    rules: &[&[u8]],
    frame: &Frame<'_>,
    own: Option<u32>,
    other: Option<u32>,
) -> Verdict {
    let (own, other) = (tagged(own), tagged(other));
    let context = Context { own: &own, other: &other, unknown_match: false, emulated: &[] };
    let table = RuleTable::parse(&rules.concat()).unwrap_or_default();
    evaluate(&table, frame, &context, || 0).verdict
}

fn verdict(rules: &[&[u8]], frame: &Frame<'_>) -> Verdict {
    verdict_tagged(rules, frame, None, None)
}

fn out4(payload: &[u8]) -> Frame<'_> {
    frame(false, IPV4, payload)
}

#[test]
fn an_empty_table_decides_nothing() {
    assert_eq!(verdict(&[], &out4(&ipv4(17, 1, 2, 0))), Verdict::NoMatch);
}

#[test]
fn or_is_joined_from_left_to_right() {
    let rules: [&[u8]; 5] =
        [&[36, 1, 17], &[OR + 36, 1, 6], &[40, 4, 0, 80, 0, 80], &ACCEPT, &DROP];
    for (protocol, port, expected) in [
        (6, 80, Verdict::Accept),
        (17, 80, Verdict::Accept),
        (6, 81, Verdict::Drop),
        (1, 80, Verdict::Drop),
    ] {
        assert_eq!(verdict(&rules, &out4(&ipv4(protocol, 1, port, 0))), expected);
    }
    let first: [&[u8]; 2] = [&[OR + 37, 2, 8, 6], &ACCEPT];
    assert_eq!(verdict(&first, &out4(&ipv4(17, 1, 2, 0))), Verdict::Accept);
}

#[test]
fn not_does_not_turn_what_says_nothing() {
    let rules: [&[u8]; 3] = [&[NOT + 31, 5, 10, 0, 0, 0, 8], &DROP, &ACCEPT];
    let mut outside = ipv4(17, 1, 2, 0);
    outside[12] = 192;
    assert_eq!(verdict(&rules, &out4(&outside)), Verdict::Drop);
    assert_eq!(verdict(&rules, &out4(&ipv4(17, 1, 2, 0))), Verdict::Accept);
    assert_eq!(verdict(&rules, &frame(false, IPV6, &ipv6())), Verdict::Accept);
}

#[test]
fn a_packet_without_ports_fails_a_port_match_plainly() {
    let rules: [&[u8]; 3] = [&[NOT + 40, 4, 0, 22, 0, 22], &DROP, &ACCEPT];
    assert_eq!(verdict(&rules, &out4(&ipv4(6, 1, 22, 0))), Verdict::Accept);
    assert_eq!(verdict(&rules, &out4(&ipv4(6, 1, 23, 0))), Verdict::Drop);
    assert_eq!(verdict(&rules, &out4(&ipv4(1, 0, 0, 0))), Verdict::Drop);
    assert_eq!(verdict(&rules, &frame(false, ARP, &[0; 28])), Verdict::Accept);
}

#[test]
fn tcp_flags_are_characteristics() {
    let rules: [&[u8]; 2] = [&[NOT + 41, 8, 0, 0, 0, 0, 0, 0, 0, 0x02], &ACCEPT];
    assert_eq!(verdict(&rules, &out4(&ipv4(17, 1, 2, 0x02))), Verdict::Accept);
    assert_eq!(verdict(&rules, &out4(&ipv4(6, 1, 2, 0x02))), Verdict::NoMatch);
    assert_eq!(verdict(&rules, &out4(&ipv4(6, 1, 2, 0x10))), Verdict::Accept);
}

#[test]
fn senders_are_lenient_about_tags_they_do_not_know() {
    let difference = [44, 8, 0, 0, 0, 1, 0, 0, 0, 0];
    let payload = ipv4(17, 1, 2, 0);
    let (inward, outward) = (frame(true, IPV4, &payload), out4(&payload));
    let rules: [&[u8]; 3] = [&difference, &ACCEPT, &DROP];
    for (frame, own, other, expected) in [
        (&outward, Some(5), Some(5), Verdict::Accept),
        (&inward, Some(5), None, Verdict::Drop),
        (&outward, Some(5), None, Verdict::Accept),
        (&outward, None, Some(5), Verdict::Drop),
    ] {
        assert_eq!(verdict_tagged(&rules, frame, own, other), expected, "{own:?} {other:?}");
    }
    let mut negated = difference;
    negated[0] |= NOT;
    let rules: [&[u8]; 3] = [&negated, &DROP, &ACCEPT];
    for (frame, other, expected) in [
        (&outward, None, Verdict::Accept),
        (&inward, None, Verdict::Accept),
        (&outward, Some(5), Verdict::Accept),
        (&outward, Some(6), Verdict::Drop),
    ] {
        assert_eq!(verdict_tagged(&rules, frame, Some(5), other), expected, "not, {other:?}");
    }
}

/// TEE (2) or REDIRECT (4) to a node.
fn observe(kind: u8, to: u64, length: u16) -> Vec<u8> {
    let mut action = vec![kind, 14];
    action.extend(to.to_be_bytes());
    action.extend([0; 4]);
    action.extend(length.to_be_bytes());
    action
}

#[test]
fn observers_get_copies_of_what_is_accepted() {
    let payload = ipv4(17, 1, 2, 0);
    let none = Credentials::default();
    let context = Context { own: &none, other: &none, unknown_match: false, emulated: &[] };
    let judge = |rules: &[&[u8]]| {
        let table = RuleTable::parse(&rules.concat()).unwrap_or_default();
        filter(&table, [], &out4(&payload), &context, || 0)
    };
    let copy = Some(Copy { to: OBSERVER, length: 10, watch: false });
    let passed =
        |redirect, copy| Filtered::Accepted { unchecked: false, redirect, copies: [copy, None] };
    assert_eq!(judge(&[&observe(2, OBSERVER, 10), &ACCEPT]), passed(None, copy));
    assert_eq!(judge(&[&observe(2, OBSERVER, 10), &DROP]), Filtered::Dropped(Refusal::Rule(1)));
    assert_eq!(judge(&[&observe(4, OBSERVER, 0), &ACCEPT]), passed(Some(OBSERVER), None));
}

#[test]
fn a_drop_tells_what_decided_it() {
    let payload = ipv4(17, 1, 2, 0);
    let none = Credentials::default();
    let context = Context { own: &none, other: &none, unknown_match: false, emulated: &[] };
    let table = |rules: &[&[u8]]| RuleTable::parse(&rules.concat()).unwrap_or_default();
    let (is_tcp, is_udp, pause): ([u8; 3], [u8; 3], [u8; 2]) = ([36, 1, 6], [36, 1, 17], [5, 0]);
    let capabilities =
        [table(&[&is_tcp, &ACCEPT]), table(&[&is_udp, &DROP, &ACCEPT]), table(&[&is_udp, &ACCEPT])];
    let judge = |rules: &[&[u8]], held: &[RuleTable], vlan: &[u8]| {
        let payload = [vlan, &payload].concat();
        let ethertype = if vlan.is_empty() { IPV4 } else { 0x8100 };
        filter(&table(rules), held, &frame(true, ethertype, &payload), &context, || 0)
    };
    let [lacking, refusing, granting] = &capabilities;
    let (lacking, refusing) = (lacking.clone(), refusing.clone());
    for (rules, held, expected) in [
        (&[&is_tcp[..], &DROP, &is_udp, &DROP, &ACCEPT][..], vec![], Refusal::Rule(3)),
        (&[&is_tcp, &ACCEPT], vec![], Refusal::NoRule),
        (&[], vec![lacking.clone()], Refusal::NoRule),
        (&[&is_udp, &pause, &ACCEPT], vec![lacking], Refusal::Rule(1)),
        (&[&is_udp, &pause, &ACCEPT], vec![refusing.clone()], Refusal::Capability),
        (&[], vec![refusing.clone()], Refusal::Capability),
        (&[&DROP], vec![granting.clone()], Refusal::Rule(0)),
    ] {
        assert_eq!(judge(rules, &held, &[]), Filtered::Dropped(expected), "{rules:?}");
    }
    let granted = judge(&[], &[refusing, granting.clone()], &[]);
    assert!(matches!(granted, Filtered::Accepted { .. }));

    let tagged = [0, 0, 0x08, 0x00];
    let behind: [&[u8]; 3] = [&is_udp, &DROP, &ACCEPT];
    assert_eq!(judge(&behind, &[], &tagged), Filtered::Dropped(Refusal::Rule(1)));
    let many = [[0, 0, 0x81, 0x00].repeat(5), tagged.to_vec()].concat();
    assert_eq!(judge(&[&ACCEPT], &[], &many), Filtered::Dropped(Refusal::Wraps));
}

#[test]
fn an_observer_accepts_whatever_would_have_been_sent_to_it() {
    let payload = ipv4(17, 1, 2, 0);
    let redirect = observe(4, OWN, 0);
    let rules: [&[u8]; 3] = [&[37, 2, 8, 6], &redirect, &ACCEPT];
    assert_eq!(verdict(&rules, &frame(true, IPV4, &payload)), Verdict::SuperAccept);
    assert_eq!(verdict(&rules, &frame(true, ARP, &[0; 28])), Verdict::SuperAccept);
    assert_eq!(verdict(&rules, &frame(false, ARP, &[0; 28])), Verdict::Accept);
}

#[test]
fn host_bits_in_an_ipv6_rule_never_match() {
    let mut rule = vec![33, 17, 0xfc];
    rule.extend([0; 14]);
    rule.extend([1, 8]);
    assert_eq!(verdict(&[&rule, &ACCEPT], &frame(false, IPV6, &ipv6())), Verdict::NoMatch);
    rule[17] = 0;
    assert_eq!(verdict(&[&rule, &ACCEPT], &frame(false, IPV6, &ipv6())), Verdict::Accept);
}

#[test]
fn integers_are_read_from_either_end() {
    let payload: Vec<u8> = (1..=40).collect();
    let integer = |value: u16, index: u8, format: u8| {
        let [high, low] = value.to_be_bytes();
        let bound = [0, 0, 0, 0, 0, 0, high, low];
        [[51, 19].as_slice(), &bound, &bound, &[0, index, format], &ACCEPT].concat()
    };
    for (value, index, format, expected) in [
        (0x0708, 0, 0x0f, Verdict::Accept),
        (0x0709, 0, 0x0f, Verdict::NoMatch),
        (0x0060, 4, 0x8b, Verdict::Accept),
        (0x0000, 39, 0x0f, Verdict::Accept),
    ] {
        assert_eq!(verdict(&[&integer(value, index, format)], &out4(&payload)), expected);
    }
}

#[test]
fn ownership_authenticates_the_sender() {
    let rules = [[41, 8, 0x10, 0, 0, 0, 0, 0, 0, 0].as_slice(), &ACCEPT].concat();
    let table = RuleTable::parse(&rules).unwrap_or_default();
    let payload = ipv4(17, 1, 2, 0);
    let none = Credentials::default();
    let owner = Credentials::new(Vec::new(), vec![IpAddr::from([10, 0, 0, 1])], Vec::new());
    for (own, other, inbound, expected) in [
        (&owner, &none, false, Verdict::Accept),
        (&owner, &none, true, Verdict::NoMatch),
        (&none, &owner, true, Verdict::Accept),
    ] {
        let context = Context { own, other, unknown_match: false, emulated: &[] };
        let frame = frame(inbound, IPV4, &payload);
        assert_eq!(evaluate(&table, &frame, &context, || 0).verdict, expected);
    }
}

/// What its containers send is a node's own: all of its /80 is computed from its address.
#[test]
fn a_6plane_network_of_our_own_authenticates_what_leaves_it() {
    let rules = [[41, 8, 0x10, 0, 0, 0, 0, 0, 0, 0].as_slice(), &ACCEPT].concat();
    let table = RuleTable::parse(&rules).unwrap_or_default();
    let none = Credentials::default();
    let emulated = [vec![0xfc, 0x5d, 0x60, 0xca, 0x9b]];
    let context = Context { own: &none, other: &none, unknown_match: false, emulated: &emulated };
    for (node, inbound, expected) in [
        (OWN, false, Verdict::Accept),
        (PEER, false, Verdict::NoMatch),
        (PEER, true, Verdict::Accept),
        (OBSERVER, true, Verdict::Accept),
    ] {
        let mut packet = ipv6();
        packet[8..13].copy_from_slice(&emulated[0]);
        packet[13..18].copy_from_slice(&node.to_be_bytes()[3..]);
        packet[23] = 0x17;
        let frame = frame(inbound, IPV6, &packet);
        assert_eq!(evaluate(&table, &frame, &context, || 0).verdict, expected, "{node:x}");
    }
}

#[test]
fn a_table_that_ends_inside_an_entry_is_malformed() {
    for table in [[37].as_slice(), &[37, 2, 8], &[1, 0, 37], &[33, 17, 0x20, 1], &[2, 14, 0]] {
        assert_eq!(RuleTable::parse(table), Err(Malformed), "{table:02x?}");
    }
    assert!(RuleTable::parse(&[57, 5, 1, 2, 3, 4, 5, 1, 0]).is_ok(), "unknown types are kept");
}

#[test]
fn no_table_and_no_frame_panics() {
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    let mut bytes = |limit: u32| {
        let mut bytes = vec![0; (dice.next_u32() % limit) as usize];
        dice.fill_bytes(&mut bytes);
        bytes
    };
    let none = Credentials::default();
    let context = Context { own: &none, other: &none, unknown_match: true, emulated: &[] };
    let mut parsed = 0;
    for round in 0..50_000 {
        let mut table = bytes(80);
        // Known types with honest lengths as often as anything.
        if round % 2 == 0 && !table.is_empty() {
            table[0] = (16 + table[0] % 36) | (table[0] & 0xc0);
            table.resize(21, round as u8);
            table[1] = 19;
            table.extend(ACCEPT);
        }
        let payload = bytes(120);
        let ethertype = [IPV4, ARP, IPV6][round % 3];
        if let Ok(table) = RuleTable::parse(&table) {
            parsed += 1;
            for inbound in [false, true] {
                evaluate(&table, &frame(inbound, ethertype, &payload), &context, || round as u32);
            }
        }
    }
    assert!(parsed > 10_000);
}

/// Entries that look at every part of a flow, and some that look further.
fn entries() -> Vec<Vec<u8>> {
    let range = |kind: u8, low: u16, high: u16| {
        [[kind, 4].as_slice(), &low.to_be_bytes(), &high.to_be_bytes()].concat()
    };
    vec![
        vec![36, 1, 6],
        vec![36, 1, 17],
        vec![37, 2, 8, 0],
        vec![31, 5, 10, 0, 0, 1, 32],
        vec![32, 5, 10, 0, 0, 3, 31],
        vec![35, 3, 0xff, 0, 0x10],
        range(39, 1, 1),
        range(40, 2, 4),
        vec![41, 8, 0x80, 0, 0, 0, 0, 0, 0, 0x02],
        vec![41, 8, 0x10, 0, 0, 0, 0, 0, 0, 0],
        vec![44, 8, 0, 0, 0, 1, 0, 0, 0, 0],
        vec![49, 8, 0, 0, 0, 1, 0, 0, 0, 5],
        vec![29, 6, 2, 0, 0, 0, 0, 1],
        [[24, 5].as_slice(), &PEER.to_be_bytes()[3..]].concat(),
        vec![60, 0],
        range(42, 0, 50),
        [[51, 19].as_slice(), &[0; 7], &[1], &[0; 7], &[9], &[0, 0, 0x07]].concat(),
        observe(2, OBSERVER, 30),
        observe(4, OBSERVER, 0),
        observe(4, OWN, 0),
        DROP.to_vec(),
        ACCEPT.to_vec(),
        vec![5, 0],
    ]
}

#[test]
fn what_is_remembered_of_a_flow_is_what_its_rules_decide() {
    let mut dice = ChaCha8Rng::seed_from_u64(2);
    let mut below = move |limit: usize| dice.next_u32() as usize % limit;
    let entries = entries();
    let mut remembered = 0;
    for _ in 0..2_000 {
        // Half of the tables are of the steady kind alone.
        let kinds = if below(2) == 0 { entries.len() } else { 15 };
        let mut table = |size: usize| {
            let mut bytes = Vec::new();
            for _ in 0..size {
                let mut entry = entries[below(kinds)].clone();
                entry[0] |= [0, 0, NOT, OR][below(4)] * u8::from(entry[0] > 15);
                bytes.extend(entry);
                bytes.extend([ACCEPT, DROP][below(2)]);
            }
            RuleTable::parse(&bytes).unwrap_or_default()
        };
        let (base, capabilities) = (table(6), [table(3)]);
        let mut recent = Recent::default();
        let mut own = tagged(None);
        for round in 0..60 {
            if round % 20 == 19 {
                own = tagged(Some(below(2) as u32 + 4));
                recent.clear();
            }
            let other = tagged(Some(5));
            let context = Context { own: &own, other: &other, unknown_match: true, emulated: &[] };
            let protocol = [6, 17, 1][below(3)];
            let flags = below(3) as u8;
            let mut payload = ipv4(protocol, below(2) as u16, below(3) as u16, flags);
            (payload[1], payload[19]) = (below(2) as u8 * 0x20, below(3) as u8 + 1);
            payload[12 + below(2) * 3] ^= 1;
            // Whole, its first fragment, the next one, and one of those after.
            [payload[6], payload[7]] = [[0, 0], [0x20, 0], [0, 1], [0, 9]][below(4)];
            payload.resize(30 + below(30), 0);
            let mut frame = frame(below(2) == 0, IPV4, &payload);
            frame.source_mac += below(2) as u64;
            let expected = filter(&base, &capabilities, &frame, &context, || 7);
            let actual = recent.filter(&base, &capabilities, &frame, &context, || 7);
            assert_eq!(actual, expected, "{base:?} {frame:?}");
            remembered += usize::from(matches!(expected, Filtered::Accepted { .. }));
        }
    }
    assert!(remembered > 10_000);
}
