//! Rules at work: refused frames, copies for observers, redirects, capabilities (03, 6.7).

mod switchboard;

use earthline_core::ethernet::mac_of;
use earthline_core::rules::{Credentials, Refusal, RuleTable};
use earthline_core::switch::{Allowance, Arrival, NodeCredentials, Opened, Punt, Refused};
use switchboard::{
    ALICE, BOB, CAROL, Lan, NETWORK, NOW, PuntKind, Station, due, frame, kind, path_to, told,
};

const DROP_IPV4: [u8; 6] = [0x25, 0x02, 0x08, 0x00, 0x00, 0x00];
const ACCEPT: [u8; 2] = [0x01, 0x00];
const TEE: u8 = 0x02;
const WATCH: u8 = 0x03;
const REDIRECT: u8 = 0x04;

/// An action that involves Carol, with at most so many bytes of the frame.
fn involve_carol(action: u8, length: u16) -> Vec<u8> {
    let mut rule = vec![action, 14];
    rule.extend(CAROL.to_be_bytes());
    rule.extend([0; 4]);
    rule.extend(length.to_be_bytes());
    rule
}

/// Alice, Bob and an observer, all with the same rules.
fn observed(rules: &[u8]) -> (Lan, Station) {
    let (mut lan, mut carol) = (Lan::new(3), Station::new(CAROL, 3));
    carol.join(&[ALICE, BOB]);
    for peer in [&mut lan.alice, &mut lan.bob] {
        peer.join(&[CAROL]);
        peer.meet(CAROL, 3);
        carol.meet(peer.address, 3);
    }
    for station in [&mut lan.alice, &mut lan.bob, &mut carol] {
        station.configure(|config| config.rules = rules.to_vec());
    }
    (lan, carol)
}

fn to_bob() -> Vec<u8> {
    frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 300)
}

/// What leaves a station, as (endpoint, datagram).
fn leaving(station: &mut Station, frame: &[u8]) -> Vec<(earthline_core::switch::Path, Vec<u8>)> {
    station.frame(frame).datagrams().map(|(path, bytes)| (*path, bytes.to_vec())).collect()
}

#[test]
fn refused_frame_neither_leaves_nor_arrives() {
    let mut lan = Lan::new(3);
    let datagram = lan.alice.sent(&to_bob()).remove(0);
    for station in [&mut lan.alice, &mut lan.bob] {
        station.configure(|config| config.rules = [&DROP_IPV4[..], &ACCEPT].concat());
    }
    assert!(lan.alice.frame(&to_bob()).datagrams().len() == 0);
    assert!(lan.bob.datagram(ALICE, &datagram).is_empty());
    assert_eq!([&lan.alice, &lan.bob].map(|station| station.counters()["drop_rules"]), [1, 1]);
    let mut ipv6 = to_bob();
    ipv6[12..14].copy_from_slice(&[0x86, 0xdd]);
    assert_eq!(lan.alice_to_bob(&ipv6), [ipv6]);
}

/// What a station's rules refused, as (what refused it, frames sent, frames received).
fn refused(station: &Station) -> Vec<(Refusal, u64, u64)> {
    let all = station.switch.refused(NETWORK).into_iter();
    all.map(|Refused { by, sent, received }| (by, sent, received)).collect()
}

fn of_kind(ethertype: u16) -> Vec<u8> {
    let mut frame = to_bob();
    frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
    frame
}

/// IPv4 and two experiments are refused by rules 1, 3 and 5; what is left, by none.
const THREE_DROPS: [u8; 18] = [
    0x25, 0x02, 0x08, 0x00, 0x00, 0x00, 0x25, 0x02, 0x88, 0xb5, 0x00, 0x00, 0x25, 0x02, 0x88, 0xb6,
    0x00, 0x00,
];

#[test]
fn each_rule_counts_what_it_refused_in_either_direction() {
    let mut lan = Lan::new(3);
    let datagrams: Vec<_> = [0x0800, 0x88b6, 0x88b6, 0x1234]
        .map(|ethertype| lan.alice.sent(&of_kind(ethertype)).remove(0))
        .into();
    for station in [&mut lan.alice, &mut lan.bob] {
        station.configure(|config| config.rules = THREE_DROPS.to_vec());
        assert_eq!(refused(station), []);
    }
    for ethertype in [0x88b5, 0x88b5, 0x88b5, 0x0800, 0x1234] {
        assert!(lan.alice.sent(&of_kind(ethertype)).is_empty());
    }
    for datagram in &datagrams {
        assert!(lan.bob.datagram(ALICE, datagram).is_empty());
    }
    let (ipv4, first, second) = (Refusal::Rule(1), Refusal::Rule(3), Refusal::Rule(5));
    assert_eq!(refused(&lan.alice), [(Refusal::NoRule, 1, 0), (ipv4, 1, 0), (first, 3, 0)]);
    assert_eq!(refused(&lan.bob), [(Refusal::NoRule, 0, 1), (ipv4, 0, 1), (second, 0, 2)]);
    for station in [&lan.alice, &lan.bob] {
        let all: u64 = refused(station).iter().map(|(_, sent, received)| sent + received).sum();
        assert_eq!(station.counters()["drop_rules"], all);
    }
}

