//! Frames of peers on their way to the TAP: the gate, the rules, the bridging checks (03, 5, 7.2, 8.6).

use super::Switch;
use super::common::Common;
use super::copies::{INBOUND, Observed};
use super::counters::Counter;
use super::egress::{Egress, Held, Origin};
use super::filter::{Candidate, NodeCredentials, Passage};
use super::frames::{self, EXT_FRAME, ExtFrame, FRAME, Frame, MULTICAST_FRAME, MulticastFrame};
use super::network::{Group, GroupId, Member, Network, NetworkTables};
use super::output::Output;
use super::paths::Path;
use super::punt::{Punt, PuntKind};
use super::ration::Asks;
use super::tables::{Map, Table};
use super::vl1::Vl1;
use crate::ethernet::{self, Header};

/// Longest data of a multicast frame (01, 6.18).
const MAX_MULTICAST: usize = 10_000;

/// An authenticated, decrypted and decompressed packet.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// The path it came by; of a fragmented packet, its head.
    pub path: Path,
    /// Whose it is.
    pub source: u64,
    /// Its ID on the wire.
    pub packet_id: u64,
    /// How often it was relayed.
    pub hops: u8,
    /// The cipher suite it came with.
    pub suite: u8,
    /// The verb, without flags.
    pub verb: u8,
    /// How many bytes came, compressed as it was, of what no punt has told yet: who sends them may have so many
    /// answered, times three, by a path that it did not show to be its own.
    pub size: usize,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl Opened<'_> {
    pub(super) const fn carries_frame(&self) -> bool {
        matches!(self.verb, FRAME | EXT_FRAME | MULTICAST_FRAME)
    }

    pub(super) fn punt(&self, kind: PuntKind) -> Punt {
        Punt {
            path: Some(self.path),
            source: self.source,
            packet_id: self.packet_id,
            hops: self.hops,
            suite: self.suite,
            verb: self.verb,
            size: self.size,
            ..Punt::new(kind)
        }
    }

    pub(super) fn punt_with_payload(&self, kind: PuntKind) -> Punt {
        Punt { data: self.payload.to_vec(), ..self.punt(kind) }
    }
}

impl Switch {
    /// Process again an opened frame packet that was punted. What is still refused is dropped. `judged`:
    /// not the gate refused it but the rules did, and all else was done.
    pub fn deliver(&mut self, packet: &Opened<'_>, judged: bool, now: u64, out: &mut Output) {
        if !packet.carries_frame() {
            return self.count(Counter::DropVerb);
        }
        match self.admit(packet, judged, now, out) {
            Ok(()) => {}
            Err(Refused::Rules(_)) if judged => {}
            Err(refused) => self.count(refused.counter()),
        }
    }

    /// A frame packet, for the first time: the engines are asked about senders that are not admitted.
    pub(super) fn receive_frame(&mut self, packet: &Opened<'_>, now: u64, out: &mut Output) {
        match self.admit(packet, false, now, out) {
            Err(Refused::Gate(network)) if self.vl1.affords(packet.source, Asks::Frame, now) => {
                self.punt(Punt { network, ..packet.punt_with_payload(PuntKind::Gate) }, out);
            }
            Ok(()) | Err(Refused::Gate(_)) => {}
            Err(Refused::Rules(network)) => {
                self.count(Counter::DropRules);
                // Its credentials may be on their way up: frames overtake them.
                let tables = self.networks.get(&network);
                if tables.is_some_and(|tables| tables.is_worth_asking(packet.source, now))
                    && self.vl1.affords(packet.source, Asks::Frame, now)
                {
                    // What else it asks for has told its size.
                    let punt = packet.punt_with_payload(PuntKind::Rules);
                    self.punt(Punt { network, size: 0, ..punt }, out);
                }
            }
            Err(refused) => self.count(refused.counter()),
        }
    }

    fn admit(
        &mut self,
        packet: &Opened<'_>,
        judged: bool,
        now: u64,
        out: &mut Output,
    ) -> Result<(), Refused> {
        let id = frames::network_of(packet.payload).ok_or(Refused::Drop(Counter::DropMalformed))?;
        let tables = self.networks.get_mut(&id).ok_or(Refused::Drop(Counter::DropNetwork))?;
        let admitted = tables.is_admitted(packet.source);
        let NetworkTables { installed: Some(network), members, groups, nobody, common } = tables
        else {
            return Err(Refused::Drop(Counter::DropNetwork));
        };
        if !admitted {
            return Err(Refused::Gate(id));
        }
        let vl1 = &mut self.vl1;
        let known = Known { members, groups, nobody, common };
        let mut delivery =
            Delivery { vl1, network, known, packet, judged, refused: false, now, out };
        match delivery.run() {
            Err(Counter::DropRules) => Err(Refused::Rules(id)),
            Ok(()) if delivery.refused => Err(Refused::Rules(id)),
            outcome => outcome.map_err(Refused::Drop),
        }
    }
}

