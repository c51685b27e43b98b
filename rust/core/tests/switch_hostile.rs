//! Whatever comes in: no panic, no growth, no change before authentication.

mod switchboard;

use std::net::Ipv4Addr;

use earthline_core::ethernet::mac_of;
use earthline_core::packet;
use earthline_core::switch::{Arrival, Opened, Output, Path};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use switchboard::{ALICE, BOB, CAROL, Lan, NETWORK, NOW, frame, path_to};

const ROUNDS: usize = 60_000;

fn bytes(random: &mut ChaCha8Rng, most: u32) -> Vec<u8> {
    let mut bytes = vec![0; (random.next_u32() % most) as usize];
    random.fill_bytes(&mut bytes);
    bytes
}

/// Random bytes that look like something now and then.
fn datagram(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut datagram = bytes(random, 200);
    let choice = random.next_u32();
    if choice & 1 != 0 && datagram.len() > 27 {
        let destination = if choice & 2 != 0 { BOB } else { CAROL };
        let source = if choice & 4 != 0 { ALICE } else { u64::from(choice) };
        datagram[8..13].copy_from_slice(&packet::address_bytes(destination));
        datagram[13..18].copy_from_slice(&packet::address_bytes(source));
        if choice & 8 != 0 {
            datagram[13] = 0xff;
        }
    }
    datagram
}

#[test]
fn random_datagrams_never_panic_and_carry_nothing() {
    let mut random = ChaCha8Rng::seed_from_u64(20131101);
    let mut lan = Lan::new(3);
    lan.bob.switch.set_relay(true, CAROL, Some(path_to(CAROL)));
    lan.bob.trust_network(0);
    for round in 0..ROUNDS {
        let ip = Ipv4Addr::from(random.next_u32()).into();
        let path = Path { socket: 1, ip, port: round as u16 };
        let mut bytes = datagram(&mut random);
        let mut out = Output::new();
        lan.bob.switch.ingest_datagram(path, &mut bytes, NOW + round as u64, &mut out);
        assert_eq!(out.frames().len(), 0);
    }
    let activity = lan.bob.switch.take_activity();
    assert!(activity.peers.is_empty() && activity.slots.is_empty() && activity.paths.is_empty());
}

#[test]
fn random_payloads_of_a_member_never_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(20131102);
    let mut lan = Lan::new(3);
    lan.bob.configure(|config| config.bridges = vec![ALICE, BOB]);
    for round in 0..ROUNDS {
        let mut payload = NETWORK.to_be_bytes().to_vec();
        payload.extend(bytes(&mut random, 120));
        payload.truncate(random.next_u32() as usize % 130);
        let verb = [0x06, 0x07, 0x0e, random.next_u32() as u8][round % 4];
        let opened = Opened {
            arrival: Arrival {
                path: path_to(ALICE),
                source: ALICE,
                packet_id: random.next_u64(),
                hops: 0,
                suite: 3,
                verb,
                size: 0,
            },
            payload: &payload,
        };
        let mut out = Output::new();
        lan.bob.switch.deliver(&opened, round % 3 == 0, NOW, &mut out);
        for (_, frame) in out.frames() {
            assert!(frame.len() > 14);
        }
    }
}

#[test]
fn random_frames_of_the_tap_never_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(20131103);
    let mut lan = Lan::new(1);
    lan.alice.configure(|config| {
        config.bridges = vec![ALICE];
        config.emulate_neighbours = true;
    });
    for round in 0..ROUNDS {
        let mut frame = bytes(&mut random, 120);
        if round % 2 == 0 && frame.len() > 14 {
            frame[0] |= 0x01;
            frame[12..14].copy_from_slice(if round % 4 == 0 {
                &[0x86, 0xdd]
            } else {
                &[0x08, 0x06]
            });
        }
        lan.alice.frame(&frame);
    }
}

#[test]
fn flood_of_trusted_looking_strangers_raises_no_introductions() {
    let mut random = ChaCha8Rng::seed_from_u64(20131104);
    let mut lan = Lan::new(3);
    lan.bob.switch.set_relay(true, CAROL, Some(path_to(CAROL)));
    let mut relayed = 0;
    for _ in 0..ROUNDS {
        let source = random.next_u64() & 0x7f_ffff_ffff | 1;
        let mut head = packet::header(random.next_u64(), CAROL, source, 6).to_vec();
        head.extend([0; 40]);
        let out = lan.bob.ingest(CAROL, &head);
        relayed += out.datagrams().len();
        assert!(out.punts().is_empty());
    }
    assert_eq!(relayed, ROUNDS);
}

#[test]
fn paths_of_strangers_are_not_remembered() {
    let mut lan = Lan::new(3);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 10);
    let datagram = lan.alice.sent(&sent).remove(0);
    for port in 1..=u16::MAX {
        let path = Path { socket: 1, ip: [192, 0, 2, 1].into(), port };
        let mut bytes = datagram.clone();
        lan.bob.run(|switch, out| switch.ingest_datagram(path, &mut bytes, NOW, out));
    }
    let activity = lan.bob.switch.take_activity();
    assert_eq!((activity.peers.len(), activity.slots.len(), activity.paths.len()), (1, 0, 0));
}

/// Whether Bob gets a frame in two pieces though forged fragments for him come between them.
fn frame_survives_fragments_from(mut path: impl FnMut(u16) -> Path) -> bool {
    let mut lan = Lan::new(3);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 2000);
    let pieces = lan.alice.sent(&sent);
    assert_eq!((pieces.len(), lan.bob.datagram(ALICE, &pieces[0]).len()), (2, 0));
    for number in 0..u16::MAX {
        let mut forged = pieces[1][..17].to_vec();
        forged[..8].copy_from_slice(&(u64::from(number) + 1).to_be_bytes());
        lan.bob.run(|switch, out| switch.ingest_datagram(path(number), &mut forged, NOW, out));
    }
    lan.bob.datagram(ALICE, &pieces[1]) == [sent]
}

#[test]
fn forged_fragments_from_anywhere_lose_no_frame_of_a_peer() {
    let stranger = |ip, port| Path { socket: 1, ip, port };
    let single = Ipv4Addr::new(192, 0, 2, 1).into();
    assert!(frame_survives_fragments_from(|port| stranger(single, port)), "from one IP");
    let random = |number: u16| Ipv4Addr::from_bits(u32::from(number).wrapping_mul(0x9e37_79b1));
    assert!(frame_survives_fragments_from(|number| stranger(random(number).into(), 1)));
    assert!(frame_survives_fragments_from(|_| path_to(ALICE)), "from the peer's own endpoint");
}
