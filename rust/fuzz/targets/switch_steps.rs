//! Three nodes with a switch each, and anything in any order: frames, datagrams that come late, twice or
//! damaged, packets of a member that lies, and every command that the engines may give.
//!
//! What holds after each step: a frame comes out only on a network that is installed, and only where that is
//! public, or somebody is admitted to it, or it is our own and for our own MAC; as it went in, unless a member
//! lies; and no step brings more than [`MOST_SENT`] datagrams.

#![no_main]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use arbitrary::Arbitrary;
use earthline_core::ethernet::{Header, mac_bytes, mac_of};
use earthline_core::keys::SessionKeys;
use earthline_core::packet::{SUITE_AES_GMAC_SIV, SUITE_POLY1305, SUITE_SALSA_POLY1305, header};
use earthline_core::rules::{Credentials, RuleTable};
use earthline_core::switch::{
    NetworkConfig, NodeCredentials, Output, Path, Route, Switch, TrustedNetwork,
};
use libfuzzer_sys::fuzz_target;

const NODES: [u64; 3] = [0xa1_1ce0_0001, 0xb0_b000_0002, 0xca_0010_0003];
const NETWORKS: [u64; 2] = [0x8056_c2e2_1c00_0001, 0x8056_c2e2_1c00_0002];
const SUITES: [u8; 3] = [SUITE_POLY1305, SUITE_SALSA_POLY1305, SUITE_AES_GMAC_SIV];
/// Of one frame or datagram: pieces for each recipient, and copies for observers.
const MOST_SENT: usize = 256;
/// Datagrams on their way; the oldest is lost.
const MOST_UNDERWAY: usize = 64;

#[derive(Clone, Copy, Debug, Arbitrary)]
struct Node(u8);

impl Node {
    fn index(self) -> usize {
        usize::from(self.0) % NODES.len()
    }

    fn address(self) -> u64 {
        NODES[self.index()]
    }

    fn path(self) -> Path {
        Path { socket: 1, ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.index() as u8)), port: 9993 }
    }
}

#[derive(Clone, Copy, Debug, Arbitrary)]
struct Network(u8);

impl Network {
    fn id(self) -> u64 {
        NETWORKS[usize::from(self.0) % NETWORKS.len()]
    }
}

#[derive(Debug, Arbitrary)]
struct Config {
    mtu: u16,
    public: bool,
    broadcast: bool,
    emulate_neighbours: bool,
    compress_multicast: bool,
    multicast_limit: u8,
    bridges: Vec<Node>,
    rules: Vec<u8>,
    replicates: bool,
}

#[derive(Debug, Arbitrary)]
enum Step {
    Frame { at: Node, network: Network, to: Destination, ethertype: u16, payload: Vec<u8> },
    Raw { at: Node, from: Node, datagram: Vec<u8> },
    Deliver { which: u8, again: bool },
    Damage { which: u8, place: u16, with: u8 },
    Lie { from: Node, to: Node, suite: u8, verb: u8, network: Network, payload: Vec<u8> },
    Later(u16),
    Command { at: Node, command: Command },
}

#[derive(Debug, Arbitrary)]
enum Destination {
    Member(Node),
    Everybody,
    Mac(u64),
}

#[derive(Debug, Arbitrary)]
enum Command {
    SetSession { peer: Node, suite: u8 },
    RemoveSession(Node),
    SetRoute { peer: Node, by: Node, direct: bool, mtu: u16, trusted_path_id: u8 },
    RemoveRoute(Node),
    SetPaths { peer: Node, paths: Vec<Node> },
    SetRelay { open: bool, upstream: Node, by: Option<Node> },
    TrustPath { peer: Node, by: Node },
    TrustNetwork(u8),
    ClampMss(bool),
    SetNetwork { network: Network, config: Config },
    RemoveNetwork(Network),
    SetMember { network: Network, member: Node, admitted: bool, ready: bool },
    SetCredentials { network: Network, member: Node, tags: Vec<(u32, u32)>, capability: Vec<u8> },
    RemoveMember { network: Network, member: Node },
    SetGroup { network: Network, recipients: Vec<Node>, refresh_in: u16 },
    SetReplicator { network: Network, replicator: Node, refresh_in: u16 },
    RemoveGroup(Network),
    TakeActivity,
}

const GROUP: (u64, u32) = (0xffff_ffff_ffff, 0);

/// One node, and what it was told of its networks.
struct Station {
    own: Node,
    switch: Switch,
    installed: BTreeSet<u64>,
    public: BTreeSet<u64>,
    admitted: BTreeSet<(u64, u64)>,
}

struct Lan {
    stations: Vec<Station>,
    underway: Vec<(Node, Node, Vec<u8>)>,
    /// Frames that were handed to a switch: network and frame.
    sent: BTreeSet<(u64, Vec<u8>)>,
    liars: BTreeSet<u64>,
    now: u64,
    out: Output,
}

