//! Two switches back to back: frames, fragments, the gate, bridges.

mod switchboard;

use earthline_core::ethernet::{BROADCAST, mac_of};
use earthline_core::switch::{Arrival, Opened, Punt, Route};
use switchboard::{
    ALICE, BOB, Lan, NETWORK, NOW, PuntKind, Station, due, frame, kind, path_to, told,
};

#[test]
fn frames_of_every_length_arrive_whole_in_both_suites() {
    for suite in [1, 3] {
        let mut lan = Lan::new(suite);
        for length in [1, 13, 64, 1394, 1395, 2800, 5000, 9000, 9890] {
            let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), length);
            assert_eq!(
                lan.alice_to_bob(&sent),
                std::slice::from_ref(&sent),
                "length {length}, suite {suite}"
            );
        }
        let counters = lan.bob.counters();
        assert_eq!(counters["frames_rx"], 9);
        assert_eq!(counters["drop_unauthentic"], 0);
    }
}

#[test]
fn frames_too_long_for_seven_datagrams_are_not_sent() {
    let mut lan = Lan::new(3);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 9891);
    assert!(lan.alice.frame(&sent).datagrams().len() == 0);
    assert_eq!(lan.alice.counters()["drop_too_large"], 1);
}

#[test]
fn ten_thousand_bytes_pass_where_datagrams_are_large() {
    let mut lan = Lan::new(3);
    lan.alice.route(BOB, path_to(BOB), 10_024);
    let longest = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 9986);
    assert_eq!(lan.alice_to_bob(&longest), std::slice::from_ref(&longest));
    let too_long = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 9987);
    assert!(lan.alice_to_bob(&too_long).is_empty());
    assert_eq!(lan.alice.counters()["drop_too_large"], 1);
}

#[test]
fn fragments_in_any_order_make_one_frame() {
    let mut lan = Lan::new(3);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 5000);
    let mut pieces = lan.alice.sent(&sent);
    pieces.reverse();
    pieces.extend(pieces.clone());
    let arrived: Vec<_> = pieces.iter().flat_map(|piece| lan.bob.datagram(ALICE, piece)).collect();
    assert_eq!(arrived, [sent]);
}

#[test]
fn altered_packet_is_dropped_and_changes_nothing() {
    let mut lan = Lan::new(3);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 100);
    let datagram = lan.alice.sent(&sent).remove(0);
    // The verb, the payload, the MAC, the packet ID; hops may change.
    for offset in [27, 60, 20, 3] {
        let mut altered = datagram.clone();
        altered[offset] ^= 0x01;
        assert!(lan.bob.datagram(ALICE, &altered).is_empty());
    }
    assert_eq!(lan.bob.counters()["drop_unauthentic"], 4);
    assert!(lan.bob.switch.take_activity().peers.is_empty());
    let mut relayed = datagram;
    relayed[18] |= 0x02;
    assert_eq!(lan.bob.datagram(ALICE, &relayed), [sent]);
    assert_eq!(lan.bob.switch.take_activity().peers[0].relayed_received_at, NOW);
}

#[test]
fn frame_of_a_stranger_is_punted_at_the_gate_and_delivered_once_admitted() {
    let mut lan = Lan::new(3);
    lan.bob.switch.set_member(NETWORK, ALICE, false, true, u64::MAX);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 100);
    let datagram = lan.alice.sent(&sent).remove(0);
    let out = lan.bob.ingest(ALICE, &datagram);
    let punt = out.punts().iter().find(|punt| kind(punt) == PuntKind::Gate).unwrap();
    let Punt::Gate { arrival, payload, network } = punt else { panic!("{punt:?}") };
    assert_eq!((arrival.source, *network, arrival.verb), (ALICE, NETWORK, 0x06));
    assert_eq!(told(&out), datagram.len());
    assert_eq!(arrival.packet_id, u64::from_be_bytes(datagram[..8].try_into().unwrap()));
    assert_eq!(lan.bob.switch.take_activity().peers[0].frame_received_at, 0);

    let packet = Opened { arrival: Arrival { size: 0, ..*arrival }, payload };
    let out = lan.bob.run(|switch, out| switch.deliver(&packet, false, NOW, out));
    assert!(out.frames().len() == 0 && out.punts().is_empty(), "refused again: no second punt");
    assert_eq!(lan.bob.counters()["drop_gate"], 1);
    lan.bob.switch.set_member(NETWORK, ALICE, true, true, u64::MAX);
    let out = lan.bob.run(|switch, out| switch.deliver(&packet, false, NOW, out));
    assert_eq!(out.frames().collect::<Vec<_>>(), [(NETWORK, sent.as_slice())]);
}

