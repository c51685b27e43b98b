//! Frames of the TAP on their way to peers (03, 7.3).

use super::Switch;
use super::copies::{OUTBOUND, Observed};
use super::counters::Counter;
use super::filter::{Candidate, NodeCredentials, Passage};
use super::frames::{self, EXT_FRAME, FRAME};
use super::network::{Member, Network, NetworkTables};
use super::output::Output;
use super::punt::{FrameReason, Punt, PuntKind};
use super::tables::Map;
use super::vl1::{Unsent, Vl1};
use crate::ethernet::{self, Header};
use crate::packet;

impl Switch {
    /// A frame, with its Ethernet header, from the TAP of a network.
    pub fn ingest_frame(&mut self, network: u64, frame: &[u8], now: u64, out: &mut Output) {
        match self.forward(network, frame, now, out) {
            Ok(()) => {}
            Err(Held::Drop(counter)) => self.count(counter),
            Err(Held::Punt(reason)) => {
                let (data, reason) = (frame.to_vec(), Some(reason));
                self.punt(Punt { network, reason, data, ..Punt::new(PuntKind::Frame) }, out);
            }
        }
    }

    fn forward(&mut self, id: u64, frame: &[u8], now: u64, out: &mut Output) -> Result<(), Held> {
        let tables = self.networks.get_mut(&id).ok_or(Counter::DropNetwork)?;
        let network = tables.installed.as_ref().ok_or(Counter::DropNetwork)?;
        let (header, payload) = Header::parse(frame).ok_or(Counter::DropFrame)?;
        if payload.len() > network.config.mtu {
            return Err(Counter::DropMtu.into());
        }
        let bridged_in = header.source != network.mac;
        if bridged_in && (!network.we_bridge || ethernet::is_multicast(header.source)) {
            return Err(Counter::DropSourceMac.into());
        }
        let mut egress = Egress { vl1: &mut self.vl1, header, payload, bridged_in, now, out };
        if ethernet::is_multicast(header.destination) {
            return egress.multicast(tables);
        }
        if header.destination == network.mac {
            egress.out.frame(id, header, payload);
            return Ok(());
        }
        match ethernet::address_of(header.destination, id) {
            Some(address) => egress.unicast(tables, address),
            None => egress.beyond_bridge(tables),
        }
    }
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

/// One frame of the TAP of an installed network.
pub(super) struct Egress<'a> {
    pub(super) vl1: &'a mut Vl1,
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
    /// It comes from a device behind us.
    pub(super) bridged_in: bool,
    pub(super) now: u64,
    pub(super) out: &'a mut Output,
}

impl Egress<'_> {
    /// To a node by its own MAC. Observers get their copies once the frame itself can leave.
    fn unicast(&mut self, tables: &mut NetworkTables, address: u64) -> Result<(), Held> {
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
        let sent = if self.bridged_in {
            self.send_ext(network, address)
        } else {
            self.send(network, address)
        };
        sent.map_err(Unsent::counter)?;
        if members.get_mut(&address).is_some_and(|member| member.is_push_due(self.now)) {
            self.punt_push_due(network.id, address);
        }
        Ok(())
    }

    /// To a MAC behind a bridge that we saw it behind, if that is still one. The engines know no more
    /// bridges' whereabouts than we do: they send to all of them.
    fn beyond_bridge(&mut self, tables: &mut NetworkTables) -> Result<(), Held> {
        let NetworkTables { installed: Some(network), members, bridged, nobody, .. } = tables
        else {
            return Err(Counter::DropNetwork.into());
        };
        let passage = self.judge(network, nobody, 0)?;
        if self.observe(network, members, &passage) {
            return Ok(());
        }
        let own = self.vl1.address;
        let bridge = bridged.get(&self.header.destination).copied();
        let Some(bridge) = bridge.filter(|bridge| *bridge != own && network.is_bridge(*bridge))
        else {
            return Err(FrameReason::Bridge.into());
        };
        let other = members.get(&bridge).map_or(&*nobody, |member| &member.credentials);
        self.judge(network, other, bridge)?;
        self.send_ext(network, bridge).map_err(|unsent| match unsent {
            Unsent::Route => FrameReason::Bridge.into(),
            Unsent::TooLarge => Counter::DropTooLarge.into(),
        })
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
        members: &mut Map<u64, Member>,
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