/// Why a frame packet was not processed.
enum Refused {
    /// Its sender is not admitted to this network.
    Gate(u64),
    /// The rules of this network refuse it.
    Rules(u64),
    Drop(Counter),
}

impl Refused {
    const fn counter(&self) -> Counter {
        match self {
            Self::Gate(_) => Counter::DropGate,
            Self::Rules(_) => Counter::DropRules,
            Self::Drop(counter) => *counter,
        }
    }
}

/// What is known of the network the frame is for.
struct Known<'a> {
    members: &'a mut Table<u64, Member>,
    groups: &'a Map<GroupId, Group>,
    nobody: &'a NodeCredentials,
    common: &'a Common,
}

/// One frame packet of an admitted member. Steps fail with the reason to count.
struct Delivery<'a> {
    vl1: &'a mut Vl1,
    network: &'a Network,
    known: Known<'a>,
    packet: &'a Opened<'a>,
    /// It was here before, and all but what the rules refused was done: nothing is spent, sent on,
    /// acknowledged or gathered twice.
    judged: bool,
    /// The rules refused the frame of a packet that counts all the same.
    refused: bool,
    now: u64,
    out: &'a mut Output,
}

impl Delivery<'_> {
    fn run(&mut self) -> Result<(), Counter> {
        match self.packet.verb {
            FRAME => self.frame(),
            EXT_FRAME => self.ext_frame(),
            _ => self.multicast_frame(),
        }
    }

    fn frame(&mut self) -> Result<(), Counter> {
        let frame = Frame::parse(self.packet.payload).ok_or(Counter::DropMalformed)?;
        self.accepted();
        if frame.data.is_empty() {
            return Ok(());
        }
        let (destination, source) = (self.network.mac, self.sender_mac());
        let header = Header { destination, source, ethertype: frame.ethertype };
        let passage = self.judge(header, frame.data)?;
        self.pass(&passage, header, frame.data)
    }

    fn ext_frame(&mut self) -> Result<(), Counter> {
        let frame = ExtFrame::parse(self.packet.payload).ok_or(Counter::DropMalformed)?;
        self.accepted();
        if !frame.data.is_empty() {
            self.ext_frame_data(&frame)?;
        }
        if frame.acknowledge && !self.judged && self.affords() {
            let punt = Punt { network: self.network.id, ..self.packet.punt(PuntKind::Ack) };
            self.vl1.punt(punt, self.out);
        }
        Ok(())
    }

    /// Fails where the frame is not even acknowledged.
    fn ext_frame_data(&mut self, frame: &ExtFrame<'_>) -> Result<(), Counter> {
        let header = frame.header;
        if header.source == 0 || header.source == self.network.mac {
            return Err(Counter::DropSourceMac);
        }
        if ethernet::is_multicast(header.destination) {
            self.spend((header.destination, 0))?;
        }
        let outcome = match self.judge(header, frame.data) {
            Err(counter) => Err(counter),
            Ok(passage) => {
                if !passage.unchecked && passage.redirect.is_none() {
                    self.check_addresses(header)?;
                }
                self.pass(&passage, header, frame.data)
            }
        };
        self.count_failure(outcome);
        Ok(())
    }

    /// Whether these MACs may be sent by this peer to us (03, 7.2, steps 3 and 4).
    fn check_addresses(&self, header: Header) -> Result<(), Counter> {
        let allowed = if header.source != self.sender_mac() {
            return self.learn_bridged(header.source);
        } else if header.destination == self.network.mac {
            true
        } else if ethernet::is_multicast(header.destination) {
            self.network.config.multicast_limit != 0
        } else {
            self.network.we_bridge
        };
        if allowed { Ok(()) } else { Err(Counter::DropBridge) }
    }

    fn multicast_frame(&mut self) -> Result<(), Counter> {
        let frame = MulticastFrame::parse(self.packet.payload).ok_or(Counter::DropMalformed)?;
        self.accepted();
        if self.network.config.multicast_limit == 0 {
            return Err(Counter::DropMulticast);
        }
        self.spend((frame.mac, frame.adi))?;
        if frame.data.len() > MAX_MULTICAST {
            self.vl1.counters.add(Counter::DropMtu);
        } else if !frame.data.is_empty() {
            self.multicast_data(&frame)?;
        }
        let gathers = frame.gather_limit > 0 && !self.judged;
        if gathers && self.may_gather((frame.mac, frame.adi)) && self.affords() {
            let punt = Punt {
                network: self.network.id,
                mac: frame.mac,
                adi: frame.adi,
                limit: frame.gather_limit,
                ..self.packet.punt(PuntKind::Gather)
            };
            self.vl1.punt(punt, self.out);
        }
        Ok(())
    }

    /// Fails where not even the gathering is answered.
    fn multicast_data(&mut self, frame: &MulticastFrame<'_>) -> Result<(), Counter> {
        let source = frame.source.unwrap_or(self.sender_mac());
        if !ethernet::is_multicast(frame.mac) {
            return Err(Counter::DropMulticast);
        }
        if source == 0 || ethernet::is_multicast(source) || source == self.network.mac {
            return Err(Counter::DropSourceMac);
        }
        if source != self.sender_mac() {
            self.learn_bridged(source)?;
        }
        let header = Header { destination: frame.mac, source, ethertype: frame.ethertype };
        if frame.replicate && self.network.config.replicates && !self.judged {
            self.replicate(header, frame.data);
        }
        let outcome = self
            .judge(header, frame.data)
            .and_then(|passage| self.pass(&passage, header, frame.data));
        self.count_failure(outcome);
        Ok(())
    }

    /// A multicast frame, out of the budget of its sender.
    fn spend(&self, group: GroupId) -> Result<(), Counter> {
        let (sender, allowance) = (self.packet.source, self.network.config.receive_budget);
        let fits = self.judged || self.known.common.may_receive(sender, group, allowance, self.now);
        if fits { Ok(()) } else { Err(Counter::DropReceiveBudget) }
    }

    /// Whether the engines have time for what the frame asks.
    fn affords(&mut self) -> bool {
        self.vl1.affords(self.packet.source, Asks::Frame, self.now)
    }

    fn may_gather(&self, group: GroupId) -> bool {
        self.known.common.may_gather(self.packet.source, group, self.now)
    }

    /// Send it on to the members of its group, only after its source MAC was checked: what replicators send
    /// passes for what bridges send.
    fn replicate(&mut self, header: Header, payload: &[u8]) {
        let Self { vl1, network, known, packet, now, out, .. } = self;
        let (origin, now) = (Origin::Member(packet.source), *now);
        let mut egress = Egress { vl1, header, payload, origin, now, out };
        match egress.replicate_in(network, known.groups, known.members, known.nobody) {
            Ok(()) => {}
            Err(Held::Drop(counter)) => self.vl1.counters.add(counter),
            Err(Held::Punt(_)) if !self.affords() => {}
            Err(Held::Punt(reason)) => {
                let data = [&header.bytes(), payload].concat();
                let (network, source) = (self.network.id, self.packet.source);
                let frame = Punt::new(PuntKind::Frame);
                let punt = Punt { network, source, reason: Some(reason), data, ..frame };
                self.vl1.punt(punt, self.out);
            }
        }
    }

    /// The packet proved common membership (02, 4.8).
    fn accepted(&mut self) {
        self.vl1.peers.accepted_frame(self.packet.source, self.now);
        self.vl1.paths.trust(self.packet.source, self.packet.path, self.now);
    }

    /// Only an active bridge sends frames of others; remember where they are.
    fn learn_bridged(&self, source: u64) -> Result<(), Counter> {
        if !self.network.is_bridge(self.packet.source) {
            return Err(Counter::DropBridge);
        }
        self.known.common.learn_bridge(source, self.packet.source);
        Ok(())
    }

    fn judge(&mut self, header: Header, payload: &[u8]) -> Result<Passage, Counter> {
        let (own, source) = (self.vl1.address, self.packet.source);
        let Known { members, nobody, .. } = &self.known;
        let sender = members.get(&source).map_or(*nobody, |member| &member.credentials);
        let frame = Candidate { inbound: true, own, source, destination: own, header, payload };
        self.network.judge(&frame, sender, || self.vl1.random())
    }

    /// Serve the observers; then the frame is for the TAP, unless it is redirected.
    fn pass(&mut self, passage: &Passage, header: Header, payload: &[u8]) -> Result<(), Counter> {
        let Self { vl1, network, known: Known { members, .. }, now, out, .. } = self;
        let mut observed = Observed { vl1, network, members, header, payload, now: *now, out };
        if observed.send(passage, &INBOUND) { Ok(()) } else { self.write(header, payload) }
    }

    /// A frame that is not delivered, of a packet that counts all the same.
    fn count_failure(&mut self, outcome: Result<(), Counter>) {
        match outcome {
            Ok(()) => {}
            Err(Counter::DropRules) => self.refused = true,
            Err(counter) => self.vl1.counters.add(counter),
        }
    }

    fn write(&mut self, header: Header, payload: &[u8]) -> Result<(), Counter> {
        if payload.len() > self.network.config.mtu {
            return Err(Counter::DropMtu);
        }
        self.vl1.counters.add(Counter::FramesRx);
        self.out.frame(self.network.id, header, payload);
        Ok(())
    }

    const fn sender_mac(&self) -> u64 {
        ethernet::mac_of(self.packet.source, self.network.id)
    }
}
