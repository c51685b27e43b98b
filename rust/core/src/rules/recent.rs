//! What was decided about the flows of late, so that a flow pays for a long table once (03, 6.7).
//!
//! Frames of one TCP or UDP flow look alike to most rules. Where no rule looks further than [`Flow`] does,
//! the decision about one frame is that about all of its flow, as long as the credentials of its ends and
//! the rules stay the same.

use super::dress;
use super::filter::{Filtered, filter};
use super::frame::{Content, Context, Frame};
use super::ip::{Ip, Layers};
use super::matches::characteristics;
use super::table::{End, RuleTable};

/// Flows that are remembered.
const FLOWS: usize = 128;

/// All that steady rules may ask of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow {
    nodes: [u64; 2],
    macs: [u64; 2],
    addresses: [u128; 2],
    /// Direction, multicast, broadcast, and the flags of TCP.
    characteristics: u64,
    ports: [Option<u16>; 2],
    vlan: u16,
    ethertype: u16,
    protocol: u8,
    tos: u8,
}

impl Flow {
    /// `None` for what is no flow: neither TCP nor UDP, or more of it is judged than this holds.
    fn of(frame: &Frame<'_>) -> Option<Self> {
        if !dress::is_plain(frame) {
            return None;
        }
        let layers = Layers::of(Content::of(frame));
        let (ip, transport) = (layers.ip?, layers.transport?);
        if !transport.has_flows() {
            return None;
        }
        let address = |end| match ip {
            Ip::V4(_) => ip.v4(end).map(u128::from),
            Ip::V6(_) => ip.v6(end),
        };
        Some(Self {
            nodes: [frame.source, frame.destination],
            macs: [frame.source_mac, frame.destination_mac],
            addresses: [address(End::Source)?, address(End::Destination)?],
            characteristics: characteristics(frame, &layers),
            ports: [layers.port(End::Source), layers.port(End::Destination)],
            vlan: frame.vlan,
            ethertype: frame.ethertype,
            protocol: transport.protocol,
            tos: ip.tos(),
        })
    }

    /// Its place in the table. Whoever makes flows meet there gains nothing: each is looked at anew.
    fn place(&self) -> usize {
        let [source, destination] = self.ports.map(|port| usize::from(port.unwrap_or(0)));
        let [from, to] = self.addresses.map(|address| address as usize);
        let flags = self.characteristics as usize ^ (self.characteristics >> 63) as usize;
        let mixed = source ^ destination.rotate_left(3) ^ from ^ to.rotate_left(5) ^ flags;
        (mixed ^ mixed >> 7) % FLOWS
    }
}

/// The decisions of one network about the flows of late.
#[derive(Debug)]
pub struct Recent {
    decided: Box<[Option<(Flow, Filtered)>]>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { decided: vec![None; FLOWS].into() }
    }
}

impl Recent {
    /// Forget all: credentials changed.
    pub fn clear(&mut self) {
        self.decided.fill(None);
    }

    /// As [`filter`] does, with what is remembered of it. Rules, the receiver's configuration and the
    /// credentials of each node must be as in the last call, or the table be cleared.
    pub fn filter(
        &mut self,
        base: &RuleTable,
        capabilities: &[RuleTable],
        frame: &Frame<'_>,
        context: &Context<'_>,
        random: impl FnMut() -> u32,
    ) -> Filtered {
        let steady = base.is_steady() && capabilities.iter().all(RuleTable::is_steady);
        let flow = if steady { Flow::of(frame) } else { None };
        let Some((flow, entry)) =
            flow.and_then(|flow| self.decided.get_mut(flow.place()).map(|entry| (flow, entry)))
        else {
            return filter(base, capabilities, frame, context, random);
        };
        match entry {
            Some((known, filtered)) if *known == flow => *filtered,
            _ => {
                let filtered = filter(base, capabilities, frame, context, random);
                *entry = Some((flow, filtered));
                filtered
            }
        }
    }
}