fuzz_target!(|steps: Vec<Step>| {
    let mut lan = Lan::new();
    for step in steps {
        lan.step(step);
    }
});

fn key(a: u64, b: u64) -> [u8; 48] {
    let mut key = [0x5a; 48];
    key[..8].copy_from_slice(&(a ^ b).to_be_bytes());
    key
}

impl Lan {
    /// Everybody knows everybody, and is on the first network.
    fn new() -> Self {
        let stations = (0..NODES.len()).map(|index| Station::new(Node(index as u8))).collect();
        Self {
            stations,
            underway: Vec::new(),
            sent: BTreeSet::new(),
            liars: BTreeSet::new(),
            now: 1_000,
            out: Output::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Frame { at, network, to, ethertype, payload } => {
                self.frame(at, network.id(), &to, ethertype, &payload);
            }
            Step::Raw { at, from, datagram } => self.arrive(from, at, datagram),
            Step::Deliver { which, again } => {
                let Some(which) = self.choose(which) else { return };
                let (from, to, datagram) = self.underway[which].clone();
                if !again {
                    self.underway.remove(which);
                }
                self.arrive(from, to, datagram);
            }
            Step::Damage { which, place, with } => {
                let Some(which) = self.choose(which) else { return };
                let datagram = &mut self.underway[which].2;
                let place = usize::from(place) % datagram.len().max(1);
                if let Some(byte) = datagram.get_mut(place) {
                    *byte ^= with;
                }
            }
            Step::Lie { from, to, suite, verb, network, payload } => {
                let mut packet = header(self.now, to.address(), from.address(), verb).to_vec();
                packet.extend(network.id().to_be_bytes());
                packet.extend(payload);
                let keys = SessionKeys::new(&key(from.address(), to.address()));
                if keys.seal(&mut packet, SUITES[usize::from(suite) % SUITES.len()]).is_ok() {
                    self.liars.insert(from.address());
                    self.arrive(from, to, packet);
                }
            }
            Step::Later(by) => self.now += u64::from(by),
            Step::Command { at, command } => {
                let now = self.now;
                self.stations[at.index()].command(command, now);
            }
        }
    }

    fn choose(&self, which: u8) -> Option<usize> {
        (!self.underway.is_empty()).then(|| usize::from(which) % self.underway.len())
    }

    /// A frame from a node's TAP.
    fn frame(&mut self, at: Node, network: u64, to: &Destination, ethertype: u16, payload: &[u8]) {
        let destination = match to {
            Destination::Member(member) => mac_of(member.address(), network),
            Destination::Everybody => GROUP.0,
            Destination::Mac(mac) => mac & GROUP.0,
        };
        let source = mac_of(at.address(), network);
        let frame = [&Header { destination, source, ethertype }.bytes(), payload].concat();
        self.out.clear();
        let switch = &mut self.stations[at.index()].switch;
        switch.ingest_frame(network, &frame, self.now, &mut self.out);
        self.sent.insert((network, frame));
        self.settle(at);
    }

    /// A datagram from one node's endpoint.
    fn arrive(&mut self, from: Node, at: Node, mut datagram: Vec<u8>) {
        self.out.clear();
        let switch = &mut self.stations[at.index()].switch;
        switch.ingest_datagram(from.path(), &mut datagram, self.now, &mut self.out);
        self.settle(at);
    }

    /// Look at what came out of a node's switch, and send it on.
    fn settle(&mut self, at: Node) {
        assert!(self.out.datagrams().len() <= MOST_SENT);
        let station = &self.stations[at.index()];
        for (network, frame) in self.out.frames() {
            assert!(station.installed.contains(&network), "a frame of no network");
            let own = mac_of(at.address(), network);
            let looped = frame.starts_with(&[mac_bytes(own), mac_bytes(own)].concat());
            let admits = station.public.contains(&network)
                || station.admitted.iter().any(|(on, _)| *on == network);
            assert!(looped || admits, "a frame of nobody");
            let sent = self.sent.contains(&(network, frame.to_vec()));
            assert!(sent || !self.liars.is_empty(), "a frame that nobody sent");
        }
        for (path, datagram) in self.out.datagrams() {
            if let Some(to) = (0..NODES.len() as u8).map(Node).find(|to| to.path() == *path) {
                self.underway.push((at, to, datagram.to_vec()));
            }
        }
        let surplus = self.underway.len().saturating_sub(MOST_UNDERWAY);
        self.underway.drain(..surplus);
    }
}

