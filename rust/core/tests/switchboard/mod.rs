//! Stations with a switch each, and what connects them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::BTreeMap;

use earthline_core::ethernet::{Header, mac_of};
use earthline_core::keys::SessionKeys;
use earthline_core::packet::{self, SUITE_AES_GMAC_SIV, SUITE_POLY1305};
use earthline_core::switch::{
    Arrival, NetworkConfig, Output, Path, Punt, Route, Switch, TrustedNetwork,
};

pub const ALICE: u64 = 0xa1_1ce0_0001;
pub const BOB: u64 = 0xb0_b000_0002;
pub const CAROL: u64 = 0xca_0010_0003;
pub const NETWORK: u64 = 0x8056_c2e2_1c00_0001;
pub const NOW: u64 = 1_700_000_000_000;

/// The key of each pair of nodes.
fn key(a: u64, b: u64) -> [u8; 48] {
    let mut key = [0x5a; 48];
    key[..8].copy_from_slice(&(a ^ b).to_be_bytes());
    key
}

/// What was punted, without what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PuntKind {
    Hello,
    UnknownSource,
    Packet,
    Gate,
    Rules,
    Frame,
    NewPath,
    Introduce,
    PushDue,
    Gather,
    Ack,
}

pub fn kind(punt: &Punt) -> PuntKind {
    match punt {
        Punt::Hello { .. } => PuntKind::Hello,
        Punt::UnknownSource { .. } => PuntKind::UnknownSource,
        Punt::Packet { .. } => PuntKind::Packet,
        Punt::Gate { .. } => PuntKind::Gate,
        Punt::Rules { .. } => PuntKind::Rules,
        Punt::Frame { .. } => PuntKind::Frame,
        Punt::NewPath(_) => PuntKind::NewPath,
        Punt::Introduce { .. } => PuntKind::Introduce,
        Punt::PushDue { .. } => PuntKind::PushDue,
        Punt::Gather { .. } => PuntKind::Gather,
        Punt::Ack { .. } => PuntKind::Ack,
    }
}

/// How the packet of a punt came, where that was authentic.
pub fn arrival(punt: &Punt) -> Option<Arrival> {
    match punt {
        Punt::Packet { arrival, .. }
        | Punt::Gate { arrival, .. }
        | Punt::Rules { arrival, .. }
        | Punt::NewPath(arrival)
        | Punt::Gather { arrival, .. }
        | Punt::Ack { arrival, .. } => Some(*arrival),
        _ => None,
    }
}

/// The member that needs our credentials.
pub fn due(punt: &Punt) -> Option<u64> {
    match punt {
        Punt::PushDue { address, .. } => Some(*address),
        _ => None,
    }
}

/// The endpoint of a node.
pub fn path_to(address: u64) -> Path {
    let [.., last] = address.to_be_bytes();
    Path { socket: 1, ip: [10, 0, 0, last].into(), port: 9993 }
}

/// A whole control packet of a node, sealed for another.
pub fn control(from: u64, to: u64, verb: u8, payload: &[u8]) -> Vec<u8> {
    armoured(from, to, verb, payload, SUITE_AES_GMAC_SIV)
}

/// A HELLO that fits the key of the two nodes.
pub fn hello(from: u64, to: u64) -> Vec<u8> {
    armoured(from, to, 0x01, &greeting(from), SUITE_POLY1305)
}

/// Of every node in these tests, as the others know it; what `forged_hello` says is another one.
pub const PUBLIC_KEY: [u8; 64] = [0x4b; 64];

/// A HELLO that fits no key.
pub fn forged_hello(from: u64, to: u64) -> Vec<u8> {
    [packet::header(from, to, from, 0x01).as_slice(), &greeting(from)].concat()
}