#[test]
fn counting_starts_anew_with_other_rules_and_goes_on_with_the_same() {
    let mut lan = Lan::new(3);
    lan.alice.configure(|config| config.rules = THREE_DROPS.to_vec());
    lan.alice.frame(&to_bob());
    lan.alice.configure(|config| config.mtu = 2800);
    lan.alice.frame(&to_bob());
    assert_eq!(refused(&lan.alice), [(Refusal::Rule(1), 2, 0)]);
    lan.alice.configure(|config| config.rules = [&DROP_IPV4[..], &ACCEPT].concat());
    assert_eq!(refused(&lan.alice), []);
    lan.alice.frame(&to_bob());
    assert_eq!(refused(&lan.alice), [(Refusal::Rule(1), 1, 0)]);
    lan.alice.configure(|config| config.rules = ACCEPT.to_vec());
    lan.alice.configure(|config| config.rules = [&DROP_IPV4[..], &ACCEPT].concat());
    assert_eq!(refused(&lan.alice), []);
    lan.alice.frame(&to_bob());
    lan.alice.switch.remove_network(NETWORK);
    assert_eq!(refused(&lan.alice), []);
}

#[test]
fn what_a_capability_refused_is_not_the_fault_of_the_base_rules() {
    let mut lan = Lan::new(3);
    let datagram = lan.alice.sent(&to_bob()).remove(0);
    lan.bob.configure(|config| config.rules = vec![]);
    lan.bob.datagram(ALICE, &datagram);
    let capabilities = vec![RuleTable::parse(&DROP_IPV4).unwrap()];
    let known = NodeCredentials { capabilities, ..NodeCredentials::default() };
    lan.bob.switch.set_member_credentials(NETWORK, ALICE, known);
    lan.bob.datagram(ALICE, &datagram);
    assert_eq!(refused(&lan.bob), [(Refusal::NoRule, 0, 1), (Refusal::Capability, 0, 1)]);
}

#[test]
fn rules_that_cannot_be_read_let_nothing_through() {
    let mut lan = Lan::new(3);
    lan.alice.configure(|config| config.rules = vec![0x25, 0x02, 0x08]);
    assert!(lan.alice.frame(&to_bob()).punts().is_empty());
    assert_eq!(lan.alice.counters()["drop_rules_malformed"], 1);
}

