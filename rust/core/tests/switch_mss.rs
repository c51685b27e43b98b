//! TCP connections that are to agree on segments of one datagram each.

mod switchboard;

use earthline_core::ethernet::{HEADER_LENGTH, Header, mac_of};
use earthline_core::offload::checksum;
use earthline_core::switch::Punt;
use switchboard::{ALICE, BOB, CAROL, Lan, NETWORK, NOW, Station, path_to};

/// A device behind a bridge.
const DEVICE: u64 = 0x0a11_2233_4455;
/// What a kernel offers on a device of MTU 2800.
const OFFERED: u16 = 2760;
/// What is left of 1432 bytes behind the headers of a FRAME, of IPv4 and of TCP, and of an `EXT_FRAME`.
const FITS: u16 = 1354;
const FITS_BRIDGED: u16 = 1341;
/// Where the MSS stands in a frame.
const MSS_AT: usize = HEADER_LENGTH + 20 + 20 + 2;

/// The SYN of a connection from 10.1.0.1 to 10.1.0.2.
fn syn(destination: u64, source: u64) -> Vec<u8> {
    let mut frame = Header { destination, source, ethertype: 0x0800 }.bytes().to_vec();
    frame.extend(b"\x45\0\0\x2c\0\x01\x40\0\x40\x06\0\0\x0a\x01\0\x01\x0a\x01\0\x02");
    frame.extend(b"\x9c\x40\0\x50\x01\x02\x03\x04\0\0\0\0\x60\x02\xfa\xf0\0\0\0\0\x02\x04");
    frame.extend(OFFERED.to_be_bytes());
    let value = segment_checksum(&frame);
    frame[HEADER_LENGTH + 36..HEADER_LENGTH + 38].copy_from_slice(&value.to_be_bytes());
    frame
}

/// Zero where that of the segment is right.
fn segment_checksum(frame: &[u8]) -> u16 {
    let mut covered = b"\x0a\x01\0\x01\x0a\x01\0\x02\0\x06\0\x18".to_vec();
    covered.extend(&frame[HEADER_LENGTH + 20..]);
    checksum(&covered)
}

fn mss(frame: &[u8]) -> u16 {
    assert_eq!(segment_checksum(frame), 0);
    u16::from_be_bytes([frame[MSS_AT], frame[MSS_AT + 1]])
}

/// What Bob's TAP gets of Alice's SYN.
fn arrived(lan: &mut Lan) -> u16 {
    let frames = lan.alice_to_bob(&syn(lan.bob.mac(), lan.alice.mac()));
    assert_eq!(frames.len(), 1);
    mss(&frames[0])
}

#[test]
fn offers_pass_untouched_unless_they_are_to_be_lowered() {
    assert_eq!(arrived(&mut Lan::new(3)), OFFERED);
}

#[test]
fn sender_lowers_its_offer_to_the_route_of_the_peer() {
    let mut lan = Lan::new(3);
    lan.alice.switch.set_mss_clamp(true);
    assert_eq!(arrived(&mut lan), FITS);
    lan.alice.route(BOB, path_to(BOB), 8972);
    assert_eq!(arrived(&mut lan), OFFERED);
    lan.alice.route(BOB, path_to(BOB), 1432);
    lan.alice.switch.set_mss_clamp(false);
    assert_eq!(arrived(&mut lan), OFFERED);
}

#[test]
fn receiver_lowers_what_a_peer_without_the_setting_offers() {
    for suite in [1, 3] {
        let mut lan = Lan::new(suite);
        lan.bob.switch.set_mss_clamp(true);
        assert_eq!(arrived(&mut lan), FITS);
    }
}

#[test]
fn rules_and_observers_see_the_lowered_offer() {
    let (mut lan, mut carol) = (Lan::new(3), Station::new(CAROL, 3));
    carol.join(&[ALICE]);
    carol.meet(ALICE, 3);
    lan.alice.meet(CAROL, 3);
    lan.alice.switch.set_member(NETWORK, CAROL, true, true, u64::MAX);
    // TEE to Carol, whole, then ACCEPT.
    let tee = [&[2, 14][..], &CAROL.to_be_bytes(), &[0; 6], &[1, 0]].concat();
    for station in [&mut lan.alice, &mut carol] {
        station.configure(|config| config.rules.clone_from(&tee));
    }
    lan.alice.switch.set_mss_clamp(true);
    let sent = lan.alice.sent(&syn(lan.bob.mac(), lan.alice.mac()));
    assert_eq!(mss(&carol.datagram(ALICE, &sent[0])[0]), FITS);
}

#[test]
fn frames_with_both_macs_leave_less_room() {
    let mut lan = Lan::new(3);
    for station in [&mut lan.alice, &mut lan.bob] {
        station.configure(|config| config.bridges = vec![ALICE, BOB]);
    }
    lan.alice.switch.set_mss_clamp(true);
    let frames = lan.alice_to_bob(&syn(lan.bob.mac(), DEVICE));
    assert_eq!(frames.iter().map(|frame| mss(frame)).collect::<Vec<_>>(), [FITS_BRIDGED]);
}

#[test]
fn offer_to_a_peer_without_a_route_waits_untouched() {
    let mut alice = Station::new(ALICE, 1);
    alice.join(&[BOB]);
    alice.switch.set_mss_clamp(true);
    let sent = syn(mac_of(BOB, NETWORK), alice.mac());
    let punted = alice.frame(&sent).take_punts();
    assert!(matches!(&punted[..], [Punt::Frame { frame, .. }] if *frame == sent));
    alice.meet(BOB, 3);
    let out = alice.run(|switch, out| switch.ingest_again(NETWORK, &sent, None, NOW, out));
    assert_eq!(out.datagrams().count(), 1);
}