/// What a HELLO of a node says: versions, the time, its identity.
fn greeting(from: u64) -> Vec<u8> {
    let mut payload = vec![12, 1, 14, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    payload.extend(packet::address_bytes(from));
    payload.extend([0; 66]);
    payload
}

fn armoured(from: u64, to: u64, verb: u8, payload: &[u8], suite: u8) -> Vec<u8> {
    let mut packet = packet::header(0x1234_5678, to, from, verb).to_vec();
    packet.extend(payload);
    let sealed = SessionKeys::new(&key(from, to)).seal(&mut packet, suite);
    assert!(sealed.is_ok());
    packet
}

/// A frame with a payload of this length.
pub fn frame(destination: u64, source: u64, length: usize) -> Vec<u8> {
    let mut frame = Header { destination, source, ethertype: 0x0800 }.bytes().to_vec();
    frame.extend((0..length).map(|index| (index * 7 + index / 251) as u8));
    frame
}

/// Install a session of a node with a peer, and its direct path.
pub fn introduce(switch: &mut Switch, own: u64, peer: u64, suite: u8) {
    let path = path_to(peer);
    switch.set_session(peer, &key(own, peer), suite, &PUBLIC_KEY);
    switch.set_known_paths(peer, &[path]);
    switch.set_route(peer, Some(Route { path, direct: true, mtu: 1432, trusted_path_id: 0 }));
}

/// One node.
pub struct Station {
    pub address: u64,
    pub switch: Switch,
    config: NetworkConfig,
}

impl Station {
    pub fn new(address: u64, seed: u8) -> Self {
        let config = NetworkConfig {
            mtu: 10_000,
            broadcast: true,
            compress_multicast: true,
            multicast_limit: 32,
            rules: vec![0x01, 0x00],
            ..NetworkConfig::default()
        };
        Self { address, switch: Switch::new(address, &[seed; 32]), config }
    }

    /// Install the network and its members.
    pub fn join(&mut self, members: &[u64]) {
        self.switch.set_network(NETWORK, self.config.clone());
        for member in members {
            self.switch.set_member(NETWORK, *member, true, true, u64::MAX);
        }
    }

    /// Install a session with a peer, and its direct path.
    pub fn meet(&mut self, peer: u64, suite: u8) {
        introduce(&mut self.switch, self.address, peer, suite);
    }

    pub fn route(&mut self, peer: u64, path: Path, mtu: usize) {
        let direct = path == path_to(peer);
        self.switch.set_route(peer, Some(Route { path, direct, mtu, trusted_path_id: 0 }));
    }

    pub fn configure(&mut self, change: impl FnOnce(&mut NetworkConfig)) {
        change(&mut self.config);
        self.switch.set_network(NETWORK, self.config.clone());
    }

    pub fn trust_network(&mut self, id: u64) {
        let ip = [10, 0, 0, 0].into();
        self.switch.set_trusted_networks(vec![TrustedNetwork { ip, prefix: 24, id }]);
    }

    pub fn run(&mut self, act: impl FnOnce(&mut Switch, &mut Output)) -> Output {
        let mut out = Output::new();
        act(&mut self.switch, &mut out);
        out
    }

    /// A frame from the TAP.
    pub fn frame(&mut self, frame: &[u8]) -> Output {
        self.run(|switch, out| switch.ingest_frame(NETWORK, frame, NOW, out))
    }

    /// The datagrams a frame from the TAP becomes.
    pub fn sent(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        self.frame(frame).datagrams().map(|(_, datagram)| datagram.to_vec()).collect()
    }

    /// A datagram from a node's endpoint.
    pub fn ingest(&mut self, from: u64, datagram: &[u8]) -> Output {
        let mut bytes = datagram.to_vec();
        self.run(|switch, out| switch.ingest_datagram(path_to(from), &mut bytes, NOW, out))
    }

    /// The kinds of what a datagram by some path has punted at a time.
    pub fn punts_at(&mut self, path: Path, datagram: &[u8], now: u64) -> Vec<PuntKind> {
        let mut bytes = datagram.to_vec();
        let out = self.run(|switch, out| switch.ingest_datagram(path, &mut bytes, now, out));
        out.punts().iter().map(kind).collect()
    }

    /// The frames that a datagram becomes.
    pub fn datagram(&mut self, from: u64, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.ingest(from, datagram).frames().map(|(_, frame)| frame.to_vec()).collect()
    }

    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.switch.counters().collect()
    }

    pub fn mac(&self) -> u64 {
        mac_of(self.address, NETWORK)
    }
}

/// Two members that know one another.
pub struct Lan {
    pub alice: Station,
    pub bob: Station,
}

impl Lan {
    pub fn new(suite: u8) -> Self {
        let (mut alice, mut bob) = (Station::new(ALICE, 1), Station::new(BOB, 2));
        alice.join(&[BOB]);
        bob.join(&[ALICE]);
        alice.meet(BOB, suite);
        bob.meet(ALICE, suite);
        Self { alice, bob }
    }

    /// What Bob's TAP gets of a frame of Alice's.
    pub fn alice_to_bob(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        let datagrams = self.alice.sent(frame);
        datagrams.iter().flat_map(|datagram| self.bob.datagram(ALICE, datagram)).collect()
    }
}

/// The bytes of a packet that all its punts tell together.
pub fn told(out: &Output) -> usize {
    out.punts().iter().filter_map(arrival).map(|arrival| arrival.size).sum()
}
