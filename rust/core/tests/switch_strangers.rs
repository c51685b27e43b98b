//! What may take the time of the engines, and how much of it (02, 3.6, 4.10).

mod switchboard;

use earthline_core::ethernet::mac_of;
use earthline_core::packet;
use earthline_core::switch::{Output, Path, Punt};
use switchboard::{
    ALICE, BOB, CAROL, Lan, NETWORK, NOW, PUBLIC_KEY, PuntKind, Station, control, forged_hello,
    frame, hello, path_to,
};

const WHOIS: u8 = 0x04;
const OK: u8 = 0x03;
/// Beyond every allowance.
const FLOOD: usize = 40_000;

fn from(ip: [u8; 4]) -> Path {
    Path { socket: 1, ip: ip.into(), port: 9993 }
}

/// A packet of nobody known, as short as can be.
fn unknown(source: u64) -> Vec<u8> {
    let mut packet = packet::header(7, BOB, source, WHOIS).to_vec();
    packet[packet::FLAGS] = packet::with_suite(0, packet::SUITE_SALSA_POLY1305);
    packet.push(0);
    packet
}

/// Bob, who knows Alice.
fn bob() -> Station {
    Lan::new(3).bob
}

#[test]
fn malformed_hello_never_rises_and_is_counted_by_its_fault() {
    let whole = forged_hello(CAROL, BOB);
    let changed = |at: usize, byte: u8| {
        let mut hello = whole.clone();
        hello[at] = byte;
        hello
    };
    let (protocol, address, kind, private) = (28, 41, 46, 111);
    let cases = [
        (whole[..111].to_vec(), "drop_hello_malformed"),
        (whole[..29].to_vec(), "drop_hello_malformed"),
        (whole[..28].to_vec(), "drop_hello_malformed"),
        (changed(kind, 1), "drop_hello_malformed"),
        (changed(private, 64), "drop_hello_malformed"),
        (changed(private, 1), "drop_hello_malformed"),
        (changed(protocol, 3), "drop_hello_protocol"),
        (changed(address, 0x77), "drop_hello_source"),
        (forged_hello(0, BOB), "drop_reserved_source"),
        (unknown(0), "drop_reserved_source"),
    ];
    for (datagram, counter) in cases {
        let mut bob = bob();
        assert_eq!(bob.punts_at(path_to(CAROL), &datagram, NOW), [], "{counter}");
        assert_eq!(bob.counters()[counter], 1);
    }
    let mut bob = bob();
    assert_eq!(bob.punts_at(path_to(CAROL), &whole, NOW), [PuntKind::Hello]);
    assert_eq!(bob.punts_at(path_to(CAROL), &changed(protocol, 4), NOW), [PuntKind::Hello]);
}

#[test]
fn packet_that_no_key_could_open_never_rises() {
    for (suite, counter) in [(2, "drop_trusted_path"), (4, "drop_unauthentic")] {
        let mut bob = bob();
        let mut datagram = unknown(CAROL);
        datagram[packet::FLAGS] = packet::with_suite(0, suite);
        assert_eq!(bob.punts_at(path_to(CAROL), &datagram, NOW), []);
        assert_eq!(bob.counters()[counter], 1);
    }
}

#[test]
fn hello_is_authentic_only_if_the_key_of_its_source_fits() {
    let mut bob = bob();
    let is_authentic = |out: &Output| match out.punts() {
        [Punt::Hello { authentic, .. }] => Some(*authentic),
        _ => None,
    };
    assert_eq!(is_authentic(&bob.ingest(ALICE, &hello(ALICE, BOB))), Some(true));
    let forged = bob.ingest(ALICE, &forged_hello(ALICE, BOB));
    assert_eq!(is_authentic(&forged), Some(false), "maybe another one claims her address");
    assert_eq!(is_authentic(&bob.ingest(CAROL, &hello(CAROL, BOB))), Some(false));
}

#[test]
fn forged_hello_with_the_identity_of_a_known_peer_never_rises() {
    let mut bob = bob();
    let mut forged = forged_hello(ALICE, BOB);
    forged[47..111].copy_from_slice(&PUBLIC_KEY);
    for number in 0..FLOOD as u64 {
        let [.., a, b] = number.to_be_bytes();
        assert_eq!(bob.punts_at(from([203, a, b, 1]), &forged, NOW), []);
    }
    assert_eq!(bob.counters()["drop_unauthentic"], FLOOD as u64);
    assert_eq!(bob.counters()["drop_newcomer_budget"], 0);

    forged[110] ^= 1;
    assert_eq!(bob.punts_at(path_to(ALICE), &forged, NOW), [PuntKind::Hello]);
}

