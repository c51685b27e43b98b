//! Frames of the TAP on their way to peers (03, 7.3).

use super::Switch;
use super::copies::{OUTBOUND, Observed};
use super::counters::Counter;
use super::filter::{Candidate, NodeCredentials, Passage};
use super::frames::{self, EXT_FRAME, FRAME};
use super::network::{Member, Network, NetworkTables};
use super::output::Output;
use super::punt::{FrameReason, Punt, PuntKind};
use super::tables::Table;
use super::vl1::{Unsent, Vl1};
use crate::ethernet::{self, Header};
use crate::packet;

/// Bridges that get a frame for a MAC nobody has seen (03, 7.3).
const MAX_FLOODED: usize = 32;

impl Switch {
    /// Have in the cache what sealing this frame needs, as [`Self::foresee_datagram`] does.
    pub fn foresee_frame(&self, network: u64, frame: &[u8]) {
        let header = Header::parse(frame).map(|(header, _)| header);
        if let Some(address) = header.and_then(|it| ethernet::address_of(it.destination, network)) {
            self.vl1.peers.foresee(address);
        }
    }

    /// A frame, with its Ethernet header, from the TAP of a network.
    pub fn ingest_frame(&mut self, network: u64, frame: &[u8], now: u64, out: &mut Output) {
        self.ingest(network, frame, Origin::Tap, now, out);
    }

    /// A frame that was punted, once more: one of the TAP, or of the member that asked us to replicate it.
    pub fn ingest_again(
        &mut self,
        network: u64,
        frame: &[u8],
        member: Option<u64>,
        now: u64,
        out: &mut Output,
    ) {
        self.ingest(network, frame, member.map_or(Origin::Again, Origin::Member), now, out);
    }

    fn ingest(&mut self, network: u64, frame: &[u8], origin: Origin, now: u64, out: &mut Output) {
        match self.forward(network, frame, origin, now, out) {
            Ok(()) => {}
            Err(Held::Drop(counter)) => self.count(counter),
            Err(Held::Punt(reason)) => {
                let (data, reason) = (frame.to_vec(), Some(reason));
                self.punt(Punt { network, reason, data, ..Punt::new(PuntKind::Frame) }, out);
            }
        }
    }

    fn forward(
        &mut self,
        id: u64,
        frame: &[u8],
        origin: Origin,
        now: u64,
        out: &mut Output,
    ) -> Result<(), Held> {
        let tables = self.networks.get_mut(&id).ok_or(Counter::DropNetwork)?;
        let network = tables.installed.as_ref().ok_or(Counter::DropNetwork)?;
        let (header, payload) = Header::parse(frame).ok_or(Counter::DropFrame)?;
        if payload.len() > network.config.mtu {
            return Err(Counter::DropMtu.into());
        }
        let address = ethernet::address_of(header.destination, id);
        let payload = if self.clamp.enabled {
            let peer = address.or_else(|| tables.common.bridge_of(header.destination));
            let has_macs = address.is_none() || header.source != network.mac;
            self.clamp.fit(&self.vl1, peer, has_macs, header.ethertype, payload)
        } else {
            payload
        };
        let mut egress = Egress { vl1: &mut self.vl1, header, payload, origin, now, out };
        if let Origin::Member(_) = origin {
            return egress.replicate(tables);
        }
        let bridged_in = header.source != network.mac;
        if bridged_in && (!network.we_bridge || ethernet::is_multicast(header.source)) {
            return Err(Counter::DropSourceMac.into());
        }
        if ethernet::is_multicast(header.destination) {
            return egress.multicast(tables);
        }
        if header.destination == network.mac {
            egress.out.frame(id, header, payload);
            return Ok(());
        }
        match address {
            Some(address) => egress.unicast(tables, address, bridged_in),
            None => egress.beyond_bridge(tables),
        }
    }
}

/// Where a frame comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The TAP.
    Tap,
    /// The TAP, by way of the engines: it was counted against the multicast budget already, and neighbour
    /// emulation did not answer it.
    Again,
    /// A member for which we replicate it.
    Member(u64),
}

/// Why a frame was not sent here and now.
pub(super) enum Held {
    Drop(Counter),
    /// The engines have to see to it.
    Punt(FrameReason),
}

impl From<Counter> for Held {
    fn from(counter: Counter) -> Self {
        Self::Drop(counter)
    }
}

impl From<FrameReason> for Held {
    fn from(reason: FrameReason) -> Self {
        Self::Punt(reason)
    }
}

/// One frame for the members of an installed network.
pub(super) struct Egress<'a> {
    pub(super) vl1: &'a mut Vl1,
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
    pub(super) origin: Origin,
    pub(super) now: u64,
    pub(super) out: &'a mut Output,
}

