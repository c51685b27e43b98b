//! Frames of the TAP on their way to peers (03, 7.3).

use crate::ethernet::{self, Header};
use crate::packet;
use crate::switch::ground::counters::{Counter, DropReason};
use crate::switch::ground::frames::{self, EXT_FRAME, FRAME};
use crate::switch::networks::call::Call;
use crate::switch::networks::copies::OUTBOUND;
use crate::switch::networks::filter::{Candidate, Passage};
use crate::switch::out::output::Output;
use crate::switch::out::punt::{FrameReason, Punt};
use crate::switch::parts::Switch;

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
            Err(Held::Drop(reason)) => self.discard(reason),
            Err(Held::Punt(reason)) => {
                self.punt(Punt::Frame { network, frame: frame.to_vec(), reason }, out);
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
        let tables = self.networks.get_mut(&id).ok_or(DropReason::Network)?;
        let lan = tables.lan().ok_or(DropReason::Network)?;
        let network = lan.network;
        let (header, payload) = Header::parse(frame).ok_or(DropReason::Frame)?;
        if payload.len() > network.config.mtu {
            return Err(DropReason::Mtu.into());
        }
        let address = ethernet::address_of(header.destination, id);
        let payload = if self.clamp.enabled {
            let peer = address.or_else(|| lan.common.bridge_of(header.destination));
            let has_macs = address.is_none() || header.source != network.mac;
            self.clamp.fit(&self.vl1, peer, has_macs, header.ethertype, payload)
        } else {
            payload
        };
        let call = Call { vl1: &mut self.vl1, lan, now, out };
        let mut egress = Egress { call, header, payload, origin };
        if let Origin::Member(member) = origin {
            return egress.replicate(member);
        }
        let bridged_in = header.source != network.mac;
        if bridged_in && (!network.we_bridge || ethernet::is_multicast(header.source)) {
            return Err(DropReason::SourceMac.into());
        }
        if ethernet::is_multicast(header.destination) {
            return egress.multicast();
        }
        if header.destination == network.mac {
            egress.call.out.frame(id, header, payload);
            return Ok(());
        }
        match address {
            Some(address) => egress.unicast(address, bridged_in),
            None => egress.beyond_bridge(),
        }
    }
}

/// Where a frame comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::switch) enum Origin {
    /// The TAP.
    Tap,
    /// The TAP, by way of the engines: it was counted against the multicast budget already, and neighbour
    /// emulation did not answer it.
    Again,
    /// A member for which we replicate it.
    Member(u64),
}

/// Why a frame was not sent here and now.
pub(in crate::switch) enum Held {
    Drop(DropReason),
    /// The engines have to see to it.
    Punt(FrameReason),
}

impl From<DropReason> for Held {
    fn from(reason: DropReason) -> Self {
        Self::Drop(reason)
    }
}

impl From<FrameReason> for Held {
    fn from(reason: FrameReason) -> Self {
        Self::Punt(reason)
    }
}

/// One frame for the members of its network.
pub(in crate::switch) struct Egress<'a> {
    pub(in crate::switch) call: Call<'a>,
    pub(in crate::switch) header: Header,
    pub(in crate::switch) payload: &'a [u8],
    pub(in crate::switch) origin: Origin,
}