impl Station {
    fn new(own: Node) -> Self {
        let mut station = Self {
            own,
            switch: Switch::new(own.address(), &[own.0; 32]),
            installed: BTreeSet::new(),
            public: BTreeSet::new(),
            admitted: BTreeSet::new(),
        };
        let config = NetworkConfig {
            mtu: 2_800,
            broadcast: true,
            multicast_limit: 32,
            rules: vec![0x01, 0x00],
            ..NetworkConfig::default()
        };
        let network = Network(0);
        station.switch.set_network(network.id(), config);
        station.installed.insert(network.id());
        for peer in (0..NODES.len() as u8).map(Node).filter(|peer| peer.0 != own.0) {
            station.command(Command::SetSession { peer, suite: own.0.max(peer.0) }, 0);
            let (by, direct, mtu) = (peer, true, 1_432);
            station.command(Command::SetPaths { peer, paths: vec![peer] }, 0);
            station.command(Command::SetRoute { peer, by, direct, mtu, trusted_path_id: 0 }, 0);
            let (admitted, ready) = (true, true);
            station.command(Command::SetMember { network, member: peer, admitted, ready }, 0);
        }
        station
    }

    fn command(&mut self, command: Command, now: u64) {
        let switch = &mut self.switch;
        match command {
            Command::SetSession { peer, suite } => {
                let suite = SUITES[usize::from(suite) % SUITES.len()];
                let key = key(self.own.address(), peer.address());
                switch.set_session(peer.address(), &key, suite, &[7; 64]);
            }
            Command::RemoveSession(peer) => switch.remove_session(peer.address()),
            Command::SetRoute { peer, by, direct, mtu, trusted_path_id } => {
                let trusted_path_id = u64::from(trusted_path_id);
                let mtu = usize::from(mtu.clamp(1_280, 10_100));
                let route = Route { path: by.path(), direct, mtu, trusted_path_id };
                switch.set_route(peer.address(), Some(route));
            }
            Command::RemoveRoute(peer) => switch.set_route(peer.address(), None),
            Command::SetPaths { peer, paths } => {
                let paths: Vec<Path> = paths.into_iter().map(Node::path).collect();
                switch.set_known_paths(peer.address(), &paths);
            }
            Command::SetRelay { open, upstream, by } => {
                switch.set_relay(open, upstream.address(), by.map(Node::path));
            }
            Command::TrustPath { peer, by } => switch.trust_path(peer.address(), by.path(), now),
            Command::TrustNetwork(id) => {
                let ip = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0));
                let network = TrustedNetwork { ip, prefix: 24, id: u64::from(id) };
                switch.set_trusted_networks(if id == 0 { Vec::new() } else { vec![network] });
            }
            Command::ClampMss(enabled) => switch.set_mss_clamp(enabled),
            Command::TakeActivity => drop(switch.take_activity()),
            command => self.command_of_network(command, now),
        }
    }

    fn command_of_network(&mut self, command: Command, now: u64) {
        let switch = &mut self.switch;
        match command {
            Command::SetNetwork { network, config } => {
                self.installed.insert(network.id());
                self.public.remove(&network.id());
                if config.public {
                    self.public.insert(network.id());
                }
                switch.set_network(network.id(), config.into());
            }
            Command::RemoveNetwork(network) => {
                self.installed.remove(&network.id());
                self.public.remove(&network.id());
                self.admitted.retain(|(on, _)| *on != network.id());
                switch.remove_network(network.id());
            }
            Command::SetMember { network, member, admitted, ready } => {
                let id = (network.id(), member.address());
                if admitted {
                    self.admitted.insert(id);
                } else {
                    self.admitted.remove(&id);
                }
                switch.set_member(id.0, id.1, admitted, ready, now + 1_000);
            }
            Command::SetCredentials { network, member, tags, capability } => {
                let capabilities = RuleTable::parse(&capability).into_iter().collect();
                let owned = Credentials::new(tags, Vec::new(), Vec::new());
                let credentials = NodeCredentials { owned, capabilities };
                switch.set_member_credentials(network.id(), member.address(), credentials);
            }
            Command::RemoveMember { network, member } => {
                self.admitted.remove(&(network.id(), member.address()));
                switch.remove_member(network.id(), member.address());
            }
            Command::SetGroup { network, recipients, refresh_in } => {
                let recipients = recipients.into_iter().map(Node::address).collect();
                let refresh_at = now + u64::from(refresh_in);
                switch.set_multicast(network.id(), GROUP, recipients, 32, refresh_at);
            }
            Command::SetReplicator { network, replicator, refresh_in } => {
                let refresh_at = now + u64::from(refresh_in);
                switch.set_replicator(network.id(), GROUP, replicator.address(), refresh_at);
            }
            Command::RemoveGroup(network) => switch.remove_multicast(network.id(), GROUP),
            _ => {}
        }
    }
}

impl From<Config> for NetworkConfig {
    fn from(config: Config) -> Self {
        Self {
            mtu: usize::from(config.mtu),
            public: config.public,
            broadcast: config.broadcast,
            emulate_neighbours: config.emulate_neighbours,
            compress_multicast: config.compress_multicast,
            multicast_limit: u32::from(config.multicast_limit),
            bridges: config.bridges.into_iter().map(Node::address).collect(),
            rules: config.rules,
            replicates: config.replicates,
            ..Self::default()
        }
    }
}
