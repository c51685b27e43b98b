//! Frames for MACs behind bridges, replicated frames, and the budget of multicast (03, 7.3, 8.5; 06, 6.2).

mod switchboard;

use earthline_core::ethernet::{Header, mac_of};
use earthline_core::switch::{Allowance, FrameReason, Output, Punt};
use switchboard::{ALICE, BOB, CAROL, Lan, NETWORK, NOW, Station, frame};

/// A device behind a bridge.
const DEVICE: u64 = 0x0a11_2233_4455;
const MDNS: u64 = 0x0100_5e00_00fb;
/// DROP for frames to Carol, then ACCEPT.
const NOT_TO_CAROL: [u8; 11] = [25, 5, 0xca, 0, 0x10, 0, 3, 0, 0, 1, 0];

fn mac(address: u64) -> u64 {
    mac_of(address, NETWORK)
}

fn receivers(out: &Output) -> Vec<u8> {
    let last = |path: earthline_core::switch::Path| match path.ip {
        std::net::IpAddr::V4(ip) => ip.octets()[3],
        std::net::IpAddr::V6(_) => 0,
    };
    let mut receivers: Vec<_> = out.datagrams().map(|(path, _)| last(*path)).collect();
    receivers.sort_unstable();
    receivers
}

fn alice() -> Station {
    let mut alice = Station::new(ALICE, 1);
    alice.join(&[BOB, CAROL]);
    alice.meet(BOB, 3);
    alice.meet(CAROL, 3);
    alice
}

#[test]
fn frame_for_an_unknown_mac_goes_to_every_bridge_that_the_rules_allow() {
    let mut alice = alice();
    let sent = frame(DEVICE, mac(ALICE), 60);
    assert!(receivers(&alice.frame(&sent)).is_empty());
    alice.configure(|config| config.bridges = vec![ALICE, BOB, CAROL]);
    assert_eq!(receivers(&alice.frame(&sent)), [2, 3]);
    alice.configure(|config| config.rules = NOT_TO_CAROL.to_vec());
    assert_eq!(receivers(&alice.frame(&sent)), [2]);
    assert_eq!(alice.counters()["drop_rules"], 1);
}

#[test]
fn frame_for_an_unknown_mac_goes_to_32_of_many_bridges() {
    let mut alice = alice();
    let bridges: Vec<u64> = (0..100).map(|number| 0x77_0000_0100 + number).collect();
    for bridge in &bridges {
        alice.meet(*bridge, 3);
    }
    alice.configure(|config| config.bridges = bridges);
    let out = alice.frame(&frame(DEVICE, mac(ALICE), 60));
    assert_eq!(out.datagrams().count(), 32);
}

#[test]
fn frame_for_a_bridge_out_of_reach_is_punted_for_that_bridge_alone() {
    let mut alice = alice();
    alice.switch.set_route(CAROL, None);
    alice.configure(|config| config.bridges = vec![BOB, CAROL]);
    let out = alice.frame(&frame(DEVICE, mac(ALICE), 60));
    assert_eq!(receivers(&out), [2]);
    let [Punt::Frame { reason, .. }] = out.punts() else { panic!("one frame") };
    assert_eq!(*reason, FrameReason::Bridge(CAROL));
}

/// Alice hands a frame of the group to Bob, who has these recipients for it.
fn replicated(recipients: Vec<u64>, source: u64) -> (Station, Output) {
    let Lan { mut alice, mut bob } = Lan::new(3);
    bob.meet(CAROL, 3);
    bob.configure(|config| config.replicates = true);
    bob.switch.set_multicast(NETWORK, (MDNS, 0), recipients, 0, NOW + 1);
    alice.configure(|config| config.bridges = vec![ALICE]);
    alice.switch.set_replicator(NETWORK, (MDNS, 0), BOB, NOW + 1);
    let datagrams = alice.sent(&frame(MDNS, source, 60));
    assert_eq!(datagrams.len(), 1);
    let out = bob.ingest(ALICE, &datagrams[0]);
    (bob, out)
}

#[test]
fn replicator_sends_a_frame_on_to_everybody_but_its_sender() {
    let (_, out) = replicated(vec![ALICE, BOB, CAROL], mac(ALICE));
    assert_eq!(receivers(&out), [3]);
    assert_eq!(out.frames().len(), 1);
}

