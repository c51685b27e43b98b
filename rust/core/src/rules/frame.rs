//! What is judged, and who is at its ends.

use std::net::IpAddr;

/// A frame as the rules see it, and who sends it to whom.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// It came from a peer; else it is ours on its way out.
    pub inbound: bool,
    /// Our own address.
    pub own: u64,
    /// The node that sends it.
    pub source: u64,
    /// The node that gets it; 0 while it is not chosen yet.
    pub destination: u64,
    /// Source MAC.
    pub source_mac: u64,
    /// Destination MAC.
    pub destination_mac: u64,
    /// Ethertype.
    pub ethertype: u16,
    /// VLAN ID; 0 in practice.
    pub vlan: u16,
    /// What follows the Ethernet header.
    pub payload: &'a [u8],
}

/// What the controller says of a node on the network, as far as it is valid now (03, 4.10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    tags: Vec<(u32, u32)>,
    ips: Vec<IpAddr>,
    macs: Vec<u64>,
}

impl Credentials {
    /// From tags as (ID, value) and the IP addresses and MACs of its certificates of ownership.
    pub fn new(mut tags: Vec<(u32, u32)>, ips: Vec<IpAddr>, macs: Vec<u64>) -> Self {
        tags.sort_unstable();
        tags.dedup_by_key(|(id, _)| *id);
        Self { tags, ips, macs }
    }

    /// Whether a node with these has nothing that a rule could ask of it.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.ips.is_empty() && self.macs.is_empty()
    }

    pub(super) fn tag(&self, id: u32) -> Option<u32> {
        let index = self.tags.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.tags.get(index).map(|(_, value)| *value)
    }

    pub(super) fn owns_ip(&self, ip: IpAddr) -> bool {
        self.ips.contains(&ip)
    }

    pub(super) fn owns_mac(&self, mac: u64) -> bool {
        self.macs.contains(&mac)
    }
}

/// What rules are evaluated with, besides the frame.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Our own credentials.
    pub own: &'a Credentials,
    /// Those of the other node: the sender of an inbound frame, the receiver of an outbound one. Nothing
    /// where nothing is known of it.
    pub other: &'a Credentials,
    /// What an unknown match gives: configuration flag 0x08.
    pub unknown_match: bool,
    /// First bytes of the IPv6 addresses that neighbour emulation vouches for (03, 6.4): 5 bytes of our
    /// 6PLANE address, 11 of our RFC 4193 one, where flag 0x04 is set and we have that address.
    pub emulated: &'a [Vec<u8>],
}

/// An ethertype and what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) ethertype: u16,
    pub(super) payload: &'a [u8],
}

impl<'a> Content<'a> {
    /// As it stands in the frame.
    pub(super) const fn of(frame: &Frame<'a>) -> Self {
        Self { ethertype: frame.ethertype, payload: frame.payload }
    }
}
