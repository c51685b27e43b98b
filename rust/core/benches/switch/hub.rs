//! The switch that is measured, with as many peers as wanted, and the peers' side of it.

use std::net::Ipv4Addr;

use earthline_core::ethernet::{mac_bytes, mac_of};
use earthline_core::packet::{DEFAULT_MTU, SUITE_AES_GMAC_SIV};
use earthline_core::switch::{NetworkConfig, Path, Route, Switch};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub(crate) const HUB: u64 = 0x01_0000_0000;
pub(crate) const NETWORK: u64 = 0x8056_c2e2_1c00_0001;
pub(crate) const NOW: u64 = 1_700_000_000_000;

/// A switch that has sessions with its peers, shares a network with all of them, knows groups of them, and
/// relays for everybody.
pub(crate) struct Hub {
    pub(crate) switch: Switch,
    pub(crate) peers: Vec<u64>,
    pub(crate) groups: usize,
    pub(crate) recipients: usize,
}

impl Hub {
    /// With so many peers, groups, and recipients of each group.
    pub(crate) fn new(peers: usize, groups: usize, recipients: usize) -> Self {
        let mut random = ChaCha12Rng::seed_from_u64(7);
        let peers: Vec<u64> =
            (0..peers).map(|_| 0x10_0000_0000 | random.next_u64() & 0x0f_ffff_ffff).collect();
        let mut switch = station(HUB, &peers);
        for number in 0..groups {
            let members = (0..recipients).map(|_| peers[random.next_u32() as usize % peers.len()]);
            let [a, b, c, d, e, f] = group(number);
            let mac = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
            switch.set_multicast(NETWORK, (mac, 0), members.collect(), 0, u64::MAX);
        }
        switch.set_relay(true, 0, None);
        Self { switch, peers, groups, recipients }
    }

    /// The same peer so many times.
    pub(crate) fn one_flow(&self, packets: usize) -> Vec<u64> {
        vec![self.peers[0]; packets]
    }

    /// Every peer, in random order, often enough for so many packets.
    pub(crate) fn all(&self, packets: usize) -> Vec<u64> {
        let mut random = ChaCha12Rng::seed_from_u64(8);
        let rounds = packets.div_ceil(self.peers.len());
        let mut order = self.peers.repeat(rounds);
        for last in (1..order.len()).rev() {
            order.swap(last, random.next_u32() as usize % (last + 1));
        }
        order
    }
}

/// A switch with sessions, routes and memberships of these peers.
pub(crate) fn station(address: u64, peers: &[u64]) -> Switch {
    let mut switch = Switch::new(address, &[7; 32]);
    let config = NetworkConfig {
        mtu: 2800,
        broadcast: true,
        multicast_limit: 1000,
        rules: vec![0x01, 0x00],
        ..NetworkConfig::default()
    };
    switch.set_network(NETWORK, config);
    for peer in peers {
        let mut key = [0x5a; 48];
        key[..8].copy_from_slice(&(address ^ peer).to_be_bytes());
        let path = path_of(*peer);
        let route = Route { path, direct: true, mtu: DEFAULT_MTU, trusted_path_id: 0 };
        switch.set_session(*peer, &key, SUITE_AES_GMAC_SIV, &[0; 64]);
        switch.set_known_paths(*peer, &[path]);
        switch.set_route(*peer, Some(route));
        switch.set_member(NETWORK, *peer, true, true, u64::MAX);
    }
    switch
}

pub(crate) fn path_of(peer: u64) -> Path {
    Path { socket: 1, ip: Ipv4Addr::from_bits(peer as u32).into(), port: 9993 }
}

pub(crate) const fn mac(node: u64) -> [u8; 6] {
    mac_bytes(mac_of(node, NETWORK))
}

/// The MAC of a multicast group.
pub(crate) const fn group(number: usize) -> [u8; 6] {
    mac_bytes(0x0100_5e00_0000 | number as u64)
}