impl Egress<'_> {
    /// To a node by its own MAC. Observers get their copies once the frame itself can leave.
    fn unicast(
        &mut self,
        tables: &mut NetworkTables,
        address: u64,
        bridged_in: bool,
    ) -> Result<(), Held> {
        let NetworkTables { installed: Some(network), members, nobody, .. } = tables else {
            return Err(Counter::DropNetwork.into());
        };
        if packet::is_reserved(address) || address == self.vl1.address {
            return Err(Counter::DropDestination.into());
        }
        let other = members.get(&address).map_or(&*nobody, |member| &member.credentials);
        let passage = self.judge(network, other, address)?;
        if passage.redirect.is_none() {
            if !members.get(&address).is_some_and(|member| member.ready) {
                return Err(FrameReason::Member.into());
            }
            if self.vl1.peers.get(address).is_none_or(|peer| peer.way().is_none()) {
                return Err(FrameReason::Route.into());
            }
        }
        if self.observe(network, members, &passage) {
            return Ok(());
        }
        let sent =
            if bridged_in { self.send_ext(network, address) } else { self.send(network, address) };
        sent.map_err(Unsent::counter)?;
        if members.get_mut(&address).is_some_and(|member| member.is_push_due(self.now)) {
            self.punt_push_due(network.id, address);
        }
        Ok(())
    }

    /// To a MAC behind the bridge that we saw it behind, if that is still one; else behind any of them.
    fn beyond_bridge(&mut self, tables: &mut NetworkTables) -> Result<(), Held> {
        let NetworkTables { installed: Some(network), members, common, nobody, .. } = tables else {
            return Err(Counter::DropNetwork.into());
        };
        let passage = self.judge(network, nobody, 0)?;
        if self.observe(network, members, &passage) {
            return Ok(());
        }
        let own = self.vl1.address;
        let learned = common.bridge_of(self.header.destination);
        if let Some(bridge) = learned.filter(|at| *at != own && network.is_bridge(*at)) {
            return self.send_to_bridge(network, members, nobody, bridge).map_err(Held::Drop);
        }
        let bridges = self.some_bridges(network);
        if bridges.is_empty() {
            return Err(Counter::DropBridge.into());
        }
        for bridge in bridges {
            if let Err(counter) = self.send_to_bridge(network, members, nobody, bridge) {
                self.vl1.counters.add(counter);
            }
        }
        Ok(())
    }

    /// The bridges that a frame for an unknown MAC goes to: all, or some at random where there are many.
    fn some_bridges(&mut self, network: &Network) -> Vec<u64> {
        let own = self.vl1.address;
        let mut bridges = network.config.bridges.clone();
        bridges.retain(|bridge| *bridge != own);
        let wanted = bridges.len().min(MAX_FLOODED);
        if wanted < bridges.len() {
            for at in 0..wanted {
                let left = bridges.len() - at;
                bridges.swap(at, at + self.vl1.random() as usize % left);
            }
        }
        bridges.truncate(wanted);
        bridges
    }

    /// The second pass: to one bridge, without copies. The engines look for bridges out of reach.
    fn send_to_bridge(
        &mut self,
        network: &Network,
        members: &mut Table<u64, Member>,
        nobody: &NodeCredentials,
        bridge: u64,
    ) -> Result<(), Counter> {
        let other = members.get(&bridge).map_or(nobody, |member| &member.credentials);
        let passage = self.judge(network, other, bridge)?;
        if self.observe(network, members, &passage.without_copies()) {
            return Ok(());
        }
        match self.send_ext(network, bridge) {
            Err(Unsent::Route) if self.origin == Origin::Tap => {
                let data = [&self.header.bytes(), self.payload].concat();
                let (network, reason) = (network.id, Some(FrameReason::Bridge));
                let destination = bridge;
                let frame = Punt::new(PuntKind::Frame);
                self.vl1.punt(Punt { destination, network, reason, data, ..frame }, self.out);
                Ok(())
            }
            sent => sent.map_err(Unsent::counter),
        }
    }

    /// What the rules say of the frame on its way to this node; 0: to a node that is not chosen yet.
    pub(super) fn judge(
        &mut self,
        network: &Network,
        other: &NodeCredentials,
        destination: u64,
    ) -> Result<Passage, Counter> {
        let (own, header, payload) = (self.vl1.address, self.header, self.payload);
        let frame = Candidate { inbound: false, own, source: own, destination, header, payload };
        network.judge(&frame, other, || self.vl1.random())
    }

    /// Serve the observers; whether the frame is redirected and done with.
    pub(super) fn observe(
        &mut self,
        network: &Network,
        members: &mut Table<u64, Member>,
        passage: &Passage,
    ) -> bool {
        let (header, payload, now) = (self.header, self.payload, self.now);
        let (vl1, out) = (&mut *self.vl1, &mut *self.out);
        Observed { vl1, network, members, header, payload, now, out }.send(passage, &OUTBOUND)
    }

    fn send(&mut self, network: &Network, address: u64) -> Result<(), Unsent> {
        let fields = frames::frame_fields(network.id, self.header.ethertype);
        self.send_packet(address, FRAME, &fields)
    }

    fn send_ext(&mut self, network: &Network, address: u64) -> Result<(), Unsent> {
        let fields = frames::ext_frame_fields(network.id, 0, self.header);
        self.send_packet(address, EXT_FRAME, &fields)
    }

    fn send_packet(&mut self, address: u64, verb: u8, fields: &[u8]) -> Result<(), Unsent> {
        self.vl1.send(address, verb, [fields, self.payload], self.now, self.out)?;
        self.vl1.counters.add(Counter::FramesTx);
        Ok(())
    }

    /// Say that a member needs our credentials.
    pub(super) fn punt_push_due(&mut self, network: u64, destination: u64) {
        let punt = Punt { destination, network, ..Punt::new(PuntKind::PushDue) };
        self.vl1.punt(punt, self.out);
    }
}
