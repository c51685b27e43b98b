//! Packets for others (02, 4.3).

mod switchboard;

use earthline_core::ethernet::mac_of;
use earthline_core::switch::Punt;
use switchboard::{
    ALICE, BOB, CAROL, Lan, NETWORK, NOW, PuntKind, Station, control, frame, hello, path_to,
};

/// Alice and Bob, who see one another by way of Carol.
fn relayed() -> (Lan, Station) {
    let mut lan = Lan::new(3);
    lan.alice.route(BOB, path_to(CAROL), 1432);
    lan.bob.route(ALICE, path_to(CAROL), 1432);
    let mut carol = Station::new(CAROL, 3);
    carol.meet(ALICE, 3);
    carol.meet(BOB, 3);
    (lan, carol)
}

fn to_bob(length: usize) -> Vec<u8> {
    frame(mac_of(BOB, NETWORK), mac_of(ALICE, NETWORK), length)
}

#[test]
fn open_relay_passes_heads_and_fragments_with_one_more_hop() {
    let (mut lan, mut carol) = relayed();
    carol.switch.set_relay(true, 0, None);
    let mut arrived = Vec::new();
    let mut introduced = Vec::new();
    for datagram in lan.alice.sent(&to_bob(4000)) {
        let mut out = carol.ingest(ALICE, &datagram);
        introduced.extend(out.take_punts());
        let (path, relayed) = out.datagrams().next().unwrap();
        assert_eq!(*path, path_to(BOB));
        let hops = if datagram[13] == 0xff { 15 } else { 18 };
        let mut expected = datagram.clone();
        expected[hops] += 1;
        assert_eq!(relayed, expected);
        arrived.extend(lan.bob.datagram(CAROL, relayed));
    }
    assert_eq!(arrived, [to_bob(4000)]);
    assert_eq!(introduced.len(), 1, "one introduction for one head");
    assert!(matches!(introduced[0], Punt::Introduce { source: ALICE, destination: BOB }));
    assert!(lan.bob.switch.take_activity().slots.is_empty(), "a relayed packet teaches no path");
}

#[test]
fn pair_is_introduced_once_in_thirty_seconds_whichever_sends() {
    let (mut lan, mut carol) = relayed();
    carol.switch.set_relay(true, 0, None);
    let mut introduced = Vec::new();
    for (now, from_alice) in
        [(0, true), (1, false), (29_999, true), (30_000, false), (30_001, true)]
    {
        let (from, datagram) = if from_alice {
            (ALICE, lan.alice.sent(&to_bob(10)).remove(0))
        } else {
            (BOB, lan.bob.sent(&frame(mac_of(ALICE, NETWORK), mac_of(BOB, NETWORK), 10)).remove(0))
        };
        let mut bytes = datagram;
        let out = carol
            .run(|switch, out| switch.ingest_datagram(path_to(from), &mut bytes, NOW + now, out));
        introduced.extend(out.punts().iter().map(|_| now));
    }
    assert_eq!(introduced, [0, 30_000]);
}

#[test]
fn closed_relay_serves_trusted_arrival_paths_only_and_for_ten_minutes() {
    let (mut lan, mut carol) = relayed();
    let datagram = lan.alice.sent(&to_bob(10)).remove(0);
    let mut relays_at = |now| {
        let mut bytes = datagram.clone();
        let out =
            carol.run(|switch, out| switch.ingest_datagram(path_to(ALICE), &mut bytes, now, out));
        if now == NOW {
            carol.switch.trust_path(ALICE, path_to(ALICE), now);
        }
        out.datagrams().len()
    };
    assert_eq!([NOW, NOW + 1, NOW + 599_999, NOW + 600_000].map(&mut relays_at), [0, 1, 1, 0]);
    assert_eq!(carol.counters()["drop_relay_untrusted"], 2);
}

#[test]
fn packet_stops_after_three_hops() {
    let (mut lan, mut carol) = relayed();
    carol.switch.set_relay(true, 0, None);
    for mut datagram in lan.alice.sent(&to_bob(2000)) {
        let hops = if datagram[13] == 0xff { 15 } else { 18 };
        for count in 0..4 {
            let out = carol.ingest(ALICE, &datagram);
            assert_eq!(out.datagrams().len(), usize::from(count < 3));
            datagram[hops] += 1;
        }
    }
    assert_eq!(carol.counters()["drop_hops"], 2);
}

