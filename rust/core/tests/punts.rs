//! The queue of what waits for the engines, while it is flooded.
#![expect(clippy::unwrap_used, reason = "a failed test may end here")]

mod switchboard;

use std::net::Ipv4Addr;

use earthline_core::ethernet::mac_of;
use earthline_core::packet;
use earthline_core::punts::PuntQueue;
use earthline_core::switch::{NetworkConfig, Output, Path, Punt, Twins};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use switchboard::{
    ALICE, BOB, CAROL, NETWORK, NOW, PuntKind, control, forged_hello, frame, hello, introduce,
    kind, path_to,
};

const WHOIS: u8 = 0x04;
const FLOOD: usize = 20_000;
/// More than a round.
const ALL: usize = 1000;

/// Bob with his queue, and a forger.
struct Victim {
    twins: Twins,
    queue: PuntQueue,
    random: ChaCha8Rng,
    now: u64,
}

impl Victim {
    fn new() -> Self {
        let twins = Twins::new(BOB, &[2; 32], 1);
        for peer in [ALICE, CAROL] {
            introduce(&mut twins.of(0), BOB, peer, 3);
        }
        let queue = twins.punt_queue();
        Self { twins, queue, random: ChaCha8Rng::seed_from_u64(20131106), now: NOW }
    }

    fn ingest(&mut self, path: Path, datagram: &[u8]) {
        let mut out = Output::new();
        self.twins.of(0).ingest_datagram(path, &mut datagram.to_vec(), self.now, &mut out);
        for punt in out.take_punts() {
            self.queue.push(punt, self.now);
        }
    }

    /// A frame of Bob's for somebody who does not hold his credentials.
    fn frame(&mut self) {
        let frame = frame(mac_of(CAROL, NETWORK), mac_of(BOB, NETWORK), 60);
        let mut out = Output::new();
        let mut switch = self.twins.of(0);
        let config =
            NetworkConfig { mtu: 2800, rules: vec![0x01, 0x00], ..NetworkConfig::default() };
        switch.set_network(NETWORK, config);
        switch.ingest_frame(NETWORK, &frame, self.now, &mut out);
        drop(switch);
        for punt in out.take_punts() {
            self.queue.push(punt, self.now);
        }
    }

    /// One packet of each kind that somebody can send without a key, from anywhere.
    fn forge(&mut self) {
        let ip = Ipv4Addr::from(self.random.next_u32());
        let path = Path { socket: 1, ip: ip.into(), port: 9993 };
        let source = self.random.next_u64() & 0x7f_ffff_ffff | 1;
        let mut unknown = packet::header(self.random.next_u64(), BOB, source, WHOIS).to_vec();
        unknown[packet::FLAGS] = packet::with_suite(0, packet::SUITE_AES_GMAC_SIV);
        unknown.push(0);
        self.ingest(path, &unknown);
        self.ingest(path, &forged_hello(source, BOB));
        self.ingest(path, &forged_hello(ALICE, BOB));
        let mut junk = vec![0; 40];
        self.random.fill_bytes(&mut junk);
        self.ingest(path, &junk);
    }

    fn counter(&self, name: &str) -> u64 {
        self.queue.counters().find(|(counter, _)| *counter == name).unwrap().1
    }
}

fn is_of(punt: &Punt, of: PuntKind, source: u64) -> bool {
    (kind(punt), punt.source()) == (of, source)
}

#[test]
fn packets_of_known_peers_and_own_frames_come_in_the_next_round_whatever_waits() {
    let mut bob = Victim::new();
    (0..FLOOD).for_each(|_| bob.forge());
    bob.ingest(path_to(ALICE), &control(ALICE, BOB, WHOIS, b""));
    bob.ingest(path_to(CAROL), &hello(CAROL, BOB));
    bob.frame();
    (0..FLOOD).for_each(|_| bob.forge());
    let round = bob.queue.take(ALL, ALL);
    assert!(round.len() < 40, "and a round is short");
    assert!(round.iter().any(|punt| is_of(punt, PuntKind::Packet, ALICE)));
    assert!(round.iter().any(|punt| is_of(punt, PuntKind::Hello, CAROL)));
    assert!(round.iter().any(|punt| is_of(punt, PuntKind::Frame, 0)));
    assert_eq!(bob.counter("drop_punt_peers") + bob.counter("drop_punt_host"), 0);
    assert!(bob.counter("punts_waiting") <= 768);
}

#[test]
fn peer_that_floods_delays_no_other_peer() {
    let mut bob = Victim::new();
    let flood = control(ALICE, BOB, WHOIS, b"");
    (0..FLOOD).for_each(|_| bob.ingest(path_to(ALICE), &flood));
    bob.ingest(path_to(CAROL), &control(CAROL, BOB, WHOIS, b""));
    (0..FLOOD).for_each(|_| bob.ingest(path_to(ALICE), &flood));
    let round = bob.queue.take(ALL, ALL);
    assert!(round[..2].iter().any(|punt| is_of(punt, PuntKind::Packet, CAROL)));
    assert_eq!(bob.counter("drop_punt_peers"), 4096 - 2048, "of her ration, her line");
}

