//! Frames to groups (03, 8).

mod switchboard;

use earthline_core::ethernet::{BROADCAST, Header, mac_of};
use earthline_core::switch::{Arrival, FrameReason, Opened, Punt};
use switchboard::{ALICE, BOB, CAROL, Lan, NETWORK, NOW, Station, due, frame, path_to};

const MDNS: u64 = 0x3333_0000_00fb;

fn arp(operation: u8, source: u64) -> Vec<u8> {
    let mut arp = Header { destination: BROADCAST, source, ethertype: 0x0806 }.bytes().to_vec();
    arp.extend([0, 1, 0x08, 0x00, 6, 4, 0, operation]);
    arp.extend([0; 16]);
    arp.extend([10, 1, 2, 3]);
    arp
}

/// What a host says about an address that it has from now on.
fn announcement(source: u64) -> Vec<u8> {
    let mut frame = arp(1, source);
    frame.splice(28..32, [10, 1, 2, 3]);
    frame
}

fn solicitation(source: u64, target: [u8; 16]) -> Vec<u8> {
    let header = Header { destination: 0x3333_ff00_0001, source, ethertype: 0x86dd };
    let mut packet = [0; 72];
    packet[6] = 0x3a;
    packet[40] = 0x87;
    packet[48..64].copy_from_slice(&target);
    [header.bytes().as_slice(), &packet].concat()
}

fn reasons(station: &mut Station, frame: &[u8]) -> Vec<FrameReason> {
    let reason = |punt: &Punt| match punt {
        Punt::Frame { reason, .. } => Some(*reason),
        _ => None,
    };
    station.frame(frame).punts().iter().filter_map(reason).collect()
}

#[test]
fn arp_request_has_a_group_of_its_own() {
    let mut lan = Lan::new(3);
    let mac = lan.alice.mac();
    lan.alice.switch.set_multicast(NETWORK, (BROADCAST, 0x0a01_0203), vec![BOB], 0, NOW + 1);
    let request = arp(1, mac);
    assert_eq!(lan.alice_to_bob(&request), [request]);
    assert_eq!(reasons(&mut lan.alice, &arp(2, mac)), [FrameReason::Multicast]);
    lan.alice.configure(|config| config.broadcast = false);
    assert_eq!(lan.alice.frame(&arp(1, mac)).datagrams().len(), 1);
    assert!(reasons(&mut lan.alice, &arp(2, mac)).is_empty());
    assert_eq!(lan.alice.counters()["drop_broadcast"], 1);
}

#[test]
fn arp_about_ones_own_address_goes_to_all() {
    let mut lan = Lan::new(3);
    let gratuitous = announcement(lan.alice.mac());
    lan.alice.switch.set_multicast(NETWORK, (BROADCAST, 0), vec![BOB], 0, NOW + 1);
    assert_eq!(lan.alice_to_bob(&gratuitous), [gratuitous]);
}

#[test]
fn arp_about_ones_own_address_finds_its_former_owner_where_nothing_is_broadcast() {
    let mut lan = Lan::new(3);
    let gratuitous = announcement(lan.alice.mac());
    lan.alice.configure(|config| config.broadcast = false);
    lan.alice.switch.set_multicast(NETWORK, (BROADCAST, 0x0a01_0203), vec![BOB], 0, NOW + 1);
    assert_eq!(lan.alice_to_bob(&gratuitous), [gratuitous]);
}

#[test]
fn stale_group_is_punted() {
    let mut lan = Lan::new(3);
    let sent = frame(MDNS, lan.alice.mac(), 50);
    lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 0, NOW);
    assert_eq!(reasons(&mut lan.alice, &sent), [FrameReason::Multicast]);
    lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 0, NOW + 1);
    assert!(reasons(&mut lan.alice, &sent).is_empty());
    lan.alice.switch.remove_multicast(NETWORK, (MDNS, 0));
    assert_eq!(reasons(&mut lan.alice, &sent), [FrameReason::Multicast]);
}

#[test]
fn every_recipient_gets_its_own_packet_and_we_none() {
    let mut lan = Lan::new(3);
    let mut carol = Station::new(CAROL, 3);
    carol.join(&[ALICE]);
    carol.meet(ALICE, 1);
    lan.alice.join(&[CAROL]);
    lan.alice.meet(CAROL, 1);
    lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB, ALICE, CAROL], 0, NOW + 1);
    let sent = frame(MDNS, lan.alice.mac(), 500);
    let datagrams = lan.alice.sent(&sent);
    assert_eq!(datagrams.len(), 2);
    assert_ne!(datagrams[0][..8], datagrams[1][..8]);
    assert_eq!(lan.bob.datagram(ALICE, &datagrams[0]), std::slice::from_ref(&sent));
    assert_eq!(carol.datagram(ALICE, &datagrams[1]), [sent]);
}

#[test]
fn multicast_is_compressed_unless_the_network_forbids_it() {
    let mut lan = Lan::new(3);
    lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 0, NOW + 1);
    let mut sent = frame(MDNS, lan.alice.mac(), 0);
    sent.extend([0x55; 1200]);
    let compressed = lan.alice.sent(&sent).remove(0);
    assert!(compressed.len() < 200);
    assert_eq!(lan.bob.datagram(ALICE, &compressed), std::slice::from_ref(&sent));
    lan.alice.configure(|config| config.compress_multicast = false);
    assert!(lan.alice.sent(&sent)[0].len() > 1200);
}

