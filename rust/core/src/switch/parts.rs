//! The parts of a switch, and the entries that the host writes to its tables.

use std::net::IpAddr;

use crate::fragment::{DEFAULT_SLOTS, Reassembler};
use crate::switch::ground::counters::{Counter, DropReason};
use crate::switch::ground::credentials::NodeCredentials;
use crate::switch::ground::group::Group;
use crate::switch::ground::tables::{Keyed, Map};
use crate::switch::networks::common::Commons;
use crate::switch::networks::network::{Network, NetworkConfig, NetworkTables};
use crate::switch::networks::refused::{self, Refused};
use crate::switch::out::mss::Clamp;
use crate::switch::out::output::Output;
use crate::switch::out::punt::Punt;
use crate::switch::out::vl1::Vl1;
use crate::switch::reach::introductions::Relay;
use crate::switch::reach::paths::{Path, PathActivity};
use crate::switch::reach::peers::{PeerActivity, Route, SlotActivity};
use crate::switch::reach::ration::Prefixes;

/// A physical network that suite 2 is accepted from (01, 3.7).
#[derive(Clone, Copy, Debug)]
pub struct TrustedNetwork {
    /// Its address.
    pub ip: IpAddr,
    /// Its prefix length.
    pub prefix: u32,
    /// The ID that both sides configured; 0 never matches.
    pub id: u64,
}

/// Everything that moved since the last report.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// Peers.
    pub peers: Vec<PeerActivity>,
    /// Learned paths of peers.
    pub slots: Vec<SlotActivity>,
    /// Paths by themselves.
    pub paths: Vec<PathActivity>,
}

/// The switch of one node.
pub struct Switch {
    pub(super) vl1: Vl1,
    pub(super) relay: Relay,
    pub(super) prefixes: Prefixes,
    pub(super) reassembler: Reassembler<Path>,
    /// The packet that was reassembled last.
    pub(super) assembled: Vec<u8>,
    /// The frame that was cut out of a super-frame last.
    pub(super) cut: Vec<u8>,
    pub(super) clamp: Clamp,
    pub(super) trusted_networks: Vec<TrustedNetwork>,
    pub(super) networks: Map<u64, NetworkTables>,
    pub(super) commons: Commons,
    pub(super) keyed: Keyed,
}

impl Switch {
    /// For the node with this address; the seed feeds packet IDs and hash tables.
    pub fn new(address: u64, seed: &[u8; 32]) -> Self {
        Self::sharing(address, seed, Commons::default())
    }

    pub(super) fn sharing(address: u64, seed: &[u8; 32], commons: Commons) -> Self {
        let keyed = Keyed::new(seed);
        Self {
            vl1: Vl1::new(address, seed, &keyed),
            relay: Relay::new(&keyed),
            prefixes: Prefixes::new(&keyed),
            reassembler: Reassembler::new(DEFAULT_SLOTS),
            assembled: Vec::new(),
            cut: Vec::new(),
            clamp: Clamp::default(),
            trusted_networks: Vec::new(),
            networks: keyed.map(),
            commons,
            keyed,
        }
    }

    /// Keys of a peer, the suite it is sent frames with, and the public key of its identity; keeps its route and
    /// its paths.
    pub fn set_session(&mut self, address: u64, key: &[u8; 48], suite: u8, public_key: &[u8; 64]) {
        self.vl1.peers.set_session(address, key, suite, public_key);
    }

    /// Forget a peer: its session, its route and its paths.
    pub fn remove_session(&mut self, address: u64) {
        self.vl1.peers.remove(address, &mut self.vl1.paths);
    }

    /// Where frames for a peer leave.
    pub fn set_route(&mut self, address: u64, route: Option<Route>) {
        self.vl1.peers.set_route(address, route, &mut self.vl1.paths);
    }

    /// The peer's learned paths, all of them.
    pub fn set_known_paths(&mut self, address: u64, paths: &[Path]) {
        self.vl1.peers.set_paths(address, paths, &mut self.vl1.paths);
    }

    /// Relay for anybody (`open`) or by trusted arrival paths only; what has no direct route goes to the
    /// `upstream` by `path`.
    pub fn set_relay(&mut self, open: bool, upstream: u64, path: Option<Path>) {
        self.relay.set(open, upstream, path);
    }