#[test]
fn packet_of_an_unknown_source_passes_once_its_session_is_installed() {
    let mut lan = Lan::new(1);
    let mut bob = Station::new(BOB, 9);
    bob.join(&[ALICE]);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 3000);
    let punts: Vec<_> = lan
        .alice
        .sent(&sent)
        .iter()
        .flat_map(|datagram| bob.ingest(ALICE, datagram).take_punts())
        .collect();
    let [Punt::UnknownSource { path, source, packet }] = punts.as_slice() else {
        panic!("{punts:?}")
    };
    assert_eq!(*source, ALICE);
    bob.meet(ALICE, 1);
    let (path, mut packet) = (*path, packet.clone());
    let out = bob.run(|switch, out| switch.ingest_packet(path, &mut packet, NOW, out));
    assert_eq!(out.frames().collect::<Vec<_>>(), [(NETWORK, sent.as_slice())]);
}

#[test]
fn frames_wait_for_credentials_and_for_a_route() {
    let mut lan = Lan::new(3);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 100);
    let reason = |out: earthline_core::switch::Output| match &out.punts()[0] {
        Punt::Frame { reason, .. } => reason.name(),
        other => panic!("{other:?}"),
    };
    lan.alice.switch.set_route(BOB, None);
    assert_eq!(reason(lan.alice.frame(&sent)), "route");
    lan.alice.switch.set_member(NETWORK, BOB, true, false, 0);
    assert_eq!(reason(lan.alice.frame(&sent)), "member");
    let foreign = frame(0x0a11_2233_4455, mac_of(ALICE, NETWORK), 100);
    lan.alice.configure(|config| config.bridges = vec![BOB]);
    assert_eq!(reason(lan.alice.frame(&foreign)), "bridge");
}

#[test]
fn old_credentials_are_reported_once_a_second_while_frames_flow() {
    let mut lan = Lan::new(3);
    lan.alice.switch.set_member(NETWORK, BOB, true, true, NOW + 500);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 100);
    let mut reported = Vec::new();
    for now in [NOW, NOW + 499, NOW + 500, NOW + 501, NOW + 1499, NOW + 1500] {
        let out = lan.alice.run(|switch, out| switch.ingest_frame(NETWORK, &sent, now, out));
        assert_eq!(out.datagrams().len(), 1);
        for punt in out.punts() {
            assert_eq!(due(punt), Some(BOB));
            reported.push(now);
        }
    }
    assert_eq!(reported, [NOW + 500, NOW + 1500]);
}

#[test]
fn frames_by_an_unknown_path_report_it_once_a_second() {
    let mut lan = Lan::new(3);
    lan.bob.switch.set_known_paths(ALICE, &[path_to(BOB)]);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 100);
    let mut reported = 0;
    for _ in 0..3 {
        let datagram = lan.alice.sent(&sent).remove(0);
        let out = lan.bob.ingest(ALICE, &datagram);
        reported += out.punts().iter().filter(|punt| kind(punt) == PuntKind::NewPath).count();
    }
    assert_eq!(reported, 1);
    lan.bob.switch.set_known_paths(ALICE, &[path_to(ALICE)]);
    let datagram = lan.alice.sent(&sent).remove(0);
    assert!(lan.bob.ingest(ALICE, &datagram).punts().is_empty());
    let activity = lan.bob.switch.take_activity();
    assert_eq!(activity.slots, [(ALICE, path_to(ALICE), NOW)]);
    assert_eq!(activity.paths[0].in_at, NOW);
}