impl Egress<'_> {
    /// To a node by its own MAC. Observers get their copies once the frame itself can leave.
    fn unicast(&mut self, address: u64, bridged_in: bool) -> Result<(), Held> {
        if packet::is_reserved(address) || address == self.call.vl1.address {
            return Err(DropReason::Destination.into());
        }
        let passage = self.judge(address)?;
        let Call { vl1, lan, .. } = &self.call;
        if passage.redirect.is_none() {
            if !lan.members.get(&address).is_some_and(|member| member.ready) {
                return Err(FrameReason::Member.into());
            }
            if vl1.peers.get(address).is_none_or(|peer| peer.way().is_none()) {
                return Err(FrameReason::Route.into());
            }
        }
        if self.observe(&passage) {
            return Ok(());
        }
        if bridged_in {
            self.send_ext(address)?;
        } else {
            self.send(address)?;
        }
        let Call { lan, now, .. } = &mut self.call;
        if lan.members.get_mut(&address).is_some_and(|member| member.is_push_due(*now)) {
            self.call.punt_push_due(address);
        }
        Ok(())
    }

    /// To a MAC behind the bridge that we saw it behind, if that is still one; else behind any of them.
    fn beyond_bridge(&mut self) -> Result<(), Held> {
        let passage = self.judge(0)?;
        if self.observe(&passage) {
            return Ok(());
        }
        let (own, network) = (self.call.vl1.address, self.call.lan.network);
        let learned = self.call.lan.common.bridge_of(self.header.destination);
        if let Some(bridge) = learned.filter(|at| *at != own && network.is_bridge(*at)) {
            return self.send_to_bridge(bridge).map_err(Held::Drop);
        }
        let bridges = self.some_bridges();
        if bridges.is_empty() {
            return Err(DropReason::Bridge.into());
        }
        for bridge in bridges {
            if let Err(reason) = self.send_to_bridge(bridge) {
                self.call.vl1.discard(reason);
            }
        }
        Ok(())
    }

    /// The bridges that a frame for an unknown MAC goes to: all, or some at random where there are many.
    fn some_bridges(&mut self) -> Vec<u64> {
        let own = self.call.vl1.address;
        let mut bridges = self.call.lan.network.config.bridges.clone();
        bridges.retain(|bridge| *bridge != own);
        let wanted = bridges.len().min(MAX_FLOODED);
        if wanted < bridges.len() {
            for at in 0..wanted {
                let left = bridges.len() - at;
                bridges.swap(at, at + self.call.vl1.random() as usize % left);
            }
        }
        bridges.truncate(wanted);
        bridges
    }

    /// The second pass: to one bridge, without copies. The engines look for bridges out of reach.
    fn send_to_bridge(&mut self, bridge: u64) -> Result<(), DropReason> {
        let passage = self.judge(bridge)?;
        if self.observe(&passage.without_copies()) {
            return Ok(());
        }
        match self.send_ext(bridge) {
            Err(DropReason::Route) if self.origin == Origin::Tap => {
                self.punt_whole(FrameReason::Bridge(bridge));
                Ok(())
            }
            sent => sent,
        }
    }

    /// Have the engines see to it.
    pub(in crate::switch) fn punt_whole(&mut self, reason: FrameReason) {
        let frame = [&self.header.bytes(), self.payload].concat();
        self.call.punt(Punt::Frame { network: self.call.lan.network.id, frame, reason });
    }

    /// What the rules say of the frame on its way to this node; 0: to a node that is not chosen yet.
    pub(in crate::switch) fn judge(&mut self, destination: u64) -> Result<Passage, DropReason> {
        let (own, header, payload) = (self.call.vl1.address, self.header, self.payload);
        let (inbound, source, again) = (false, own, false);
        let frame = Candidate { inbound, own, source, destination, header, payload, again };
        self.call.judge(&frame, destination)
    }

    /// Serve the observers; whether the frame is redirected and done with.
    pub(in crate::switch) fn observe(&mut self, passage: &Passage) -> bool {
        self.call.observe(passage, &OUTBOUND, self.header, self.payload)
    }

    fn send(&mut self, address: u64) -> Result<(), DropReason> {
        let fields = frames::frame_fields(self.call.lan.network.id, self.header.ethertype);
        self.send_packet(address, FRAME, &fields)
    }

    fn send_ext(&mut self, address: u64) -> Result<(), DropReason> {
        let fields = frames::ext_frame_fields(self.call.lan.network.id, 0, self.header);
        self.send_packet(address, EXT_FRAME, &fields)
    }

    fn send_packet(&mut self, address: u64, verb: u8, fields: &[u8]) -> Result<(), DropReason> {
        self.call.send(address, verb, [fields, self.payload])?;
        self.call.vl1.counters.add(Counter::FramesTx);
        Ok(())
    }
}