#[test]
fn gather_limit_is_asked_for_and_punted_at_the_other_side() {
    let mut lan = Lan::new(3);
    lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 7, NOW + 1);
    let sent = frame(MDNS, lan.alice.mac(), 50);
    let datagram = lan.alice.sent(&sent).remove(0);
    let out = lan.bob.ingest(ALICE, &datagram);
    assert_eq!(out.frames().len(), 1);
    let Punt::Gather { limit, mac, adi, .. } = out.punts()[0] else { panic!("it gathers") };
    assert_eq!((limit, mac, adi), (7, MDNS, 0));
}

#[test]
fn flood_that_asks_for_members_in_every_frame_is_punted_once_a_second() {
    let mut lan = Lan::new(3);
    lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 7, NOW + 1);
    lan.alice.switch.set_multicast(NETWORK, (MDNS + 1, 0), vec![BOB], 7, NOW + 1);
    let mac = lan.alice.mac();
    let [first, second] = [MDNS, MDNS + 1].map(|group| lan.alice.sent(&frame(group, mac, 50)));
    let mut punts = |datagrams: &[Vec<u8>], later| {
        let mut datagram = datagrams[0].clone();
        let out = lan.bob.run(|switch, out| {
            switch.ingest_datagram(path_to(ALICE), &mut datagram, NOW + later, out);
        });
        assert_eq!(out.frames().len(), 1);
        out.punts().len()
    };
    assert_eq!([0, 1, 999, 1000].map(|later| punts(&first, later)), [1, 0, 0, 1]);
    assert_eq!(punts(&second, 1000), 1, "another group has a turn of its own");
}

#[test]
fn unreachable_recipient_does_not_hold_up_the_others() {
    let mut lan = Lan::new(3);
    lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![CAROL, BOB], 0, NOW + 1);
    let sent = frame(MDNS, lan.alice.mac(), 50);
    assert_eq!(lan.alice_to_bob(&sent), [sent]);
    assert_eq!(lan.alice.counters()["drop_route"], 1);
}

#[test]
fn recipient_without_our_credentials_is_reported() {
    let mut lan = Lan::new(3);
    lan.alice.switch.set_member(NETWORK, BOB, true, false, 0);
    lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 0, NOW + 1);
    let out = lan.alice.frame(&frame(MDNS, mac_of(ALICE, NETWORK), 50));
    assert_eq!(out.datagrams().len(), 1);
    assert_eq!(due(&out.punts()[0]), Some(BOB));
}

#[test]
fn limit_of_zero_stops_multicast_both_ways_but_not_emulation() {
    let mut lan = Lan::new(3);
    lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 0, NOW + 1);
    let sent = frame(MDNS, lan.alice.mac(), 50);
    let datagram = lan.alice.sent(&sent).remove(0);
    for station in [&mut lan.alice, &mut lan.bob] {
        station.configure(|config| {
            config.multicast_limit = 0;
            config.emulate_neighbours = true;
        });
    }
    assert!(lan.bob.datagram(ALICE, &datagram).is_empty());
    assert_eq!(lan.alice.frame(&sent).datagrams().len(), 0);
    let target = [0xfc, 0x9c, 0x56, 0xc2, 0xe3, 0xde, 0xad, 0xbe, 0xef, 0x01, 0, 0, 0, 0, 0, 1];
    let asked = solicitation(lan.alice.mac(), target);
    assert_eq!(reasons(&mut lan.alice, &asked), [FrameReason::Neighbour]);
}

#[test]
fn only_solicitations_for_addresses_that_embed_another_node_may_be_answered_here() {
    let mut lan = Lan::new(3);
    lan.alice.configure(|config| config.emulate_neighbours = true);
    let [_, _, _, a, b, c, d, e] = ALICE.to_be_bytes();
    let rfc4193 =
        [0xfd, 0x80, 0x56, 0xc2, 0xe2, 0x1c, 0, 0, 1, 0x99, 0x93, 0xde, 0xad, 0xbe, 0xef, 1];
    let ours = [0xfd, 0x80, 0x56, 0xc2, 0xe2, 0x1c, 0, 0, 1, 0x99, 0x93, a, b, c, d, e];
    let other_network = [0xfd, 0x81, 0x56, 0xc2, 0xe2, 0x1c, 0, 0, 1, 0x99, 0x93, 1, 2, 3, 4, 5];
    let link_local = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 3, 4, 0xff, 0xfe, 5, 6, 7];
    let mac = lan.alice.mac();
    let mut reason = |target| reasons(&mut lan.alice, &solicitation(mac, target))[0];
    assert_eq!(reason(rfc4193), FrameReason::Neighbour);
    for target in [ours, other_network, link_local] {
        assert_eq!(reason(target), FrameReason::Multicast);
    }
}

#[test]
fn data_that_no_multicast_frame_may_carry_is_dropped_and_counted() {
    let mut lan = Lan::new(3);
    let head =
        [&NETWORK.to_be_bytes()[..], &[0], &MDNS.to_be_bytes()[2..], &[0; 4], &[8, 0]].concat();
    let mut deliver = |length| {
        let payload = [&head[..], &vec![0; length]].concat();
        let packet = Opened {
            arrival: Arrival {
                path: path_to(ALICE),
                source: ALICE,
                packet_id: 1,
                hops: 0,
                suite: 3,
                verb: 0x0e,
                size: 0,
            },
            payload: &payload,
        };
        lan.bob.run(|switch, out| switch.deliver(&packet, false, NOW, out));
        lan.bob.counters()["drop_mtu"]
    };
    assert_eq!([0, 100, 10_000, 10_001].map(&mut deliver), [0, 0, 0, 1]);
}