#[test]
fn trusted_path_carries_frames_in_the_clear_between_configured_networks_only() {
    let mut lan = Lan::new(3);
    let route = Route { path: path_to(BOB), direct: true, mtu: 1432, trusted_path_id: 77 };
    lan.alice.switch.set_route(BOB, Some(route));
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 2000);
    assert!(lan.alice_to_bob(&sent).is_empty());
    assert_eq!(lan.bob.counters()["drop_trusted_path"], 1);
    lan.bob.trust_network(78);
    assert!(lan.alice_to_bob(&sent).is_empty());
    lan.bob.trust_network(77);
    assert_eq!(lan.alice_to_bob(&sent), std::slice::from_ref(&sent));
    assert_eq!(lan.alice.sent(&sent)[0][18], 0x50);
}

#[test]
fn spoofed_source_mac_is_not_sent() {
    let mut lan = Lan::new(3);
    let spoofed = frame(mac_of(BOB, NETWORK), 0x0a11_2233_4455, 100);
    assert_eq!(lan.alice.frame(&spoofed).datagrams().len(), 0);
    assert_eq!(lan.alice.counters()["drop_source_mac"], 1);
}

#[test]
fn frames_of_a_bridged_device_pass_and_its_answers_find_the_bridge() {
    const DEVICE: u64 = 0x0a11_2233_4455;
    let mut lan = Lan::new(3);
    for station in [&mut lan.alice, &mut lan.bob] {
        station.configure(|config| config.bridges = vec![ALICE]);
    }
    let request = frame(mac_of(BOB, NETWORK), DEVICE, 100);
    assert_eq!(lan.alice_to_bob(&request), std::slice::from_ref(&request));
    let answer = frame(DEVICE, mac_of(BOB, NETWORK), 100);
    let out = lan.bob.frame(&answer);
    assert!(out.punts().is_empty());
    let (_, datagram) = out.datagrams().next().unwrap();
    assert_eq!(lan.alice.datagram(BOB, datagram), [answer]);
}

#[test]
fn frame_to_our_own_mac_comes_back() {
    let mut lan = Lan::new(3);
    let own = frame(mac_of(ALICE, NETWORK), mac_of(ALICE, NETWORK), 40);
    let out = lan.alice.frame(&own);
    assert_eq!(out.frames().collect::<Vec<_>>(), [(NETWORK, own.as_slice())]);
}

#[test]
fn empty_rules_let_nothing_through() {
    let mut lan = Lan::new(3);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 100);
    let datagram = lan.alice.sent(&sent).remove(0);
    lan.bob.configure(|config| config.rules = vec![]);
    assert!(lan.bob.datagram(ALICE, &datagram).is_empty());
    assert_eq!(lan.bob.counters()["drop_rules"], 1);
    let broadcast = frame(BROADCAST, mac_of(BOB, NETWORK), 100);
    let out = lan.bob.frame(&broadcast);
    assert!(out.datagrams().len() == 0 && out.punts().is_empty());
}

#[test]
fn network_that_is_not_installed_neither_takes_nor_gives() {
    let mut lan = Lan::new(3);
    let sent = frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), 100);
    let datagram = lan.alice.sent(&sent).remove(0);
    lan.bob.switch.remove_network(NETWORK);
    assert!(lan.bob.datagram(ALICE, &datagram).is_empty());
    assert_eq!(lan.bob.frame(&sent).punts().len(), 0);
    assert_eq!(lan.bob.counters()["drop_network"], 2);
}