#[test]
fn flood_from_one_prefix_takes_nothing_from_others_and_from_known_peers() {
    let mut bob = bob();
    let (mut hellos, mut strangers) = (0, 0);
    for number in 0..FLOOD as u64 {
        let path = from([203, 0, 113, number as u8]);
        let source = 0x50_0000_0000 + number;
        hellos += bob.punts_at(path, &forged_hello(source, BOB), NOW).len();
        hellos += bob.punts_at(path, &forged_hello(ALICE, BOB), NOW).len();
        strangers += bob.punts_at(path, &unknown(source), NOW).len();
    }
    assert_eq!((hellos, strangers), (64, 256));
    let counters = bob.counters();
    assert_eq!(counters["drop_newcomer_budget"], 2 * FLOOD as u64 - 64);
    assert_eq!(counters["drop_stranger_budget"], FLOOD as u64 - 256);

    let elsewhere = from([203, 0, 114, 1]);
    assert_eq!(bob.punts_at(elsewhere, &forged_hello(CAROL, BOB), NOW), [PuntKind::Hello]);
    assert_eq!(bob.punts_at(elsewhere, &unknown(CAROL), NOW), [PuntKind::UnknownSource]);
    let flooded = from([203, 0, 113, 1]);
    assert_eq!(bob.punts_at(flooded, &hello(ALICE, BOB), NOW), [PuntKind::Hello]);
    assert_eq!(bob.punts_at(flooded, &control(ALICE, BOB, WHOIS, b""), NOW), [PuntKind::Packet]);
    assert_eq!(bob.punts_at(flooded, &forged_hello(CAROL, BOB), NOW), []);
    let later = NOW + 1000;
    assert_eq!(bob.punts_at(flooded, &forged_hello(CAROL, BOB), later), [PuntKind::Hello]);
}

#[test]
fn strangers_relayed_by_a_known_peer_have_more_room_than_a_flood_beside_it() {
    let mut bob = bob();
    let beside = Path { port: 1, ..path_to(ALICE) };
    let count = |bob: &mut Station, path| -> usize {
        let unknown = |number| unknown(0x50_0000_0000 + number as u64);
        (0..FLOOD).map(|number| bob.punts_at(path, &unknown(number), NOW).len()).sum()
    };
    assert_eq!(count(&mut bob, beside), 256);
    assert_eq!(count(&mut bob, path_to(ALICE)), 8 * 256);
}

#[test]
fn flood_of_a_known_peer_is_held_to_its_ration_and_another_peer_is_heard() {
    let mut bob = bob();
    bob.meet(CAROL, 3);
    for (verb, length, most) in [(WHOIS, 5, 4096), (OK, 0, 16_384)] {
        let datagram = control(ALICE, BOB, verb, &vec![0; length]);
        let risen: usize =
            (0..FLOOD).map(|_| bob.punts_at(path_to(ALICE), &datagram, NOW).len()).sum();
        assert_eq!(risen, most);
    }
    assert_eq!(bob.punts_at(path_to(ALICE), &hello(ALICE, BOB), NOW), []);
    let other = control(CAROL, BOB, WHOIS, &[0; 5]);
    assert_eq!(bob.punts_at(path_to(CAROL), &other, NOW), [PuntKind::Packet]);
    assert!(bob.counters()["drop_peer_budget"] > 0);
}

#[test]
fn long_packet_costs_a_peer_more_than_a_short_one() {
    let mut bob = bob();
    let datagram = control(ALICE, BOB, WHOIS, &[0; 9 * 1024]);
    let risen: usize = (0..FLOOD).map(|_| bob.punts_at(path_to(ALICE), &datagram, NOW).len()).sum();
    assert_eq!(risen, 4096 / 37);
}

#[test]
fn thousands_of_questions_and_answers_a_second_are_no_flood() {
    let mut bob = bob();
    let question = control(ALICE, BOB, WHOIS, &[0; 5]);
    let answer = control(ALICE, BOB, OK, &[0; 90]);
    for round in 0..40 {
        // So many identities are asked for each 500 ms while nobody knows them.
        for _ in 0..768 {
            let now = NOW + 500 * round;
            assert_eq!(bob.punts_at(path_to(ALICE), &question, now), [PuntKind::Packet]);
            assert_eq!(bob.punts_at(path_to(ALICE), &answer, now), [PuntKind::Packet]);
        }
    }
}

#[test]
fn frames_before_their_credentials_take_nothing_from_the_credentials() {
    let mut lan = Lan::new(3);
    lan.bob.switch.set_member(NETWORK, ALICE, false, true, u64::MAX);
    let early = lan.alice.sent(&frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 100)).remove(0);
    let asked: usize =
        (0..FLOOD).map(|_| lan.bob.punts_at(path_to(ALICE), &early, NOW).len()).sum();
    assert_eq!(asked, 2048);
    let credentials = control(ALICE, BOB, 0x0a, &[0; 400]);
    assert_eq!(lan.bob.punts_at(path_to(ALICE), &credentials, NOW), [PuntKind::Packet]);
}

#[test]
fn forged_datagrams_keep_no_path_alive() {
    let mut bob = bob();
    let mut spoiled = control(ALICE, BOB, WHOIS, b"");
    spoiled[20] ^= 1;
    let mut fragment = vec![0; 40];
    fragment[8..13].copy_from_slice(&packet::address_bytes(BOB));
    fragment[13] = 0xff;
    fragment[14] = 0x21;
    for datagram in [
        vec![0; 20],
        unknown(CAROL),
        forged_hello(ALICE, BOB),
        spoiled,
        fragment,
        control(ALICE, BOB, OK, b""),
    ] {
        bob.ingest(ALICE, &datagram);
        assert!(bob.switch.take_activity().paths.is_empty());
    }
    bob.ingest(ALICE, &control(ALICE, BOB, WHOIS, b""));
    let activity = bob.switch.take_activity();
    assert_eq!((activity.paths.len(), activity.paths[0].in_at), (1, NOW));
}

#[test]
fn packet_in_pieces_keeps_its_path_alive_once_it_is_whole() {
    let mut lan = Lan::new(3);
    for datagram in lan.alice.sent(&frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 2500)) {
        assert!(lan.bob.switch.take_activity().paths.is_empty());
        lan.bob.ingest(ALICE, &datagram);
    }
    assert_eq!(lan.bob.switch.take_activity().paths[0].in_at, NOW);
}