    /// A packet of a peer by this path proved common membership (02, 4.8).
    pub fn trust_path(&mut self, peer: u64, path: Path, now: u64) {
        self.vl1.paths.trust(peer, path, now);
    }

    /// Where suite 2 is accepted from.
    pub fn set_trusted_networks(&mut self, networks: Vec<TrustedNetwork>) {
        self.trusted_networks = networks;
    }

    /// Whether TCP connections are to agree on segments that fit one datagram of their peer's route.
    pub fn set_mss_clamp(&mut self, enabled: bool) {
        self.clamp.enabled = enabled;
    }

    /// Install a network's configuration, or replace it; members and groups stay.
    pub fn set_network(&mut self, network: u64, config: NetworkConfig) {
        let mut installed = Network::new(network, self.vl1.address, config);
        let tables = self.tables(network);
        if let Some(before) = tables.installed.take() {
            installed.succeed(before);
        }
        tables.installed = Some(installed);
    }

    /// Forget a network with its members and groups.
    pub fn remove_network(&mut self, network: u64) {
        self.networks.remove(&network);
    }

    /// What a member may do: see [`NetworkTables`].
    pub fn set_member(
        &mut self,
        network: u64,
        address: u64,
        admitted: bool,
        ready: bool,
        push_due_at: u64,
    ) {
        self.tables(network).set_member(address, admitted, ready, push_due_at);
    }

    /// What its controller says of a member, for the rules to ask.
    pub fn set_member_credentials(
        &mut self,
        network: u64,
        address: u64,
        credentials: NodeCredentials,
    ) {
        self.tables(network).set_member_credentials(address, credentials);
    }

    /// Forget a member.
    pub fn remove_member(&mut self, network: u64, address: u64) {
        if let Some(tables) = self.networks.get_mut(&network) {
            tables.remove_member(address);
        }
    }

    /// To whom frames of a group go, until `refresh_at`.
    pub fn set_multicast(
        &mut self,
        network: u64,
        group: (u64, u32),
        recipients: Vec<u64>,
        gather_limit: u32,
        refresh_at: u64,
    ) {
        let entry = Group { recipients, gather_limit, refresh_at, hand_off: false };
        self.tables(network).groups.insert(group, entry);
    }

    /// Which replicator sends frames of a group on to its members, until `refresh_at` (03, 8.5).
    pub fn set_replicator(
        &mut self,
        network: u64,
        group: (u64, u32),
        replicator: u64,
        refresh_at: u64,
    ) {
        let recipients = vec![replicator];
        let entry = Group { recipients, gather_limit: 0, refresh_at, hand_off: true };
        self.tables(network).groups.insert(group, entry);
    }

    /// Forget a group.
    pub fn remove_multicast(&mut self, network: u64, group: (u64, u32)) {
        if let Some(tables) = self.networks.get_mut(&network) {
            tables.groups.remove(&group);
        }
    }

    /// What moved since the last call.
    pub fn take_activity(&mut self) -> Activity {
        let (peers, slots) = self.vl1.peers.take_activity(&mut self.vl1.paths);
        Activity { peers, slots, paths: self.vl1.paths.take_activity() }
    }

    /// Every counter by name.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.vl1.counters.iter()
    }

    /// What the rules of a network refused, by what each of them refused, since they came.
    pub fn refused(&self, network: u64) -> Vec<Refused> {
        let mut sums = Vec::new();
        self.add_refused(network, &mut sums);
        refused::listed(&sums)
    }

    pub(super) fn add_refused(&self, network: u64, sums: &mut Vec<[u64; 2]>) {
        let installed = self.networks.get(&network).and_then(|tables| tables.installed.as_ref());
        if let Some(tally) = installed.and_then(|network| network.filter.tally()) {
            tally.add_to(sums);
        }
    }

    fn tables(&mut self, network: u64) -> &mut NetworkTables {
        let Self { networks, commons, keyed, .. } = self;
        networks
            .entry(network)
            .or_insert_with(|| NetworkTables::new(keyed, commons.of(network, keyed)))
    }

    pub(super) fn count(&mut self, counter: Counter) {
        self.vl1.counters.add(counter);
    }

    pub(super) fn discard(&mut self, reason: DropReason) {
        self.vl1.discard(reason);
    }

    pub(super) fn punt(&mut self, punt: Punt, out: &mut Output) {
        self.vl1.punt(punt, out);
    }
}