#[test]
fn no_class_starves_while_peers_always_have_more() {
    let mut bob = Victim::new();
    let flood = control(ALICE, BOB, WHOIS, b"");
    let (mut newcomers, mut strangers) = (0, 0);
    for _ in 0..100 {
        bob.forge();
        bob.now += 20;
        (0..40).for_each(|_| bob.ingest(path_to(ALICE), &flood));
        for punt in bob.queue.take(ALL, ALL) {
            newcomers += usize::from(kind(&punt) == PuntKind::Hello);
            strangers += usize::from(kind(&punt) == PuntKind::UnknownSource);
        }
    }
    assert_eq!((newcomers, strangers), (200, 100));
    assert!(bob.counter("punts_waiting") > 1000);
}

#[test]
fn newcomer_that_repeats_its_hello_gets_in_while_forged_ones_pour_in() {
    const NEWCOMER: u64 = 0x66_0000_0009;
    let mut bob = Victim::new();
    let mut tries = 0;
    // 50,000 a second of each kind; the engines take a round each 5 ms, which is far from enough.
    for ms in 0..5000 {
        bob.now += 1;
        (0..50).for_each(|_| bob.forge());
        if ms % 500 == 499 {
            bob.ingest(path_to(NEWCOMER), &forged_hello(NEWCOMER, BOB));
            tries += 1;
        }
        if ms % 5 == 0
            && bob.queue.take(ALL, ALL).iter().any(|punt| is_of(punt, PuntKind::Hello, NEWCOMER))
        {
            assert_eq!(tries, 2);
            return;
        }
    }
    panic!("not within {tries} tries");
}

#[test]
fn list_of_forged_hellos_that_is_sent_again_and_again_keeps_no_newcomer_out() {
    const NEWCOMER: u64 = 0x66_0000_0009;
    const LIST: u64 = 5000;
    let mut bob = Victim::new();
    let mut let_in = 0;
    // Each twice a second, which is as often as an honest node tries; the engines take a round each 5 ms.
    for ms in 0..15_000 {
        bob.now += 1;
        for number in ms * 10..ms * 10 + 10 {
            let forged = 0x55_0000_0000 + number % LIST;
            let ip = Ipv4Addr::from(0x5500_0000 + (number % LIST) as u32 * 256);
            bob.ingest(Path { socket: 1, ip: ip.into(), port: 9993 }, &forged_hello(forged, BOB));
        }
        if ms % 5 == 0 {
            let_in += bob.queue.take(ALL, ALL).len();
        }
    }
    assert!(let_in < 3 * LIST as usize, "{let_in}");
    for _ in 0..3 {
        bob.ingest(path_to(NEWCOMER), &forged_hello(NEWCOMER, BOB));
        bob.now += 100;
        if bob.queue.take(ALL, ALL).iter().any(|punt| is_of(punt, PuntKind::Hello, NEWCOMER)) {
            return;
        }
    }
    panic!("it was not let in");
}

#[test]
fn stranger_that_repeats_itself_is_noticed_while_forged_ones_pour_in() {
    const STRANGER: u64 = 0x66_0000_0009;
    let mut bob = Victim::new();
    for _ in 0..2 {
        (0..FLOOD).for_each(|_| bob.forge());
        let mut packet = packet::header(7, BOB, STRANGER, WHOIS).to_vec();
        packet[packet::FLAGS] = packet::with_suite(0, packet::SUITE_AES_GMAC_SIV);
        bob.ingest(path_to(STRANGER), &packet);
        bob.now += 500;
    }
    let mut waiting =
        std::iter::from_fn(|| Some(bob.queue.take(ALL, ALL)).filter(|it| !it.is_empty()));
    assert!(
        waiting.any(|round| {
            round.iter().any(|punt| is_of(punt, PuntKind::UnknownSource, STRANGER))
        })
    );
    assert!(bob.counter("drop_punt_unrepeated") > 0);
}

#[test]
fn first_hello_passes_where_nobody_presses() {
    let mut bob = Victim::new();
    bob.ingest(path_to(9), &forged_hello(9, BOB));
    assert!(is_of(&bob.queue.take(ALL, ALL)[0], PuntKind::Hello, 9));
}

#[test]
fn of_an_unknown_address_only_the_first_few_packets_wait() {
    let mut bob = Victim::new();
    let mut packet = packet::header(7, BOB, 9, WHOIS).to_vec();
    packet[packet::FLAGS] = packet::with_suite(0, packet::SUITE_AES_GMAC_SIV);
    for _ in 0..2 {
        (0..100).for_each(|_| bob.ingest(path_to(9), &packet));
        assert_eq!((bob.queue.len(), bob.queue.take(ALL, ALL).len()), (4, 4));
    }
    assert_eq!(bob.counter("drop_punt_repeated"), 192);
}

#[test]
fn rounds_that_a_limit_cuts_short_give_each_class_its_share_all_the_same() {
    let mut bob = Victim::new();
    let flood = control(ALICE, BOB, WHOIS, b"");
    (0..200).for_each(|_| bob.ingest(path_to(ALICE), &flood));
    (0..40).for_each(|_| bob.forge());
    let mut kinds = Vec::new();
    for _ in 0..48 {
        let taken = bob.queue.take(1, ALL);
        assert_eq!(taken.len(), 1);
        kinds.push(kind(&taken[0]));
    }
    let number = |kind| kinds.iter().filter(|other| **other == kind).count();
    assert_eq!([PuntKind::Packet, PuntKind::Hello].map(number), [32, 8]);
    assert_eq!(number(PuntKind::UnknownSource), 8);
}
