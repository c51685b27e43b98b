//! Frames of the TAP on their way to peers (03, 7.3).

use super::counters::Counter;
use super::filter::{Candidate, Verdict};
use super::frames::{self, EXT_FRAME, FRAME};
use super::network::{Network, NetworkTables};
use super::output::Output;
use super::punt::{FrameReason, Punt, PuntKind};
use super::vl1::{Unsent, Vl1};
use super::Switch;
use crate::ethernet::{self, Header};
use crate::packet;

impl Switch {
    /// A frame, with its Ethernet header, from the TAP of a network.
    pub fn ingest_frame(&mut self, network: u64, frame: &[u8], now: u64, out: &mut Output) {
        if let Err(counter) = self.forward(network, frame, now, out) {
            self.count(counter);
        }
    }

    fn forward(&mut self, id: u64, frame: &[u8], now: u64, out: &mut Output) -> Result<(), Counter> {
        let tables = self.networks.get_mut(&id).ok_or(Counter::DropNetwork)?;
        let network = tables.installed.as_ref().ok_or(Counter::DropNetwork)?;
        let (header, payload) = Header::parse(frame).ok_or(Counter::DropFrame)?;
        if payload.len() > network.config.mtu {
            return Err(Counter::DropMtu);
        }
        let bridged_in = header.source != network.mac;
        if bridged_in && (!network.we_bridge || ethernet::is_multicast(header.source)) {
            return Err(Counter::DropSourceMac);
        }
        let mut egress = Egress { vl1: &mut self.vl1, frame, header, payload, bridged_in, now, out };
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

/// One frame of the TAP of an installed network.
pub(super) struct Egress<'a> {
    pub(super) vl1: &'a mut Vl1,
    /// The whole frame.
    frame: &'a [u8],
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
    /// It comes from a device behind us.
    pub(super) bridged_in: bool,
    pub(super) now: u64,
    pub(super) out: &'a mut Output,
}

impl Egress<'_> {
    /// To a node by its own MAC.
    fn unicast(&mut self, tables: &mut NetworkTables, address: u64) -> Result<(), Counter> {
        let NetworkTables { installed: Some(network), members, .. } = tables else {
            return Err(Counter::DropNetwork);
        };
        if packet::is_reserved(address) || address == self.vl1.address {
            return Err(Counter::DropDestination);
        }
        self.check_rules(network, address)?;
        let Some(member) = members.get_mut(&address).filter(|member| member.ready) else {
            self.punt(network.id, FrameReason::Member);
            return Ok(());
        };
        let sent = if self.bridged_in { self.send_ext(network, address) } else { self.send(network, address) };
        match sent {
            Ok(()) if member.is_push_due(self.now) => self.punt_push_due(network.id, address),
            Ok(()) => {}
            Err(Unsent::Route) => self.punt(network.id, FrameReason::Route),
            Err(Unsent::TooLarge) => return Err(Counter::DropTooLarge),
        }
        Ok(())
    }

    /// To a MAC behind a bridge that we saw it behind, if that is still one.
    fn beyond_bridge(&mut self, tables: &NetworkTables) -> Result<(), Counter> {
        let NetworkTables { installed: Some(network), bridged, .. } = tables else {
            return Err(Counter::DropNetwork);
        };
        self.check_rules(network, 0)?;
        let own = self.vl1.address;
        let bridge = bridged.get(&self.header.destination).copied();
        let Some(bridge) = bridge.filter(|bridge| *bridge != own && network.is_bridge(*bridge)) else {
            self.punt(network.id, FrameReason::Bridge);
            return Ok(());
        };
        self.check_rules(network, bridge)?;
        match self.send_ext(network, bridge) {
            Ok(()) => {}
            Err(Unsent::Route) => self.punt(network.id, FrameReason::Bridge),
            Err(Unsent::TooLarge) => return Err(Counter::DropTooLarge),
        }
        Ok(())
    }

    /// Whether the frame may leave for this node; 0: for a node that is not chosen yet.
    pub(super) fn check_rules(&self, network: &Network, destination: u64) -> Result<(), Counter> {
        let (source, header, payload) = (self.vl1.address, self.header, self.payload);
        match network.filter.outbound(&Candidate { source, destination, header, payload }) {
            Verdict::Drop(counter) => Err(counter),
            Verdict::Accept => Ok(()),
        }
    }

    fn send(&mut self, network: &Network, address: u64) -> Result<(), Unsent> {
        let fields = frames::frame_fields(network.id, self.header.ethertype);
        self.send_packet(address, FRAME, &fields)
    }

    fn send_ext(&mut self, network: &Network, address: u64) -> Result<(), Unsent> {
        let fields = frames::ext_frame_fields(network.id, self.header);
        self.send_packet(address, EXT_FRAME, &fields)
    }

    fn send_packet(&mut self, address: u64, verb: u8, fields: &[u8]) -> Result<(), Unsent> {
        self.vl1.send(address, verb, [fields, self.payload], self.now, self.out)?;
        self.vl1.counters.add(Counter::FramesTx);
        Ok(())
    }

    /// Let the engines see to it.
    pub(super) fn punt(&mut self, network: u64, reason: FrameReason) {
        let data = self.frame.to_vec();
        let punt = Punt { network, reason: Some(reason), data, ..Punt::new(PuntKind::Frame) };
        self.vl1.punt(punt, self.out);
    }

    /// Say that a member needs our credentials.
    pub(super) fn punt_push_due(&mut self, network: u64, destination: u64) {
        let punt = Punt { destination, network, ..Punt::new(PuntKind::PushDue) };
        self.vl1.punt(punt, self.out);
    }
}