#[test]
fn replicator_without_recipients_asks_for_them() {
    let Lan { mut alice, mut bob } = Lan::new(3);
    bob.configure(|config| config.replicates = true);
    alice.switch.set_replicator(NETWORK, (MDNS, 0), BOB, NOW + 1);
    let sent = frame(MDNS, mac(ALICE), 60);
    let out = bob.ingest(ALICE, &alice.sent(&sent)[0]);
    let [Punt::Frame { reason, frame, .. }] = out.punts() else { panic!("one frame") };
    assert_eq!((*reason, frame), (FrameReason::Replicate(ALICE), &sent));

    bob.meet(CAROL, 3);
    bob.switch.set_multicast(NETWORK, (MDNS, 0), vec![CAROL, ALICE], 0, NOW + 1);
    let again = bob.run(|switch, out| {
        switch.ingest_again(NETWORK, &sent, Some(ALICE), NOW, out);
    });
    assert_eq!(receivers(&again), [3]);
}

#[test]
fn replicator_sends_nothing_on_whose_source_mac_is_not_the_senders() {
    let (bob, out) = replicated(vec![CAROL], DEVICE);
    assert!(receivers(&out).is_empty());
    assert_eq!(out.frames().len(), 0);
    assert_eq!(bob.counters()["drop_bridge"], 1);
}

#[test]
fn who_is_no_replicator_only_takes_the_frame() {
    let Lan { mut alice, mut bob } = Lan::new(3);
    bob.meet(CAROL, 3);
    bob.switch.set_multicast(NETWORK, (MDNS, 0), vec![CAROL], 0, NOW + 1);
    alice.switch.set_replicator(NETWORK, (MDNS, 0), BOB, NOW + 1);
    let out = bob.ingest(ALICE, &alice.sent(&frame(MDNS, mac(ALICE), 60))[0]);
    assert!(receivers(&out).is_empty());
    assert_eq!(out.frames().len(), 1);
}

#[test]
fn multicast_beyond_the_senders_budget_stays_here() {
    let Lan { mut alice, .. } = Lan::new(3);
    alice.configure(|config| config.send_budget = Allowance { rate: 10, burst: 20 });
    alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 0, NOW + 5000);
    let sent: usize = (0..100).map(|_| alice.sent(&frame(MDNS, mac(ALICE), 60)).len()).sum();
    assert_eq!(sent, 20);
    assert_eq!(alice.counters()["drop_send_budget"], 80);
    assert_eq!(alice.sent(&frame(mac(BOB), mac(ALICE), 60)).len(), 1);
}

#[test]
fn frames_given_again_cost_nothing() {
    let Lan { mut alice, .. } = Lan::new(3);
    alice.configure(|config| config.send_budget = Allowance { rate: 10, burst: 1 });
    alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 0, NOW + 5000);
    let sent = frame(MDNS, mac(ALICE), 60);
    for _ in 0..10 {
        let out = alice.run(|switch, out| switch.ingest_again(NETWORK, &sent, None, NOW, out));
        assert_eq!(receivers(&out), [2]);
    }
}

#[test]
fn multicast_beyond_the_receivers_budget_reaches_no_tap() {
    let Lan { mut alice, mut bob } = Lan::new(3);
    bob.configure(|config| config.receive_budget = Allowance { rate: 10, burst: 20 });
    alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB], 0, NOW + 5000);
    let flood = frame(MDNS, mac(ALICE), 60);
    let got: usize = (0..100).map(|_| lan_pass(&mut alice, &mut bob, &flood)).sum();
    assert_eq!(got, 20);
    assert_eq!(bob.counters()["drop_receive_budget"], 80);
    assert_eq!(lan_pass(&mut alice, &mut bob, &frame(mac(BOB), mac(ALICE), 60)), 1);
}

fn lan_pass(alice: &mut Station, bob: &mut Station, frame: &[u8]) -> usize {
    alice.sent(frame).iter().map(|datagram| bob.datagram(ALICE, datagram).len()).sum()
}

#[test]
fn tagged_frame_crosses_a_bridge_as_it_is() {
    let Lan { mut alice, mut bob } = Lan::new(3);
    for station in [&mut alice, &mut bob] {
        station.configure(|config| config.bridges = vec![BOB]);
    }
    let header = Header { destination: DEVICE, source: mac(ALICE), ethertype: 0x8100 };
    let mut tagged = header.bytes().to_vec();
    tagged.extend([0x60, 0x07, 0x08, 0x00, 1, 2, 3, 4]);
    let datagrams = alice.sent(&tagged);
    assert_eq!(bob.datagram(ALICE, &datagrams[0]), [tagged]);
}
