//! Twins: several switches of one node, with the same tables.

mod switchboard;

use earthline_core::rules::Refusal;
use earthline_core::switch::{Allowance, NetworkConfig, Output, Path, Refused, Route, Twins};
use switchboard::{ALICE, BOB, CAROL, Lan, NETWORK, NOW, Station, frame, path_to};

/// A host behind Carol's bridge.
const BRIDGED: u64 = 0x0a11_2233_4455;

fn config() -> NetworkConfig {
    NetworkConfig {
        mtu: 2800,
        broadcast: true,
        multicast_limit: 32,
        rules: vec![0x01, 0x00],
        bridges: vec![CAROL],
        ..NetworkConfig::default()
    }
}

/// Bob with two twins, who knows Alice and Carol.
fn bob(config: &NetworkConfig) -> Twins {
    let twins = Twins::new(BOB, &[2; 32], 2);
    twins.each(|switch| {
        switch.set_network(NETWORK, config.clone());
        for peer in [ALICE, CAROL] {
            switchboard::introduce(switch, BOB, peer, 3);
            switch.set_member(NETWORK, peer, true, true, u64::MAX);
        }
    });
    twins
}

fn ingest(twins: &Twins, thread: usize, from: u64, datagrams: &[Vec<u8>]) -> Output {
    let mut out = Output::new();
    for datagram in datagrams {
        twins.of(thread).ingest_datagram(path_to(from), &mut datagram.clone(), NOW, &mut out);
    }
    out
}

#[test]
fn what_one_twin_learns_of_a_bridge_another_one_uses() {
    let twins = bob(&config());
    let mut carol = Station::new(CAROL, 3);
    carol.configure(|carols| carols.bridges = vec![CAROL]);
    carol.join(&[BOB]);
    carol.meet(BOB, 3);
    let bob_mac = Lan::new(3).bob.mac();
    let sent = carol.sent(&frame(bob_mac, BRIDGED, 100));
    assert_eq!(ingest(&twins, 0, CAROL, &sent).frames().len(), 1);
    let mut out = Output::new();
    twins.of(1).ingest_frame(NETWORK, &frame(BRIDGED, bob_mac, 100), NOW, &mut out);
    let paths: Vec<Path> = out.datagrams().map(|(path, _)| *path).collect();
    assert_eq!(paths, [path_to(CAROL)]);
}

#[test]
fn what_rules_refused_is_the_sum_of_all_twins() {
    let twins = bob(&NetworkConfig { rules: vec![0x00, 0x00], ..config() });
    let sent = frame(Station::new(ALICE, 1).mac(), Station::new(BOB, 2).mac(), 100);
    for thread in [0, 1, 1] {
        twins.of(thread).ingest_frame(NETWORK, &sent, NOW, &mut Output::new());
    }
    let all = Refused { by: Refusal::Rule(0), sent: 3, received: 0 };
    assert_eq!(twins.refused(NETWORK), [all]);
    assert_eq!(twins.refused(NETWORK + 1), []);
}

#[test]
fn twins_spend_one_budget() {
    let send_budget = Allowance { rate: 1, burst: 3 };
    let twins = bob(&NetworkConfig { send_budget, ..config() });
    twins.each(|switch| {
        switch.set_multicast(NETWORK, (0xffff_ffff_ffff, 0), vec![ALICE], 0, u64::MAX);
    });
    let broadcast = frame(0xffff_ffff_ffff, Lan::new(3).bob.mac(), 100);
    let mut out = Output::new();
    for thread in [0, 1, 0, 1, 0, 1] {
        twins.of(thread).ingest_frame(NETWORK, &broadcast, NOW, &mut out);
    }
    assert_eq!(out.datagrams().len(), 3);
}

#[test]
fn activity_and_counters_are_those_of_all_twins() {
    let twins = bob(&config());
    let mut alice = Lan::new(3).alice;
    for (thread, later) in [(0, 0), (1, 50)] {
        let sent = alice.sent(&frame(Lan::new(3).bob.mac(), alice.mac(), 100));
        let mut out = Output::new();
        for datagram in &sent {
            let now = NOW + later;
            twins.of(thread).ingest_datagram(path_to(ALICE), &mut datagram.clone(), now, &mut out);
        }
        assert_eq!(out.frames().len(), 1);
    }
    let activity = twins.take_activity();
    let [peer] = activity.peers.as_slice() else { panic!("{:?}", activity.peers) };
    assert_eq!((peer.address, peer.received_at), (ALICE, NOW + 50));
    assert_eq!(activity.slots, [(ALICE, path_to(ALICE), NOW + 50)]);
    assert_eq!((activity.paths.len(), activity.paths[0].in_at), (1, NOW + 50));
    assert!(twins.counters().contains(&("frames_rx", 2)));
    assert!(twins.take_activity().peers.is_empty());
}

#[test]
fn twins_draw_different_packet_ids() {
    let twins = bob(&config());
    let unicast = frame(Lan::new(3).alice.mac(), Lan::new(3).bob.mac(), 100);
    let route = Route { path: path_to(ALICE), direct: true, mtu: 1432, trusted_path_id: 7 };
    let ids: Vec<Vec<u8>> = (0..2)
        .map(|thread| {
            let (mut twin, mut out) = (twins.of(thread), Output::new());
            // In the clear, so that the ID is the one that was drawn.
            twin.set_route(ALICE, Some(route));
            twin.ingest_frame(NETWORK, &unicast, NOW, &mut out);
            out.datagrams().map(|(_, datagram)| datagram[..8].to_vec()).collect::<Vec<_>>().concat()
        })
        .collect();
    assert_eq!(ids[0].len(), 8);
    assert_ne!(ids[0], ids[1]);
}