#[test]
fn what_goes_nowhere_else_goes_upstream_but_never_back_to_it() {
    const ROOT: u64 = 0x77_0000_0004;
    let (mut lan, mut carol) = relayed();
    carol.meet(ROOT, 3);
    carol.switch.set_relay(true, ROOT, Some(path_to(ROOT)));
    carol.switch.remove_session(BOB);
    let datagram = lan.alice.sent(&to_bob(10)).remove(0);
    let out = carol.ingest(ALICE, &datagram);
    assert_eq!(out.datagrams().map(|(path, _)| *path).collect::<Vec<_>>(), [path_to(ROOT)]);
    assert!(matches!(out.punts()[0], Punt::Introduce { source: ALICE, destination: ROOT }));

    let mut from_root = datagram;
    from_root[13..18].copy_from_slice(&ROOT.to_be_bytes()[3..]);
    assert_eq!(carol.ingest(ROOT, &from_root).datagrams().len(), 0);
    assert_eq!(carol.counters()["drop_relay_route"], 1);
}

#[test]
fn relayed_destination_is_not_served_by_its_own_relay_path() {
    let (mut lan, mut carol) = relayed();
    carol.switch.set_relay(true, 0, None);
    carol.route(BOB, path_to(ALICE), 1432);
    let datagram = lan.alice.sent(&to_bob(10)).remove(0);
    assert_eq!(carol.ingest(ALICE, &datagram).datagrams().len(), 0);
}

#[test]
fn relaying_moves_the_path_that_it_leaves_by_and_no_peer() {
    let (mut lan, mut carol) = relayed();
    carol.switch.set_relay(true, 0, None);
    for datagram in lan.alice.sent(&to_bob(10)) {
        carol.ingest(ALICE, &datagram);
    }
    let activity = carol.switch.take_activity();
    let left = activity.paths.iter().filter(|moved| moved.out_at == NOW).map(|moved| moved.path);
    assert_eq!(left.collect::<Vec<_>>(), [path_to(BOB)]);
    assert!(activity.peers.is_empty());
    assert!(carol.switch.take_activity().paths.is_empty(), "it is reported once");
}

#[test]
fn path_is_reported_that_frames_left_by_before_the_route_changed() {
    let mut lan = Lan::new(3);
    lan.alice.sent(&to_bob(10));
    lan.alice.route(BOB, path_to(CAROL), 1432);
    let activity = lan.alice.switch.take_activity();
    let left = activity.paths.iter().filter(|moved| moved.out_at == NOW).map(|moved| moved.path);
    assert_eq!(left.collect::<Vec<_>>(), [path_to(BOB)]);
}

/// When Carol introduces the source of a datagram that comes by some path at some time.
fn introduces(carol: &mut Station, from: u64, datagram: &[u8], now: u64) -> bool {
    carol.punts_at(path_to(from), datagram, now).contains(&PuntKind::Introduce)
}

#[test]
fn pair_is_introduced_only_by_a_datagram_from_where_its_source_is() {
    const MALLORY: u64 = 0x66_0000_0009;
    let (mut lan, mut carol) = relayed();
    carol.switch.set_relay(true, 0, None);
    let datagram = lan.alice.sent(&to_bob(10)).remove(0);
    assert!(!introduces(&mut carol, MALLORY, &datagram, NOW));
    assert!(introduces(&mut carol, ALICE, &datagram, NOW), "not put off by the forged one");
    assert_eq!(carol.counters()["relayed"], 2);
}

#[test]
fn pair_is_introduced_only_while_its_source_is_heard() {
    let (mut lan, mut carol) = relayed();
    carol.switch.set_relay(true, 0, None);
    let datagram = lan.alice.sent(&to_bob(10)).remove(0);
    for (now, introduced) in [(0, true), (149_999, true), (299_999, false)] {
        assert_eq!(introduces(&mut carol, ALICE, &datagram, NOW + now), introduced);
    }
    carol.punts_at(path_to(ALICE), &hello(ALICE, CAROL), NOW + 300_000);
    assert!(introduces(&mut carol, ALICE, &datagram, NOW + 300_000));
}

#[test]
fn relayed_packets_keep_the_path_of_a_peer_alive_as_long_as_it_is_heard() {
    let (mut lan, mut carol) = relayed();
    carol.switch.set_relay(true, 0, None);
    let datagram = lan.alice.sent(&to_bob(10)).remove(0);
    let mut alive_by = |from, at| {
        carol.punts_at(path_to(from), &datagram, NOW + at);
        let moved = carol.switch.take_activity().paths;
        moved.iter().filter(|moved| moved.path == path_to(ALICE)).map(|moved| moved.in_at).max()
    };
    assert_eq!(alive_by(BOB, 0), None, "Bob says that he is Alice");
    assert_eq!(alive_by(ALICE, 0), Some(NOW));
    assert_eq!(alive_by(ALICE, 149_000), Some(NOW + 149_000));
    assert_eq!(alive_by(ALICE, 151_000), None);
    carol.ingest(ALICE, &control(ALICE, CAROL, 0x08, b""));
    carol.switch.take_activity();
    let mut bytes = datagram.clone();
    carol.run(|switch, out| {
        switch.ingest_datagram(path_to(ALICE), &mut bytes, NOW + 149_000, out);
    });
    assert_eq!(carol.switch.take_activity().paths[0].in_at, NOW + 149_000);
}