#[test]
fn tee_gives_the_observer_a_cut_copy_with_the_original_macs() {
    let rules = [involve_carol(TEE, 20), ACCEPT.to_vec()].concat();
    let (mut lan, mut carol) = observed(&rules);
    let sent = leaving(&mut lan.alice, &to_bob());
    let [(first, copy), (second, whole)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!([*first, *second], [path_to(CAROL), path_to(BOB)]);
    assert_eq!(carol.datagram(ALICE, copy), [to_bob()[..34].to_vec()]);
    let out = lan.bob.ingest(ALICE, whole);
    assert_eq!(out.frames().len(), 1);
    let (path, copy) = out.datagrams().next().unwrap();
    assert_eq!(*path, path_to(CAROL), "the receiver sends one too");
    assert_eq!(carol.datagram(BOB, copy), [to_bob()[..34].to_vec()]);
}

#[test]
fn watch_asks_the_observer_to_acknowledge() {
    let rules = [involve_carol(WATCH, 0), ACCEPT.to_vec()].concat();
    let (mut lan, mut carol) = observed(&rules);
    let (_, copy) = leaving(&mut lan.alice, &to_bob()).remove(0);
    let out = carol.ingest(ALICE, &copy);
    assert_eq!(out.frames().collect::<Vec<_>>(), [(NETWORK, to_bob().as_slice())]);
    assert_eq!(kind(&out.punts()[0]), PuntKind::Ack);
    assert_eq!(told(&out), copy.len());
}

#[test]
fn redirected_frame_goes_to_the_other_node_alone() {
    let rules = [involve_carol(REDIRECT, 0), ACCEPT.to_vec()].concat();
    let (mut lan, mut carol) = observed(&rules);
    let sent = leaving(&mut lan.alice, &to_bob());
    let [(path, datagram)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(*path, path_to(CAROL));
    assert_eq!(carol.datagram(ALICE, datagram), [to_bob()]);
}

#[test]
fn observer_out_of_reach_is_looked_for_and_the_frame_flows_on() {
    let rules = [involve_carol(TEE, 0), ACCEPT.to_vec()].concat();
    let (mut lan, _) = observed(&rules);
    lan.alice.switch.remove_session(CAROL);
    lan.alice.switch.remove_member(NETWORK, CAROL);
    let out = lan.alice.frame(&to_bob());
    assert_eq!(out.datagrams().map(|(path, _)| *path).collect::<Vec<_>>(), [path_to(BOB)]);
    assert_eq!(due(&out.punts()[0]), Some(CAROL));
    assert_eq!(lan.alice.counters()["drop_copy"], 1);
}

#[test]
fn capability_of_the_sender_lets_pass_what_base_rules_leave_open() {
    let mut lan = Lan::new(3);
    let allowed = || NodeCredentials {
        capabilities: vec![RuleTable::parse(&ACCEPT).unwrap()],
        ..NodeCredentials::default()
    };
    for station in [&mut lan.alice, &mut lan.bob] {
        station.configure(|config| config.rules = vec![]);
    }
    assert!(lan.alice.frame(&to_bob()).datagrams().len() == 0);
    lan.alice.configure(|config| config.credentials = allowed());
    assert!(lan.alice_to_bob(&to_bob()).is_empty(), "the receiver does not know of it");
    lan.bob.switch.set_member_credentials(NETWORK, ALICE, allowed());
    assert_eq!(lan.alice_to_bob(&to_bob()), [to_bob()]);
}

#[test]
fn credentials_of_a_refused_stranger_are_asked_for_once_a_second() {
    let mut lan = Lan::new(3);
    lan.bob.configure(|config| config.rules = vec![]);
    let asked = |lan: &mut Lan, later: u64| {
        let mut datagram = lan.alice.sent(&to_bob()).remove(0);
        let out = lan.bob.run(|switch, out| {
            switch.ingest_datagram(path_to(ALICE), &mut datagram, NOW + later, out);
        });
        out.punts().iter().any(|punt| kind(punt) == PuntKind::Rules)
    };
    assert_eq!([0, 999, 1000].map(|later| asked(&mut lan, later)), [true, false, true]);
    let owned = Credentials::new(vec![(1, 1)], vec![], vec![]);
    let known = NodeCredentials { owned, ..NodeCredentials::default() };
    lan.bob.switch.set_member_credentials(NETWORK, ALICE, known);
    assert!(!asked(&mut lan, 2000), "it is known, and refused for good");
}

#[test]
fn refused_multicast_frame_is_paid_for_and_gathered_for_once_when_it_comes_again() {
    let mut lan = Lan::new(3);
    let group = 0x0100_5e00_00fb;
    lan.alice.switch.set_multicast(NETWORK, (group, 0), vec![BOB], 7, NOW + 1);
    lan.bob.configure(|config| {
        config.rules = vec![];
        config.receive_budget = Allowance { rate: 1, burst: 1 };
    });
    let sent = frame(group, mac_of(ALICE, NETWORK), 50);
    let datagram = lan.alice.sent(&sent).remove(0);
    let out = lan.bob.ingest(ALICE, &datagram);
    let kinds: Vec<PuntKind> = out.punts().iter().map(kind).collect();
    assert_eq!(kinds, [PuntKind::Gather, PuntKind::Rules]);
    assert_eq!(told(&out), datagram.len());

    let Punt::Rules { arrival, payload, .. } = &out.punts()[1] else { panic!("{kinds:?}") };
    let packet = Opened { arrival: Arrival { size: 0, ..*arrival }, payload };
    let again = |lan: &mut Lan, judged| {
        let out = lan.bob.run(|switch, out| switch.deliver(&packet, judged, NOW, out));
        assert!(out.punts().is_empty());
        out.frames().len()
    };
    assert_eq!((again(&mut lan, true), lan.bob.counters()["drop_rules"]), (0, 1));
    assert_eq!(refused(&lan.bob), [(Refusal::NoRule, 0, 1)]);
    let capabilities = vec![RuleTable::parse(&ACCEPT).unwrap()];
    let known = NodeCredentials { capabilities, ..NodeCredentials::default() };
    lan.bob.switch.set_member_credentials(NETWORK, ALICE, known);
    assert_eq!(again(&mut lan, true), 1);
    assert_eq!((again(&mut lan, false), lan.bob.counters()["drop_receive_budget"]), (0, 1));
}

#[test]
fn flow_that_was_refused_passes_at_once_with_new_credentials_and_not_without_them() {
    let mut lan = Lan::new(3);
    // Only who has tag 1 with the value 5 may send.
    let rules = [[0x31, 8, 0, 0, 0, 1, 0, 0, 0, 5].as_slice(), &ACCEPT].concat();
    let mut flow = to_bob();
    flow[14] = 0x45;
    flow[23] = 17;
    let datagram = lan.alice.sent(&flow).remove(0);
    lan.bob.configure(|config| config.rules = rules);
    let tagged = |value| NodeCredentials {
        owned: Credentials::new(vec![(1, value)], vec![], vec![]),
        ..NodeCredentials::default()
    };
    for (value, passes) in [(4, false), (5, true), (4, false), (5, true)] {
        lan.bob.switch.set_member_credentials(NETWORK, ALICE, tagged(value));
        for _ in 0..3 {
            assert_eq!(!lan.bob.datagram(ALICE, &datagram).is_empty(), passes, "{value}");
        }
    }
    lan.bob.switch.remove_member(NETWORK, ALICE);
    lan.bob.switch.set_member(NETWORK, ALICE, true, true, u64::MAX);
    assert!(lan.bob.datagram(ALICE, &datagram).is_empty());
}
